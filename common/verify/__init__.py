"""Stage 2: the proof that each source file has an identical copy in the archive."""
