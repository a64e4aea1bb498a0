"""Stage 3: quarantining, deleting and restoring verified originals."""
