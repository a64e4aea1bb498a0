"""Stage 3: taking verified originals out of the source, and bringing them back."""
