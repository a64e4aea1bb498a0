"""The review page: collectors of rows, their figures and labels, the templates, and the maker of thumbnails."""
