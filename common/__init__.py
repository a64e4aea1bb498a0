"""What more than one of the three scripts needs, or what is a subject of its own.

The arrows go one way: ``errors, run_id`` <- ``scan, hashing, dates`` <- ``fileops`` <- ``manifests,
state`` <- ``cli``. ``tests/test_structure.py`` keeps it so.
"""
