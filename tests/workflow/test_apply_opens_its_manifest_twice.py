"""Apply opens its manifest twice: once to check all of it, and once for the work. Each pass over a long one takes time.

The openings are counted by an audit hook, in a process of their own: a hook can't be removed.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.library import Library
from tests.support.scripts import APPLY, ROOT, Argument

FOREVER = ("--delete-permanently", "--yes-really-delete")
COUNT_OPENINGS = """
import importlib, json, os, sys
script, manifest, line, result = sys.argv[1], sys.argv[2], json.loads(sys.argv[3]), sys.argv[4]
openings = []
def hook(event, arguments):
    if event == "open" and isinstance(arguments[0], str) and os.path.abspath(arguments[0]) == manifest:
        openings.append(arguments[1])
main = importlib.import_module(script).main
sys.addaudithook(hook)
code = main(line)
with open(result, "w") as file:
    json.dump({"code": code, "openings": len(openings)}, file)
"""


def openings(home: Library, manifest: Path, *options: Argument) -> int:
    """How often the manifest is opened in a run of apply, which must come to a good end."""
    line = ["--manifest", str(manifest), "--expected-run-id", "auto", *map(str, options)]
    result = home.root / "openings.json"
    command = [sys.executable, "-c", COUNT_OPENINGS, APPLY, str(manifest), json.dumps(line), str(result)]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    found = json.loads(result.read_text())
    assert found["code"] == 0
    assert isinstance(found["openings"], int)
    return found["openings"]


def test_a_quarantine_fresh_resumed_and_once_more(ready: Library) -> None:
    for options in (("--dry-run",), ("--limit", "2"), ("--dry-run",), ("--limit", "2"), (), ()):
        assert openings(ready, ready.verified, *options) == 2, options
    assert ready.photos() == {}


def test_a_shard_and_a_named_state_file(ready: Library) -> None:
    for options in (("--offset", "4"), ("--state-file", ready.out / "my.state.json")):
        for _ in range(2):
            assert openings(ready, ready.verified, *options) == 2, options
    assert ready.photos() == {}


def test_a_call_that_finds_everything_done_does_not_open_it_for_work(ready: Library) -> None:
    assert openings(ready, ready.verified, "--limit", "6") == 2
    assert openings(ready, ready.verified, "--limit", "6") == 1


@pytest.mark.parametrize("flags", [("--restore",), FOREVER], ids=["restore", "purge"])
def test_a_journal(ready: Library, flags: tuple[str, ...]) -> None:
    ready.apply("--prune-empty-dirs")
    for options in (("--dry-run",), ("--limit", "3"), ("--limit", "3"), (), ()):
        assert openings(ready, ready.journal, *flags, *options) == 2, options
    assert (len(ready.photos()), ready.quarantined) == (6 if flags == ("--restore",) else 0, {})


def test_the_report_of_a_move(six: Library) -> None:
    six.organize(mode="move")
    for options in (("--dry-run",), ("--limit", "3"), (), ()):
        assert openings(six, six.report, "--restore", *options) == 2, options
    assert len(six.photos()) == 6
