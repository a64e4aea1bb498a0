"""Other tools that people use to move photos, driven by the same harness: what a power cut or an alias makes of them.

Each moves the folder ``source`` to the folder ``target`` in the way in which people use it. The last one is this
project, by its one command that does the same.
"""

from __future__ import annotations

import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.campaign.aliases import YEAR
from tests.campaign.product import Tracer
from tests.support.scripts import ROOT


@dataclass(frozen=True, slots=True)
class Peer:
    """One tool: how its version is asked for, and the shell command that moves ``source`` to ``target``."""

    name: str
    program: str
    package: str
    ask: tuple[str, ...]
    command: Callable[[str, str], str]

    def __str__(self) -> str:
        return self.name

    @property
    def is_here(self) -> bool:
        return shutil.which(self.program) is not None

    def version(self) -> str:
        """The number in what the tool prints of itself."""
        told = subprocess.run(self.ask, capture_output=True, text=True, check=False).stdout
        found = re.search(r"\d+(\.\d+)+", told)
        return found[0] if found else "?"

    def run(self, source: Path, target: Path, tracer: Tracer | None = None) -> int:
        """Move everything; returns the exit code. With a tracer, that is attached before the tool begins."""
        line = self.command(shlex.quote(str(source)), shlex.quote(str(target)))
        process = subprocess.Popen(
            ["sh", "-c", f"read -r go; {line}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=target.parent,
            start_new_session=True,
        )
        try:
            if tracer:
                tracer.attach(process.pid)
            process.communicate(b"go\n", timeout=120)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            raise
        if tracer:
            tracer.detach()
        return process.returncode


def _mv(source: str, target: str) -> str:
    return f"mkdir -p {target}/{YEAR} && mv {source}/{YEAR}/* {target}/{YEAR}/"


def _copy_check_remove(source: str, target: str) -> str:
    sums = f"{target}/../sums"
    return (
        f"cp -pr {source}/. {target}/ && cd {source} && find . -type f -exec sha256sum {{}} + > {sums} && "
        f"cd {target} && sha256sum --quiet -c {sums} && find {source} -type f -delete"
    )


def _this_project(source: str, target: str) -> str:
    script = shlex.quote(str(ROOT / "organize_media_by_date.py"))
    python = shlex.quote(sys.executable)
    roots = f"--source {source} --destination-root {target}"
    return f"{python} -B {script} {roots} --mode move --report-csv {target}/../r.csv"


PEERS = (
    Peer("mv", "mv", "coreutils", ("mv", "--version"), _mv),
    Peer("cp + sha256sum + rm", "sha256sum", "coreutils", ("cp", "--version"), _copy_check_remove),
    Peer(
        "rsync --remove-source-files",
        "rsync",
        "rsync",
        ("rsync", "--version"),
        lambda source, target: f"rsync -a --remove-source-files {source}/ {target}/",
    ),
    Peer(
        "rclone move",
        "rclone",
        "rclone",
        ("rclone", "version"),
        lambda source, target: f"RCLONE_CONFIG=/dev/null rclone move {source} {target}",
    ),
)
OURS = Peer("this project, organize --mode move", sys.executable, "", (), _this_project)
