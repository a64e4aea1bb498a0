"""What stands behind ``common/review_page.py``: the figures, their words, the templates and the maker of thumbnails."""
