"""Every object that ``--json`` prints is what docs/json.md and its schemas say, in every mode and however it ends."""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from common.fileops.locking import Lock
from common.manifests.statuses import VerifyStatus
from common.organize.totals import STATUSES
from tests.support import scripts
from tests.support.library import Library, LibraryMaker
from tests.support.media import jpeg, mp4
from tests.support.scripts import APPLY, ORGANIZE, ROOT, VERIFY, Argument
from tests.support.trees import write_tree

SCHEMAS = {script: ROOT / "docs" / "schema" / f"{script.split('_')[0]}.json" for script in (ORGANIZE, VERIFY, APPLY)}
TREE = {
    "p1.jpg": jpeg(datetime(2018, 5, 1), seed=1),
    "p1.xmp": b"<x/>",
    "p2.jpg": jpeg(datetime(2019, 5, 1), seed=2),
    "again/p2.jpg": jpeg(datetime(2019, 5, 1), seed=2),
    "clip.mp4": mp4(datetime(2020, 3, 3), seed=4),
    "notes.txt": b"no media",
}
MEDIA_BYTES = sum(len(data) for name, data in TREE.items() if name != "notes.txt")


def schema_of(script: str) -> dict[str, Any]:
    schema = json.loads(SCHEMAS[script].read_text("utf-8"))
    assert isinstance(schema, dict)
    return schema


def summary_of(script: str, *args: Argument, cwd: Path, expect: int = 0) -> dict[str, Any]:
    """What a script prints with ``--json``: one line of ASCII, held against its schema."""
    result = scripts.call(script, *args, "--json", cwd=cwd, expect=expect)
    assert result.stdout.isascii()
    assert result.stdout.count("\n") == 1
    summary = result.summary
    jsonschema.Draft202012Validator(schema_of(script)).validate(summary)
    assert summary["exit_code"] == result.code
    if summary["error"]:
        assert summary["error"] in result.stderr
    else:
        [total] = {"scanned", "rows"} & summary["counts"].keys()
        parts = {name: number for name, number in summary["counts"].items() if name != total}
        assert sum(parts.values()) == summary["counts"][total]
        for name, amount in summary["amounts"].items():
            assert sum(number for kind, number in amount.items() if kind != "bytes") == summary["counts"][name]
    for path in summary["outputs"].values():
        assert Path(path).is_file()
    return summary


@pytest.fixture
def home(library: LibraryMaker) -> Library:
    return library(TREE)


@pytest.mark.parametrize("script", SCHEMAS)
def test_a_schema_is_itself_sound(script: str) -> None:
    jsonschema.Draft202012Validator.check_schema(schema_of(script))


def test_the_schemas_list_the_statuses_that_there_are() -> None:
    organized = set(schema_of(ORGANIZE)["properties"]["counts"]["propertyNames"]["enum"])
    verified = set(schema_of(VERIFY)["properties"]["counts"]["propertyNames"]["enum"])
    assert organized == {"scanned", *STATUSES}
    assert verified == {"rows", *VerifyStatus}


def test_the_document_lists_the_keys_and_names_of_the_schemas() -> None:
    text = (ROOT / "docs" / "json.md").read_text("utf-8")
    keys = re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)
    for script in SCHEMAS:
        schema = schema_of(script)
        assert keys == list(schema["properties"]) == schema["required"]
        [row] = [line for line in text.splitlines() if line.startswith(f"| {script.split('_')[0]} |")]
        named = set(re.findall(r"`([^`]+)`", row))
        for listed in ("counts", "outputs"):
            for name in schema["properties"][listed]["propertyNames"]["enum"]:
                assert name in named or name in list(VerifyStatus) or name.startswith("would be ")
        assert set(schema["then"]["properties"]["action"]["enum"]) <= named


@pytest.mark.parametrize("mode", ["report", "copy", "move"])
def test_organize(home: Library, mode: str) -> None:
    dry = summary_of(ORGANIZE, *home.organize_line(mode, "--dry-run"), cwd=home.out)
    assert (dry["action"], dry["dry_run"], dry["run_id"], dry["outputs"]) == (mode, True, "", {})
    done = summary_of(ORGANIZE, *home.organize_line(mode), cwd=home.out)
    assert (done["tool"], done["action"], done["dry_run"], done["complete"]) == ("organize", mode, False, True)
    assert done["outputs"] == {"report": str(home.report)}
    assert done["amounts"]["scanned"] == {
        "photos": 3,
        "videos": 1,
        "companions": 1,
        "other_files": 1,
        "bytes": MEDIA_BYTES + len(TREE["notes.txt"]),
    }


def test_organize_from_a_report_whose_source_changed_and_one_that_is_refused(home: Library) -> None:
    home.organize(mode="report")
    (home.source / "p1.jpg").write_bytes(b"another")
    line = ("--from-report", home.report, "--mode", "copy", "--review-html", home.out / "page.html")
    failed = summary_of(ORGANIZE, *line, cwd=home.out, expect=1)
    assert failed["counts"]["failed"] >= 1
    assert set(failed["outputs"]) == {"report", "review"}
    refused = summary_of(ORGANIZE, *home.organize_line("copy"), cwd=home.out, expect=2)
    assert str(home.report) in refused["error"]


