"""Whole runs of the three scripts, written from the contract: what goes in, what comes out, what never changes."""
