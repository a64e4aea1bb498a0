"""What a script does before its other imports: nothing here may cost time, or need a new Python to be parsed."""

import os
import signal
import sys


def prepare_process() -> None:
    """Require a Python that can run the scripts, and let Ctrl-C end the process quietly while the rest is loaded.

    Ends the process with exit code 2 and one sentence where Python is too old.
    """
    if sys.version_info < (3, 11):  # noqa: UP036 - older ones get this far, and should not end in an ImportError
        version = ".".join(str(number) for number in sys.version_info[:3])
        sys.stderr.write(
            f"error: this needs Python 3.11 or newer, and this is {version}: run it with a newer one, such as "
            f"python3.12 {os.path.basename(sys.argv[0])}\n"
        )
        raise SystemExit(2)
    # Where the process was started with interrupts ignored, as shells start background jobs, they stay ignored.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
