"""The modules of the three scripts. ``LAYERS`` in ``tests/test_structure.py`` says which may import which."""
