"""Run commands against each other, in turn, round after round, and compare the medians.

On a shared machine no single time means anything. Every round runs each contender once, so that what disturbs one
disturbs its neighbours too, and only ratios of medians are quoted.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

if sys.platform == "win32":
    raise SystemExit("the benchmarks need a Unix system; the scripts themselves do not")


def nothing() -> None:
    """What is to be prepared for most contenders."""


@dataclass(frozen=True)
class Contender:
    """One command line. ``prepare`` runs before each measurement and is not measured.

    ``needs`` is the program that must be installed, and ``version`` what asks it for its version. ``kind`` is ours,
    peer or floor (what the hardware allows).
    """

    name: str
    command: Sequence[str]
    prepare: Callable[[], None] = nothing
    needs: str = ""
    version: Sequence[str] = ()
    kind: str = "peer"
    good_exits: tuple[int, ...] = (0,)

    @property
    def is_installed(self) -> bool:
        return not self.needs or shutil.which(self.needs) is not None

    def version_text(self) -> str:
        """The first line of what it says of its version, empty for what has none."""
        if not self.version:
            return ""
        told = subprocess.run(self.version, capture_output=True, text=True, check=False)
        lines = (told.stdout + told.stderr).strip().splitlines()
        return lines[0] if lines else ""


@dataclass(frozen=True)
class Race:
    """Contenders for one job. ``work`` says how much it is; ``caches`` which of cold and warm are run."""

    title: str
    work: str
    contenders: Sequence[Contender]
    caches: Sequence[str] = ("cold", "warm")


@dataclass
class Timing:
    """All rounds of one contender: wall-clock and processor seconds."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)


def run_race(race: Race, cache: str, rounds: int) -> dict[str, Timing]:
    """Run every installed contender ``rounds`` times with a ``cold`` or ``warm`` cache."""
    present = [contender for contender in race.contenders if contender.is_installed]
    timings = {contender.name: Timing() for contender in present}
    for number in range(rounds):
        # The one who goes first meets what the round before left behind: take turns.
        turn = number % len(present)
        for contender in present[turn:] + present[:turn]:
            contender.prepare()
            settle(cold=cache == "cold")
            wall, cpu = _measure(contender)
            timings[contender.name].wall.append(wall)
            timings[contender.name].cpu.append(cpu)
            print(f"  {race.title}, {cache}, round {number + 1}: {contender.name}: {wall:.2f} s", file=sys.stderr)
    return timings


def settle(cold: bool) -> None:
    """Write out what is dirty, so that nobody pays for another; for ``cold`` also forget what was read."""
    os.sync()
    if cold:
        Path("/proc/sys/vm/drop_caches").write_text("3\n")


def can_drop_caches() -> bool:
    """Whether this process may make the machine forget what it has read: Linux, as root."""
    return sys.platform == "linux" and os.geteuid() == 0 and os.access("/proc/sys/vm/drop_caches", os.W_OK)


def _measure(contender: Contender) -> tuple[float, float]:
    before = os.times()
    start = time.perf_counter()
    done = subprocess.run(
        contender.command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False
    )
    wall = time.perf_counter() - start
    after = os.times()
    if done.returncode not in contender.good_exits:
        raise SystemExit(f"{contender.name} ended with {done.returncode}: {done.stderr.decode(errors='replace')}")
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return wall, cpu


def table(race: Race, cache: str, timings: dict[str, Timing]) -> str:
    """A Markdown table: medians, and how many times ours each one took."""
    ours = next(contender.name for contender in race.contenders if contender.kind == "ours")
    base = statistics.median(timings[ours].wall)
    lines = [
        f"### {race.title}, {cache} cache",
        "",
        f"{race.work}; {len(timings[ours].wall)} rounds.",
        "",
        "| what | median s | fastest to slowest s | processor s | times ours |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for contender in race.contenders:
        mark = {"ours": "**ours**: ", "floor": "floor: ", "peer": ""}[contender.kind]
        if contender.name not in timings:
            lines.append(f"| {mark}{contender.name} | not installed | | | |")
            continue
        timing = timings[contender.name]
        median = statistics.median(timing.wall)
        lines.append(
            f"| {mark}{contender.name} | {median:.2f} | {min(timing.wall):.2f} to {max(timing.wall):.2f} "
            f"| {statistics.median(timing.cpu):.2f} | {median / base:.2f} |"
        )
    return "\n".join(lines) + "\n"
