"""Reading the bytes of files: digests, comparisons, and whether the storage medium itself was read."""
