"""The power cuts and aliases of this campaign, run on the tools that people use otherwise: ``make campaign-peers``.

What they lose is no failure of a test: it is counted and printed, with versions. Only that this project loses nothing
in the very same runs is asserted.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.campaign.aliases import ALIASES, YEAR, Alias, Place
from tests.campaign.bit_rot import photo
from tests.campaign.invariants import contents_of, lost_contents
from tests.campaign.loop_images import FILE_SYSTEMS, mounted, require_file_system
from tests.campaign.peers import OURS, PEERS, Peer
from tests.campaign.power_cuts import Disks
from tests.campaign.scale import sized
from tests.campaign.stopped_runs import Stopper
from tests.campaign.strace_points import require_strace
from tests.support.trees import write_tree

pytestmark = [pytest.mark.campaign, pytest.mark.peers]

PHOTOS = {f"{YEAR}/p{seed}.jpg": photo(seed) for seed in range(1, 9)}
MOMENTS = sized(3, 12)
EVERYONE = (*PEERS, OURS)


@dataclass(frozen=True, slots=True)
class Results:
    """What came of each tool in each test, in words, for the table at the end."""

    power: dict[tuple[str, str], str] = field(default_factory=dict)
    aliases: dict[tuple[str, str], str] = field(default_factory=dict)


@pytest.fixture(scope="module")
def results(request: pytest.FixtureRequest) -> Iterator[Results]:
    """The results of this session, printed when all is done."""
    made = Results()
    yield made
    tables = [table("Power cut, two disks", made.power), table("Alias of the source", made.aliases)]
    with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        print("", *("\n".join(lines) for lines in tables), sep="\n\n")


def table(title: str, cells: dict[tuple[str, str], str]) -> list[str]:
    """A Markdown table: tools across, file systems or kinds of alias down."""
    tools = list(dict.fromkeys(tool for tool, _ in cells))
    rows = list(dict.fromkeys(row for _, row in cells))
    lines = ["| " + " | ".join([title, *tools]) + " |", "|" + " --- |" * (len(tools) + 1)]
    return lines + ["| " + " | ".join([row, *(cells.get((tool, row), "") for tool in tools)]) + " |" for row in rows]


def title_of(peer: Peer) -> str:
    if not peer.is_here:
        pytest.skip(f"{peer.program} is missing: apt install {peer.package}")
    return peer.name if peer is OURS else f"{peer.name} ({peer.version()})"


@pytest.mark.parametrize("system", FILE_SYSTEMS)
@pytest.mark.parametrize("peer", EVERYONE, ids=str)
def test_incident_30_a_power_cut_during_and_after_a_move_between_two_disks(
    peer: Peer, system: str, tmp_path: Path, results: Results
) -> None:
    require_strace()
    title = title_of(peer)
    kind = require_file_system(system, tmp_path)
    disks = Disks.blank(tmp_path, kind, "near", "far")
    near, far = (disk.mount_point for disk in disks.all)
    with mounted(*disks.all):
        write_tree(near / "source", PHOTOS)
        (far / "target").mkdir()
        before = contents_of(near)
    start = disks.keep("start")

    def run(at: frozenset[int]) -> tuple[int, list[int]]:
        """Move once, cut the power at these stops and at the end; photos lost by each cut."""
        cuts = []

        def cut(name: str) -> None:
            disks.by_name["near"].sync()
            cuts.append(disks.photograph(name, "near"))

        disks.put_back(start)
        stopper = Stopper(lambda stop: cut(f"at-{stop}") if stop in at else None)
        with mounted(*disks.all):
            assert peer.run(near / "source", far / "target", stopper) == 0
            cut("after-the-end")
        lost = []
        for photograph in cuts:
            disks.put_back(photograph)
            with mounted(*disks.all):
                lost.append(len(lost_contents(before, near, far)))
        return stopper.stops, lost

    stops, _ = run(frozenset())
    _, lost = run(frozenset(1 + stops * part // MOMENTS for part in range(MOMENTS)))
    bad = sum(number > 0 for number in lost)
    worst = f"**lost up to {max(lost)} of {len(PHOTOS)} photos**" if bad else "nothing lost"
    results.power[title, system] = f"{worst}, in {bad} of {len(lost)} cuts"
    if peer is OURS:
        assert not bad


@pytest.mark.parametrize("alias", ALIASES, ids=str)
@pytest.mark.parametrize("peer", EVERYONE, ids=str)
def test_a_move_onto_an_alias_of_the_source(peer: Peer, alias: Alias, tmp_path: Path, results: Results) -> None:
    title = title_of(peer)
    alias.require()
    real, views = tmp_path / "real", tmp_path / "views"
    for path in (real, views):
        path.mkdir()
    with ExitStack() as stack:
        roots = alias.make(Place(real, views, stack))
        before = contents_of(real)
        code = peer.run(roots.source, roots.archive)
    lost = lost_contents(before, real, views)
    results.aliases[title, alias.name] = f"**lost {len(lost)} of {len(before)}**" if lost else f"kept (exit {code})"
    if peer is OURS:
        assert not lost
