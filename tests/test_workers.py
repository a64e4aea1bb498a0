"""Worker processes: their answers, and how they end."""

from __future__ import annotations

import io

import pytest

from common.workers import READY, Worker, read_line

THUMBNAILS = "common.review.thumbnail_worker"


@pytest.mark.parametrize(("sent", "answer"), [(b"one\ntwo\n", b"one\n"), (b"cut sho", b""), (b"", b"")])
def test_an_answer_is_a_whole_line(sent: bytes, answer: bytes) -> None:
    assert read_line(io.BytesIO(sent)) == answer


def test_a_worker_that_has_ended_takes_no_request_and_has_no_answer() -> None:
    worker = Worker(THUMBNAILS)
    assert worker.receive(60) == READY
    assert worker.receive(0.01) is None
    worker.process.kill()
    worker.process.wait()
    assert not worker.send(b"{}\n")
    assert [worker.receive(60), worker.receive(60)] == [b"", b""]
    worker.kill()


def test_a_worker_ends_by_itself_when_its_input_is_closed() -> None:
    worker = Worker(THUMBNAILS)
    worker.close_input()
    worker.wait(60)
    assert worker.process.returncode == 0
