"""Runs a script of any version and kills it, with SIGKILL, as soon as the disk looks as it was asked for.

Used as a process of its own: ``python killed_run.py SCRIPT.py CONDITION PATH NUMBER ARGUMENT...`` where CONDITION is
``files-at-least`` or ``files-at-most`` (photos below a folder) or ``bytes-at-least`` (of a file). Python's audit events
are the moments at which it looks: before each file that is opened, renamed, removed and so on.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys

PHOTO_ENDINGS = (".jpg", ".mp4", ".xmp")
_MOMENTS = ("open", "os.", "shutil.")


def photos_below(folder: str) -> int:
    """How many photos there are under their own names, those in a quarantine inside not counted."""
    count = 0
    for _, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name != ".media-quarantine"]
        count += sum(name.endswith(PHOTO_ENDINGS) and not name.startswith(".media-") for name in names)
    return count


def _holds(condition: str, path: str, number: int) -> bool:
    if condition == "bytes-at-least":
        return os.path.exists(path) and os.path.getsize(path) >= number
    count = photos_below(path)
    return count >= number if condition == "files-at-least" else count <= number


def main() -> None:
    """Run the script, watched. Returns only where the condition never held."""
    if sys.platform == "win32":
        raise NotImplementedError("Windows has no SIGKILL: make the files on Linux")
    script, condition, path, number = sys.argv[1:5]
    is_looking = False

    def look(event: str, _: object) -> None:
        nonlocal is_looking
        if is_looking or not event.startswith(_MOMENTS):
            return
        is_looking = True
        if _holds(condition, path, int(number)):
            os.kill(os.getpid(), signal.SIGKILL)
        is_looking = False

    sys.path[0] = os.path.dirname(script)
    sys.argv = [script, *sys.argv[5:]]
    sys.addaudithook(look)
    runpy.run_path(script, run_name="__main__")


if __name__ == "__main__":
    main()
