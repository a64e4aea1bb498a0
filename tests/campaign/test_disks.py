"""The disks campaign: the whole flow on every kind of disk that people have, with a remount after each stage.

Each kind is the source, the archive or the quarantine; the other disks are ext4. After each stage everything is
unmounted and the media are read: no content may be lost, and no file under a photo's name may be empty or cut. A stage
comes to its end, or asks for an option with which it does, or is refused and has changed nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pytest

from tests.campaign import disk_kinds as kinds
from tests.campaign.disk_flows import CACHED_READS, Journey, Outcome, journey
from tests.campaign.disk_table import record_cell
from tests.campaign.disks import Kind
from tests.campaign.figures import RecordPoints
from tests.campaign.product import Product
from tests.campaign.scale import sized
from tests.campaign.side_by_side import Task, side_by_side
from tests.campaign.trials import Trial, conclude

pytestmark = pytest.mark.campaign

PART = "disks"
DESTROYING = frozenset({"move", "purge", "delete"})
SEQUENCES = {
    "source": (
        ("report", "copy", "verify", "quarantine", "restore"),
        ("copy", "verify", "quarantine", "purge"),
        ("copy", "verify", "delete"),
        ("move",),
    ),
    "quarantine": (("copy", "verify", "quarantine", "restore"), ("copy", "verify", "quarantine", "purge")),
}
SEQUENCES["archive"] = SEQUENCES["source"]
KINDS = {
    "source": sized(
        (
            kinds.EXFAT,
            kinds.SSHFS,
            kinds.MERGERFS,
            kinds.SQUASHFS,
            kinds.FUSEISO,
            kinds.cloud("1.60", "writes"),
            kinds.DISK_IN_SOURCE,
        ),
        (*kinds.WRITABLE, *kinds.READ_ONLY, kinds.DISK_IN_SOURCE),
    ),
    "archive": sized(
        (kinds.NTFS, kinds.SSHFS, kinds.OVERLAY_IN_MEMORY, kinds.cloud("newer", "minimal"), kinds.DISK_IN_ARCHIVE),
        (*kinds.WRITABLE, kinds.DISK_IN_ARCHIVE),
    ),
    "quarantine": sized((kinds.EXFAT, kinds.TMPFS, kinds.UNIONFS), kinds.WRITABLE),
}


def may_be_refused(role: str, kind: Kind, stage: str) -> bool:
    """Whether a refusal of this stage is what a person should get."""
    match role:
        case "source":
            return (not kind.is_writable and stage in ("quarantine", "delete", "move")) or (
                not kind.can_append and stage in ("quarantine", "delete")
            )
        case "archive":
            return stage in DESTROYING and (kind.is_memory or (stage == "move" and not kind.has_medium))
        case _:
            return stage == "quarantine" and (kind.is_memory or not kind.can_append)


def unexpected(role: str, kind: Kind, outcome: Outcome) -> list[str]:
    """What is wrong with how a stage ended."""
    where = f"{outcome.stage} with {kind} as the {role}"
    told = [f"{where}: {fault}" for fault in outcome.faults]
    if outcome.is_refused and not may_be_refused(role, kind, outcome.stage):
        told.append(f"{where}: exit {outcome.code}: {outcome.sentence}")
    if outcome.code == 1 and kind.is_writable and not kind.inner:
        told.append(f"{where}: rows fail: {outcome.sentence}")
    if role == "quarantine" and kind.is_memory and outcome.stage == "quarantine" and not outcome.is_refused:
        told.append(f"{where}: what is there is gone at the next boot")
    asks = role == "archive" and not kind.has_medium and outcome.stage in ("delete", "purge")
    if asks and outcome.code in (0, 1) and outcome.option != CACHED_READS:
        told.append(f"{where}: destroyed after a read that a cache may have answered, without a question")
    return told


def follow_advice(trip: Journey) -> None:
    """A move that was refused tells to copy: that must get on."""
    if trip.outcomes[-1].stage == "move" and trip.outcomes[-1].is_refused and "copy" in trip.outcomes[-1].sentence:
        trip.go("copy")


def tasks_of(kind: Kind) -> dict[str, Task[list[tuple[str, Outcome]]]]:
    """Each sequence of stages with this kind in each role: the outcomes, with their roles."""

    def flow(role: str, stages: Sequence[str], product: Product, folder: Path) -> list[tuple[str, Outcome]]:
        with journey(product, folder, role=role, kind=kind) as trip:
            trip.go(*stages)
            follow_advice(trip)
            return [(role, trip.neutral_of(outcome)) for outcome in trip.outcomes]

    return {
        f"{role}: {' - '.join(stages)}": partial(flow, role, stages)
        for role, chosen in KINDS.items()
        if kind in chosen
        for stages in SEQUENCES[role]
    }


@pytest.mark.parametrize("kind", dict.fromkeys(kind for chosen in KINDS.values() for kind in chosen), ids=str)
def test_the_flow_on_a_disk(
    kind: Kind, product: Product, tmp_path: Path, request: pytest.FixtureRequest, record_points: RecordPoints
) -> None:
    kind.require()
    found = side_by_side(tasks_of(kind), tmp_path, product, kind.at_once)
    trials = []
    for name, outcomes in found.items():
        for role, outcome in outcomes:
            record_cell(request.node, role, kind.name, outcome.stage, outcome.describe())
            trials.append((name, Trial(1, tuple(unexpected(role, kind, outcome)))))
    conclude(record_points, PART, trials)
