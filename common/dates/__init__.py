"""Finds when a photo or video was taken: readers collect candidates, and ``choose`` decides between them."""
