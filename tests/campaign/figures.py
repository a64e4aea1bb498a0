"""How much the campaign tried and what it lost, added up part by part over all processes that pytest runs in.

A figure travels as a property of its test, which pytest hands on from worker processes too. ``tests/conftest.py``
registers the plugin, since the process that gathers the figures reads no other conftest when workers do the tests.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from tests.campaign.scale import FULL, SEED

RecordPoints = Callable[[str, int, int], None]
"""``record_points("kill", tried=230, losses=0)``: the type of the fixture of that name."""

_PROPERTY = "campaign"
_IN_WORKER = "PYTEST_XDIST_WORKER" in os.environ


def recorder(node: pytest.Item) -> RecordPoints:
    """Adds to the figures of one part, from within a test."""

    def record(part: str, tried: int, losses: int) -> None:
        node.user_properties.append((_PROPERTY, (part, tried, losses)))

    return record


class Figures:
    """Points tried and losses found, per part, in the order in which the parts first spoke. A plugin of pytest.

    At full size it also tells of each test as it ends, so that a campaign of hours which is stopped has said all that
    it found.
    """

    def __init__(self) -> None:
        self.tried: dict[str, int] = {}
        self.losses: dict[str, int] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Once a test has ended, count what it recorded: the report of its teardown has all."""
        if FULL and report.failed and not _IN_WORKER:
            print(f"\n{report.nodeid}, {report.when}:\n{report.longreprtext}", flush=True)
        if report.when != "teardown":
            return
        if FULL and not _IN_WORKER:
            recorded = [value for name, value in report.user_properties if name == _PROPERTY]
            print(f"\n{report.nodeid}: {recorded}", flush=True)
        for name, value in report.user_properties:
            if name == _PROPERTY and isinstance(value, (tuple, list)):
                part, tried, losses = value
                self.tried[part] = self.tried.get(part, 0) + tried
                self.losses[part] = self.losses.get(part, 0) + losses

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """The closing lines."""
        if not self.tried:
            return
        terminalreporter.section(
            f"campaign, {'full size' if FULL else 'a slice of it (CAMPAIGN=full for all)'}, seed {SEED}"
        )
        lines = [(part, tried, self.losses[part]) for part, tried in self.tried.items()]
        lines.append(("all", sum(self.tried.values()), sum(self.losses.values())))
        for part, tried, lost in lines:
            terminalreporter.line(f"{part:<24} {tried:>10,} points tried   {lost:>6,} losses")
