"""The small language of the tests: dict trees in and out, tiny media, the three scripts, their tables."""
