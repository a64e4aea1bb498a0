"""The mutation campaign: damaged files of every format cost neither an exception, nor time, nor memory, nor a word.

``MUTATIONS`` says how many files are tried (20,000 when it says nothing; 200,000 before a release), ``MUTATION_SEED``
makes another series of them, ``MEDIA_CORPUS`` adds the files of a folder to the generated ones. The same seed gives the
same files. Most are read from memory, without the guard that read_media has, so that any fault shows; every hundredth
is written to disk and read as the scripts do.
"""

from __future__ import annotations

import os
import random
import sys
import time
import tracemalloc
from collections import Counter
from pathlib import Path

import pytest

from common.dates.byte_view import MOST_BYTES, MOST_READS, MemoryBytes
from common.dates.formats import read_bytes, read_media
from tests.dates.sample_files import every_format

pytestmark = pytest.mark.campaign

_MOST_SECONDS = 1.0
_MOST_MEMORY = 64 << 20
_LARGEST_SEED_FILE = 2 << 20
_BY_FILE = 100
_BY_TRACEMALLOC = 20
_NUMBERS = (b"\xff", b"\x00", b"\x7f", b"\x80", b"\x01")


class _Counting(MemoryBytes):
    """Memory that counts what is read of it."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.reads = 0
        self.bytes_read = 0

    def pread(self, length: int, offset: int) -> bytes:
        data = super().pread(length, offset)
        self.reads += 1
        self.bytes_read += len(data)
        return data


def _seed_files() -> dict[str, bytes]:
    files = every_format()
    corpus = os.environ.get("MEDIA_CORPUS")
    if corpus:
        paths = sorted(path for path in Path(corpus).rglob("*") if path.is_file() and not path.is_symlink())
        files |= {str(path): path.read_bytes() for path in paths if 0 < path.stat().st_size <= _LARGEST_SEED_FILE}
    return files


def _place(data: bytearray, dice: random.Random) -> int:
    """Anywhere, but mostly near the ends, where formats keep their structures."""
    near = min(len(data), dice.choice((64, 512, 4096, len(data))))
    offset = dice.randrange(near) if near else 0
    return offset if dice.random() < 0.8 else len(data) - 1 - offset


def _mutate(original: bytes, dice: random.Random) -> bytes:
    data = bytearray(original)
    for _ in range(dice.choice((1, 1, 1, 2, 4, 16))):
        if not data:
            break
        place = _place(data, dice)
        kind = dice.randrange(7)
        if kind <= 1:
            data[place] ^= 1 << dice.randrange(8)
        elif kind <= 3:  # a length, a count or an offset becomes huge, zero or negative
            size = dice.choice((1, 2, 4, 8))
            data[place : place + size] = (dice.choice(_NUMBERS) + dice.choice(_NUMBERS[:2]) * (size - 1))[
                : len(data) - place
            ]
        elif kind == 4:
            del data[place:]
        elif kind == 5:  # a piece stands twice: structures point into others
            piece = data[place : place + dice.choice((4, 12, 64, 1024))]
            where = _place(data, dice)
            data[where : where + len(piece)] = piece
        else:
            del data[place : place + dice.choice((1, 2, 4, 16))]
    return bytes(data)


def _largest_resident() -> int:
    """Most bytes of memory that this process ever had; 0 where the system does not say."""
    if sys.platform == "win32":
        return 0
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _check(name: str, number: int, data: bytes) -> float:
    """Read one file and hold it to the limits; its time in seconds of this process."""
    source = _Counting(data)
    watched = number % _BY_TRACEMALLOC == 0
    if watched:
        tracemalloc.start()
    start = time.process_time()
    try:
        found = read_bytes(source)
        seconds = time.process_time() - start
        peak = tracemalloc.get_traced_memory()[1] if watched else 0
    except Exception as error:
        raise AssertionError(f"file {number}, made from {name}: {type(error).__name__} escaped") from error
    finally:
        tracemalloc.stop()
    assert seconds < _MOST_SECONDS, f"file {number}, made from {name}, took {seconds:.1f} s"
    assert peak < _MOST_MEMORY, f"file {number}, made from {name}, took {peak >> 20} MiB"
    assert source.reads <= MOST_READS, f"file {number}, made from {name}, was read in {source.reads} pieces"
    assert source.bytes_read <= MOST_BYTES, f"file {number}, made from {name}: {source.bytes_read} bytes were read"
    assert found.candidates == () or found.problem == ""
    return seconds


def test_no_damaged_file_costs_more_than_itself(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    wanted = int(os.environ.get("MUTATIONS", "20000"))
    seed = int(os.environ.get("MUTATION_SEED", "20110817"))
    dice = random.Random(seed)
    files = sorted(_seed_files().items())
    for _, data in files:
        read_bytes(MemoryBytes(data))  # what is loaded once is not growth
    before = _largest_resident()
    slowest, outcomes = 0.0, Counter[str]()
    for number in range(wanted):
        name, original = files[number % len(files)]
        data = _mutate(original, dice)
        slowest = max(slowest, _check(name, number, data))
        if number % _BY_FILE == 0:
            path = tmp_path / "damaged"
            path.write_bytes(data)
            on_disk = read_media(str(path))
            assert on_disk == read_bytes(MemoryBytes(data)), f"file {number}, made from {name}, differs on disk"
            outcomes["on disk"] += 1
        outcomes["tried"] += 1
    growth = _largest_resident() - before
    assert growth < _MOST_MEMORY, f"the process grew by {growth >> 20} MiB"
    assert capfd.readouterr() == ("", ""), "a reader printed something"
    with capfd.disabled():
        print(
            f"\nmutations: {outcomes['tried']:,} files of {len(files)} ({outcomes['on disk']:,} on disk), seed {seed}: "
            f"no exception, slowest {slowest * 1000:.0f} ms, memory grew by {max(growth, 0) / (1 << 20):.1f} MiB"
        )
