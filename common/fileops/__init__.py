"""The only package that changes the disk. Callers have decided; functions refuse when the disk has changed since."""
