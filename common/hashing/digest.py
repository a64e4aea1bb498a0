"""SHA-256 digests of files, read from memory or from the storage medium. Changes no contents."""

import hashlib
import os
import re
from dataclasses import dataclass

from common.hashing.chunks import UNMONITORED, ReadMonitor, chunks
from common.hashing.extents import first_extent
from common.hashing.identity import Identity, open_regular, require_unchanged
from common.hashing.page_cache import drop_cache

SAMPLE = 1 << 12
_SHA256 = re.compile(r"[0-9a-f]{64}")


def is_sha256(text: str) -> bool:
    """Whether a text is a SHA-256 digest as this project writes it: 64 lower-case hex digits."""
    return _SHA256.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class Hashed:
    """The digest of a file, its identity while it was read, and the read mode: ``cold`` or ``cached``."""

    sha256: str
    identity: Identity
    read_mode: str


def hash_file(path: str, monitor: ReadMonitor = UNMONITORED, *, cold: bool = False) -> Hashed:
    """Hash one file; with ``cold``, read from the storage medium.

    Raises ``RowFailed`` if the file is not regular or changed while it was read, ``Interrupted`` if the monitor
    requests it, ``OSError`` if the file can't be read.
    """
    digest = hashlib.sha256()
    with open_regular(path) as (fd, identity):
        read_mode = "cold" if cold and drop_cache(path, fd, identity) else "cached"
        for chunk in chunks(path, fd, identity.size, monitor):
            digest.update(chunk)
        require_unchanged(fd, identity)
        if first_extent(fd).is_inline:
            read_mode = "cached"
    return Hashed(digest.hexdigest(), identity, read_mode)


def sample_of(path: str) -> bytes:
    """A cheap digest of a file's size and its first and last bytes.

    Different samples prove different contents; equal samples prove nothing.
    """
    with open_regular(path) as (fd, identity):
        digest = hashlib.sha256(b"%d:" % identity.size)
        digest.update(os.read(fd, SAMPLE))
        if identity.size > SAMPLE:
            os.lseek(fd, -SAMPLE, os.SEEK_END)
            digest.update(os.read(fd, SAMPLE))
    return digest.digest()[:16]
