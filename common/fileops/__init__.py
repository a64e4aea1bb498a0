"""The only package that changes the disk.

Every function says what it changes. New content always gets a temporary name in its target folder, is synced, and is
then renamed without replacing anything. Nothing here decides: callers have decided, and these functions refuse when the
disk has changed since.
"""
