"""When a photo or video was taken: readers find candidates in a file and beside it, and ``choose`` decides."""
