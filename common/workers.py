"""Starting a process of this project's own, for untrusted content or for more cores. Changes nothing on disk."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import subprocess


def start_worker(module: str) -> subprocess.Popen[bytes]:
    """Run a module of this project as a process that reads questions from one pipe and answers through another.

    It can't hold up its user: Ctrl-C in the terminal ends the run, and with it the worker's input, at which it ends.
    What it says to standard error is dropped. Raises ``OSError`` when no process can be had.
    """
    import subprocess  # noqa: PLC0415 - most runs need no worker

    root = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    # A group of its own, which signals of the terminal don't reach; on POSIX that is a session.
    flags = 0
    if sys.platform == "win32":
        flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
    return subprocess.Popen(
        # -P: neither the working directory nor the folder of the script may shadow a library.
        [sys.executable, "-P", "-m", module],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        creationflags=flags,
        start_new_session=sys.platform != "win32",
    )
