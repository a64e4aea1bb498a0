"""The only package that changes the disk. Callers decide; functions refuse if the disk has changed since then."""
