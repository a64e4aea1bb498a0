"""What stands behind ``common/review/page.py``: the figures, their words, the templates and the maker of thumbnails."""
