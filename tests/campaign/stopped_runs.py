"""Stop a running program behind each of its file-changing calls, for as long as it takes to look at the disk.

strace delivers a SIGSTOP with every such call; the program goes on when the look is over.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tests.campaign.product import wait_for

CALLS = (
    "write pwrite64 writev ftruncate fallocate copy_file_range sendfile fsync fdatasync mkdir mkdirat rmdir"
    " rename renameat renameat2 link linkat unlink unlinkat fchmod fchmodat utimensat fsetxattr setxattr fchown"
).split()
_STOPPED = re.compile(rb"^(?P<thread>\d+) +--- stopped by SIGSTOP ---")

OnStop = Callable[[int], None]
"""Called with the number of the stop, from 1, while the program stands still."""


class Stopper:
    """A tracer (see ``product.Tracer``) that stops the process at each call and asks ``on_stop`` to look."""

    def __init__(self, on_stop: OnStop) -> None:
        self.stops = 0
        self._on_stop = on_stop
        self._trouble: BaseException | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._thread: threading.Thread | None = None

    def attach(self, pid: int) -> None:
        reading, writing = os.pipe()
        calls = ",".join(f"?{call}" for call in CALLS)
        command = ["strace", "-f", "-qq", "-o", f"/dev/fd/{writing}", "-e", f"trace={calls}"]
        command += ["-e", f"inject={calls}:signal=STOP:when=1+", "-p", str(pid)]
        try:
            self._process = process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, pass_fds=[writing]
            )
        finally:
            os.close(writing)
        status = Path(f"/proc/{pid}/status")
        wait_for(lambda: process.poll() is not None or b"TracerPid:\t0\n" not in status.read_bytes(), "strace attached")
        self._thread = threading.Thread(target=self._watch, args=(reading,))
        self._thread.start()

    def detach(self) -> None:
        """Wait for strace, which ends with the process; raise what went wrong in ``on_stop``."""
        assert self._thread
        assert self._process
        self._thread.join(300)
        self._process.wait(20)
        if self._trouble:
            raise self._trouble

    def _watch(self, reading: int) -> None:
        with open(reading, "rb") as lines:
            for line in lines:
                if (found := _STOPPED.match(line)) is None:
                    continue
                pid = _process_of(int(found["thread"]))
                # Each thread of a process reports the stop that they share: only the first report finds it stopped.
                if pid and _stands_still(pid):
                    self._look(pid)

    def _look(self, pid: int) -> None:
        try:
            self.stops += 1
            if self._trouble is None:
                self._on_stop(self.stops)
        except BaseException as error:  # noqa: BLE001 - carried over to the thread that waits in detach
            self._trouble = error
        finally:
            with suppress(ProcessLookupError):  # it was killed meanwhile
                os.kill(pid, signal.SIGCONT)


def _process_of(thread: int) -> int:
    try:
        status = Path(f"/proc/{thread}/status").read_text()
    except OSError:
        return 0
    return int(status.partition("\nTgid:")[2].split()[0])


def _stands_still(pid: int) -> bool:
    """Whether all threads of a process are stopped; they are given a moment to be."""
    for _ in range(20):
        try:
            states = [
                Path(f"/proc/{pid}/task/{task}/stat").read_text().rpartition(") ")[2][0]
                for task in os.listdir(f"/proc/{pid}/task")
            ]
        except OSError:
            return False
        if all(state in "tT" for state in states):
            return True
        time.sleep(0.001)
    return False
