"""The modules of the three scripts. ``LAYERS`` in ``tests/test_structure.py`` defines which may import which."""
