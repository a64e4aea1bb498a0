"""When a photo or video was taken: path -> candidates with their source -> one date with its reason.

``model`` holds the values, ``read`` asks the file, ``filename``, ``sidecar`` and ``filesystem`` ask
its surroundings, and ``choose`` decides. Nothing in this package changes the disk.
"""
