"""What a script does before it loads anything else: nothing here may cost time."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


def end_quietly_on_interrupt() -> None:
    """Let Ctrl-C end the process at once, without Python's traceback, wherever ``cli`` does not listen for it.

    While a script is loading, a tenth of a second, nothing has been begun. Where the process was started with
    interrupts ignored, as shells start jobs in the background, it stays so.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


class StopRequest:
    """Whether SIGINT or SIGTERM asked the run to end at the next checkpoint."""

    def __init__(self) -> None:
        self.requested = False

    def __call__(self) -> bool:
        return self.requested


@contextmanager
def stop_on_signals() -> Iterator[StopRequest]:
    """Within this block the first SIGINT or SIGTERM asks for a stop; a second one ends the process at once."""
    stop = StopRequest()

    def ask(number: int, _frame: FrameType | None) -> None:
        stop.requested = True
        signal.signal(number, signal.SIG_DFL)

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
