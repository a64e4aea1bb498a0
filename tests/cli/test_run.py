"""How a run ends: exit codes, errors as one sentence, what machines get, signals."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from common.cli.console import Console
from common.cli.options import CommonOptions
from common.cli.progress import Progress
from common.cli.run import run_stage
from common.cli.signals import StopRequest, stop_on_signals
from common.cli.summary import Summary
from common.errors import BadInput, ExitCode, Interrupted, Locked, MediaArchiveError, RowFailed, StoppedEarly
from tests.support.options import QUIETLY
from tests.support.scripts import ROOT

SUMMARY = Summary(tool="verify", headline="verify: /a/report.csv", run_id="3f2b8c1e", exit_code=ExitCode.ATTENTION)


def exit_code_of(stage: Callable[[Console, StopRequest], Summary], options: CommonOptions = QUIETLY) -> int:
    return run_stage("verify", stage, options)


def raising(error: BaseException) -> Callable[[Console, StopRequest], Summary]:
    def stage(_console: Console, _stop: StopRequest) -> Summary:
        raise error

    return stage


# --- how a run ends -----------------------------------------------------------------------------------

EXIT_CODES = [(BadInput("no"), 2), (StoppedEarly("no"), 3), (Locked("no"), 4), (Interrupted(), 130)]


@pytest.mark.parametrize(
    ("error", "code"),
    [*EXIT_CODES, (MediaArchiveError("no"), 3)],
)
def test_an_error_of_ours_is_one_sentence_and_its_exit_code(
    capsys: pytest.CaptureFixture[str], error: MediaArchiveError, code: int
) -> None:
    assert exit_code_of(raising(error)) == code
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", f"error: {error}\n")


def test_an_error_of_the_system_names_its_path_and_the_next_step(capsys: pytest.CaptureFixture[str]) -> None:
    error = OSError(28, "No space left on device", "/a/\n.csv")
    assert exit_code_of(raising(error)) == 3
    shown = capsys.readouterr().err
    assert shown.startswith("error: /a/\\n.csv: No space left on device")
    assert "run the same command again" in shown


@pytest.mark.parametrize("error", [ZeroDivisionError("x"), RowFailed("x"), AssertionError("x")])
def test_a_fault_of_ours_is_said_to_be_one_and_its_traceback_is_in_the_log(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, error: Exception
) -> None:
    log = tmp_path / "run.log"
    assert exit_code_of(raising(error), replace(QUIETLY, log_file=str(log))) == 3
    shown = capsys.readouterr().err
    assert f"a fault in this program ({type(error).__name__}: x)" in shown
    assert "Traceback" not in shown
    assert "Traceback" in log.read_text()


def test_a_system_that_has_no_more_threads_is_no_fault_of_ours(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code_of(raising(RuntimeError("can't start new thread"))) == 3
    shown = capsys.readouterr().err
    assert "--jobs 1" in shown
    assert "fault in this program" not in shown


def test_a_service_without_standard_error_is_served_and_its_output_holds_nothing_else(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", None)

    def stage(console: Console, _stop: StopRequest) -> Summary:
        console.warning("nobody reads this")
        with Progress("copy", 1, 1, QUIETLY):
            return SUMMARY

    assert exit_code_of(stage) == 1
    assert exit_code_of(raising(BadInput("no"))) == 2
    assert capsys.readouterr().out == SUMMARY.as_text() + "\n"


def test_the_exit_code_is_that_of_the_summary(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code_of(lambda _console, _stop: SUMMARY) == 1
    assert exit_code_of(lambda _console, _stop: replace(SUMMARY, exit_code=ExitCode.OK)) == 0
    assert capsys.readouterr().out.startswith("verify: /a/report.csv\n")


def test_whoever_reads_our_output_may_go_without_a_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone(io.StringIO):
        """A pipe whose reader has gone."""

        def write(self, _text: str) -> int:
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stdout", Gone())
    assert exit_code_of(lambda _console, _stop: SUMMARY) == 3
    sys.stdout.close()


def test_a_review_page_that_could_not_be_written_is_refused_before_anything_is_done(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "photo.html").write_bytes(b"my only copy")
    for page in (tmp_path / "photo.html", tmp_path / "missing" / "page.html"):
        assert exit_code_of(raising(AssertionError("done")), replace(QUIETLY, review_html=str(page))) == 2
        assert str(page.name if page.exists() else page.parent) in capsys.readouterr().err


def test_a_log_file_that_cannot_be_written_is_bad_input(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    options = replace(QUIETLY, log_file=str(tmp_path / "missing" / "run.log"))
    assert exit_code_of(lambda _console, _stop: SUMMARY, options) == 2
    assert "missing" in capsys.readouterr().err


# --- what machines get --------------------------------------------------------------------------------


def test_machines_get_the_summary_as_one_object_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code_of(lambda _console, _stop: SUMMARY, replace(QUIETLY, json=True)) == 1
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == (SUMMARY.as_json() + "\n", "")


@pytest.mark.parametrize(
    ("error", "code"),
    [*EXIT_CODES, (ZeroDivisionError("no"), 3)],
)
def test_machines_get_one_object_also_from_a_run_that_fails(
    capsys: pytest.CaptureFixture[str], error: Exception, code: int
) -> None:
    assert exit_code_of(raising(error), replace(QUIETLY, json=True)) == code
    shown = capsys.readouterr()
    document = json.loads(shown.out)
    assert (document["tool"], document["exit_code"], document["complete"]) == ("verify", code, False)
    assert shown.err == f"error: {document['error']}\n"


# --- signals ------------------------------------------------------------------------------------------


FIRST_SIGNAL = f"""
import signal, sys
from {stop_on_signals.__module__} import stop_on_signals
number = signal.Signals[sys.argv[1]]
before = signal.getsignal(number)
with stop_on_signals() as stop:
    assert not stop()
    signal.raise_signal(number)
    assert stop()
    assert signal.getsignal(number) == signal.SIG_DFL  # a second one ends the process at once
assert signal.getsignal(number) == before
"""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_the_first_signal_asks_for_a_stop_and_the_handlers_come_back(name: str) -> None:
    done = subprocess.run([sys.executable, "-c", FIRST_SIGNAL, name], cwd=ROOT, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
