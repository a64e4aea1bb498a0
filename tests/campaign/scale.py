"""How large the campaign is: a seeded slice for CI, or all of it.

``CAMPAIGN=full`` chooses the full size, ``CAMPAIGN_SEED`` another series of random points (the same seed gives the same
points).
"""

from __future__ import annotations

import os
import random
from typing import TypeVar

Value = TypeVar("Value")

FULL = os.environ.get("CAMPAIGN") == "full"
SEED = int(os.environ.get("CAMPAIGN_SEED", "1"))


def sized(in_a_slice: Value, in_full: Value) -> Value:
    """One value for the slice, another for the full size."""
    return in_full if FULL else in_a_slice


def dice(*about: object) -> random.Random:
    """A random generator of its own for each subject, so that one part's points don't depend on another's."""
    return random.Random(":".join(map(str, (SEED, *about))))
