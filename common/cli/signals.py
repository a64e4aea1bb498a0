"""SIGINT and SIGTERM while a stage runs: the first requests a stop, the same signal again ends the process."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class StopRequest:
    """Whether SIGINT or SIGTERM was received: the run then stops early, at a checkpoint."""

    def __init__(self) -> None:
        self.requested = False

    def __call__(self) -> bool:
        return self.requested


@contextmanager
def stop_on_signals() -> Iterator[StopRequest]:
    """Within this block, the first SIGINT or SIGTERM requests a stop; the same one again ends the process at once."""
    stop = StopRequest()

    def request_stop(number: int, _frame: FrameType | None) -> None:
        stop.requested = True
        signal.signal(number, signal.SIG_DFL)

    previous_handlers = {number: signal.signal(number, request_stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in previous_handlers.items():
            signal.signal(number, handler)
