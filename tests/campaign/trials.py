"""What became of one disturbed run, and how a test tells of many of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest

_SHOWN = 30


@dataclass(frozen=True, slots=True)
class Trial:
    """How many runs were disturbed (a run may end before its kill), and every complaint."""

    disturbed: int
    complaints: tuple[str, ...]


def conclude(record_points: Callable[[str, int, int], None], part: str, trials: Sequence[tuple[str, Trial]]) -> None:
    """Add to the figures of a part, and fail with all complaints, each with the point at which it came up."""
    bad = [(point, trial) for point, trial in trials if trial.complaints]
    record_points(part, sum(trial.disturbed for _, trial in trials), len(bad))
    if bad:
        told = [f"{point}:\n    " + "\n    ".join(trial.complaints[:6]) for point, trial in bad]
        pytest.fail(f"{len(bad)} of {len(trials)} points:\n" + "\n".join(told[:_SHOWN]), pytrace=False)
