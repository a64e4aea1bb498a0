"""The CSV files and JSON state files through which the three scripts exchange data."""
