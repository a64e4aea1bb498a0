"""The only package that changes the disk.

Every function says what it changes. New content always goes to a temporary name in its target
folder, is synced, and is put in place without replacing anything. Nothing here decides: callers
have decided, and these functions refuse when the disk is no longer what the decision was based on.
"""