def test_verify(home: Library) -> None:
    home.organize()
    first = summary_of(VERIFY, *home.verify_line("--limit", "2"), cwd=home.out)
    assert (first["complete"], first["counts"]["rows"]) == (False, 2)
    home.archive_path("p1.jpg").unlink()
    rest = summary_of(VERIFY, *home.verify_line(), cwd=home.out, expect=1)
    assert (rest["complete"], rest["action"], rest["counts"]["rows"]) == (True, "verify", len(TREE))
    home.archive_path("clip.mp4").unlink()
    scrub = ("--input-csv", home.verified, "--verified-out", home.out / "v2.csv", "--archive-only")
    scrubbed = summary_of(VERIFY, *scrub, "--review-html", home.out / "p.html", cwd=home.out, expect=1)
    assert scrubbed["action"] == "archive-only"
    assert scrubbed["counts"] == {"rows": 4, "archive_intact": 3, "archive_missing": 1}


def test_verify_that_stops_is_locked_out_or_refused(home: Library) -> None:
    home.organize()
    with Lock(str(home.verified) + ".state.json.lock"):
        locked = summary_of(VERIFY, *home.verify_line(), cwd=home.out, expect=4)
    assert "another run" in locked["error"]
    (home.archive / ".media-archive.json").unlink()
    stopped = summary_of(VERIFY, *home.verify_line(), cwd=home.out, expect=3)
    assert "mount" in stopped["error"]
    summary_of(VERIFY, "--input-csv", home.out / "no.csv", cwd=home.out, expect=2)


def test_apply(home: Library) -> None:
    home.organize()
    home.verify()
    dry = summary_of(APPLY, *home.apply_line("--dry-run"), cwd=home.out)
    assert dry["counts"] == {"rows": 5, "would be quarantined": 5}
    assert dry["amounts"]["would be quarantined"]["bytes"] == MEDIA_BYTES
    (home.source / "p1.jpg").write_bytes(b"another")
    first = summary_of(APPLY, *home.apply_line("--limit", "1"), cwd=home.out)
    assert (first["complete"], first["action"]) == (False, "quarantine")
    done = summary_of(APPLY, *home.apply_line(), cwd=home.out, expect=1)
    assert (done["counts"]["failed"], done["complete"]) == (1, True)
    again = summary_of(APPLY, *home.apply_line(), cwd=home.out, expect=1)
    assert again["counts"] == {"rows": 5, "failed": 1, "done before": 4}

    journal = ("--manifest", home.journal, "--expected-run-id", "auto")
    dry = summary_of(APPLY, *journal, "--restore", "--dry-run", cwd=home.out)
    assert dry["counts"]["would be restored"] == 4
    page = ("--review-html", home.out / "p.html")
    assert summary_of(APPLY, *journal, "--restore", *page, cwd=home.out)["action"] == "restore"


def test_apply_tells_of_the_folders_that_it_removes_and_makes_again(home: Library) -> None:
    (home.source / "notes.txt").unlink()
    home.organize()
    home.verify()
    taken = summary_of(APPLY, *home.apply_line("--prune-empty-dirs"), cwd=home.out)
    assert taken["notes"] == ["removed: 1 empty folder"]
    journal = ("--manifest", home.journal, "--expected-run-id", "auto")
    back = summary_of(APPLY, *journal, "--restore", cwd=home.out)
    assert back["amounts"]["restored"]["folders"] == 1
    again = scripts.call(APPLY, *journal, "--restore", cwd=home.out).stdout
    assert "6  done before: 3 photos, 1 video, 1 companion, 1 folder" in again


def test_apply_purges_deletes_is_given_nothing_and_refuses(home: Library) -> None:
    home.organize()
    home.verify()
    home.apply("--limit", "2")
    destroy = ("--delete-permanently", "--yes-really-delete")
    purged = summary_of(APPLY, "--manifest", home.journal, "--expected-run-id", "auto", *destroy, cwd=home.out)
    assert (purged["action"], purged["counts"]["purged"]) == ("purge", 2)
    deleted = summary_of(APPLY, *home.apply_line(*destroy), cwd=home.out)
    assert (deleted["action"], deleted["counts"]) == ("delete", {"rows": 5, "deleted": 3, "done before": 2})
    header = home.verified.read_bytes().splitlines(keepends=True)[0]
    write_tree(home.out, {"empty.csv": header})
    empty = summary_of(APPLY, "--manifest", home.out / "empty.csv", "--expected-run-id", "auto", cwd=home.out)
    assert empty["counts"] == {"rows": 0}
    wrong = ("--manifest", home.verified, "--expected-run-id", "00000000-0000-4000-8000-000000000000")
    summary_of(APPLY, *wrong, cwd=home.out, expect=2)
