"""Nothing is counted good that is not: what reports, proofs and journals claim, held against the disk."""

from __future__ import annotations

import os
from pathlib import Path

from common.manifests.reader import Reader
from tests.campaign.fixtures import World
from tests.campaign.invariants import digest_of, files_below, is_table
from tests.support.tables import Row

_exists = os.path.lexists
_STORED = ("copied", "moved", "already_archived", "duplicate")


def false_claims(world: World) -> list[str]:
    """A complaint for each row of any CSV file that says more than is so. Tables must be readable (see invariants)."""
    complaints: list[str] = []
    for path in files_below(*world.record_roots):
        name = os.path.basename(path)
        if not is_table(path) or b"\n" not in Path(path).read_bytes():
            continue
        rows = _whole_rows(path)
        if name.startswith("report") and "restore" not in name:
            complaints += _claimed_by_report(rows)
        elif name.startswith("verified"):
            complaints += [complaint for row in rows for complaint in _claimed_by_proof(row)]
        elif name == "journal.csv":
            complaints += _claimed_by_journal(rows)
    return complaints


def _whole_rows(path: str) -> list[Row]:
    """The rows up to a torn last one, which nobody believes."""
    with Reader(path, ()) as reader:
        return [record.values for record in reader]


def _claimed_by_report(rows: list[Row]) -> list[str]:
    """What a run that acted says is stored. A restored move is the one honest way for it not to be there."""
    if not any(row["status"] in ("copied", "moved") for row in rows):
        return []
    given_back = {row["destination_path"] for row in rows if row["status"] == "moved" and _exists(row["source_path"])}
    return [
        complaint
        for row in rows
        if row["status"] in _STORED and row["destination_path"] not in given_back
        for complaint in _claimed_to_be_stored(row)
    ]


def _claimed_to_be_stored(row: Row) -> list[str]:
    stored, source = row["destination_path"], row["source_path"]
    if not _exists(stored):
        return [f"FALSE: {stored} is not there, by row {row['row_id']}, {row['status']}"]
    digest = digest_of(stored)
    if row["sha256"] and digest != row["sha256"]:
        return [f"FALSE: {stored} is not what its row says"]
    if _exists(source) and digest_of(source) != digest:
        return [f"FALSE: {stored} is not {source}"]
    return []


def _claimed_by_proof(row: Row) -> list[str]:
    if row["status"] != "identical":
        return []
    stored, source = row["destination_path"], row["source_path"]
    if not os.path.lexists(stored) or digest_of(stored) != row["sha256"]:
        return [f"FALSE: {stored} is said to be identical"]
    if os.path.lexists(source) and digest_of(source) != row["sha256"]:
        return [f"FALSE: {source} is said to be identical"]
    return []


def _claimed_by_journal(rows: list[Row]) -> list[str]:
    """What the last word on each file says must be so, as far as no restore or purge came after it."""
    last = {
        row["row_id"]: row for row in rows if row["action"] in ("quarantine", "delete") and row["phase"] != "planned"
    }
    complaints = []
    for row in last.values():
        here = os.path.lexists(row["source_path"])
        if row["phase"] != "done":
            continue
        if (
            row["action"] == "quarantine"
            and os.path.lexists(row["to_path"])
            and digest_of(row["to_path"]) != row["sha256"]
        ):
            complaints.append(f"FALSE: {row['to_path']} is not what was quarantined")
        if row["action"] == "delete" and (here or os.path.lexists(row["to_path"])):
            complaints.append(f"FALSE: {row['source_path']} is said to be deleted")
        if row["action"] in ("quarantine", "delete") and digest_of(row["destination_path"]) != row["sha256"]:
            complaints.append(f"FALSE: {row['destination_path']} is not the copy that allowed it")
    return complaints
