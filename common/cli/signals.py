"""What a script does before it loads anything else: nothing here may cost time."""

from __future__ import annotations

import signal


def end_quietly_on_interrupt() -> None:
    """Let Ctrl-C end the process at once, without Python's traceback, wherever ``cli`` does not listen for it.

    While a script is loading, a tenth of a second, nothing has been begun. Where the process was started with
    interrupts ignored, as shells start jobs in the background, it stays so.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
