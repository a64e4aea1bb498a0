"""When a photo or video was taken: path -> candidates with their source -> one date with its reason.

``model`` has the values. ``formats``, ``filename``, ``sidecar`` and ``filesystem`` find candidates, ``choose`` decides.
Nothing in this package changes the disk.
"""
