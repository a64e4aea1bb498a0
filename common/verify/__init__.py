"""Stage 2: proving that each source file has an identical copy in the archive."""
