"""Stage 1: scan a source, plan the rows of a report, and copy or move the files into the archive."""
