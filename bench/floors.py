"""What the hardware allows: the least that any program must do for the same job. Reads only.

python -m bench.floors walk FOLDER     open each file and read its first 64 KiB
python -m bench.floors read FOLDER...  read every byte, one file after the other
python -m bench.floors hash FOLDER...  read every byte and take its SHA-256, on all cores
python -m bench.floors sha256 BYTES    SHA-256 of so many bytes that are in memory already, on all cores
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

if sys.platform == "win32":
    raise SystemExit("the benchmarks need a Unix system; the scripts themselves do not")

_PIECE = 1 << 20


def _files(folders: list[str]) -> Iterator[str]:
    for folder in folders:
        for where, below, names in os.walk(folder):
            below.sort()
            yield from (os.path.join(where, name) for name in sorted(names))


def _read(path: str, most: int, digest: bool) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        buffer = bytearray(min(most, _PIECE))
        total = hashlib.sha256() if digest else None
        while most > 0 and (got := os.readv(fd, [buffer])):
            most -= got
            if total:
                total.update(memoryview(buffer)[:got])
    finally:
        os.close(fd)


def _hash_memory(size: int) -> None:
    digest = hashlib.sha256()
    piece = bytes(_PIECE)
    for _ in range(max(1, size // _PIECE)):
        digest.update(piece)


def main(argv: list[str]) -> int:
    """Do one of the four."""
    what, *arguments = argv
    cores = os.cpu_count() or 1
    if what == "sha256":
        with ThreadPoolExecutor(cores) as pool:
            list(pool.map(_hash_memory, [int(arguments[0]) // cores] * cores))
    elif what == "hash":
        with ThreadPoolExecutor(cores) as pool:
            list(pool.map(lambda path: _read(path, 1 << 62, digest=True), _files(arguments)))
    else:
        most = (64 << 10) if what == "walk" else 1 << 62
        for path in _files(arguments):
            _read(path, most, digest=False)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
