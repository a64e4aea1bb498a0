"""What a script does before its other imports. It must be quick, and old versions of Python must parse it."""

import os
import signal
import sys


def prepare_process() -> None:
    """Require a supported Python, and let Ctrl-C end the process quietly during the imports.

    Ends the process with exit code 2 and a one-line message if Python is too old.
    """
    if sys.version_info < (3, 11):  # noqa: UP036 - older ones get this far, and should not end in an ImportError
        version = ".".join(str(number) for number in sys.version_info[:3])
        sys.stderr.write(
            f"error: this needs Python 3.11 or newer, and this is {version}: run it with a newer one, such as "
            f"python3.12 {os.path.basename(sys.argv[0])}\n"
        )
        raise SystemExit(2)
    # If the process was started with SIGINT ignored, as shells start background jobs, it stays ignored.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
