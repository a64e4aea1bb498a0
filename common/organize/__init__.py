"""Stage 1: from a scanned source to rows of a report, and their copies in the archive."""
