"""Digests and comparisons of files, read from memory or from the storage medium."""
