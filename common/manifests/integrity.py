"""Seals and chains, by which a changed or missing row is detected. Pure."""

import hashlib
from collections.abc import Iterable, Sequence

from common.manifests.rows import JOURNAL, VERIFY, VerifyRow

_SEALED = tuple(column for column in VERIFY.columns if column != "row_seal")


def _digest(parts: Iterable[str]) -> str:
    """A digest of several texts, each with its length: moving a character from one to the next changes the digest."""
    texts = list(parts)
    if "".join(texts).isascii():  # the common case, in two thirds of the time
        return hashlib.sha256("".join([f"{len(text)}:{text}" for text in texts]).encode("ascii")).hexdigest()
    encoded = [text.encode("utf-8", "surrogateescape") for text in texts]
    return hashlib.sha256(b"".join([b"%d:%b" % (len(part), part) for part in encoded])).hexdigest()


def seal(row: VerifyRow, columns: Sequence[str] = VERIFY.columns) -> VerifyRow:
    """Return the row with its ``row_seal`` set, for a file with these columns. Pure."""
    values = VERIFY.as_text(row)
    return row._replace(row_seal=seal_of({column: values[column] for column in columns}))


def seal_of(values: dict[str, str]) -> str:
    """The ``row_seal`` of a verify row: a digest of all its other columns, as far as the file has them. Pure."""
    return _digest(f"{column}={values[column]}" for column in _SEALED if column in values)


def first_chain(run_id: str) -> str:
    """The ``previous_chain`` of the first row of a journal. Pure."""
    return _digest(["journal", run_id])


def chain_of(values: dict[str, str], previous_chain: str) -> str:
    """The ``chain`` of a journal row: a digest of its other columns and of the previous row's chain. Pure."""
    texts = (f"{column}={values[column]}" for column in JOURNAL.columns if column != "chain")
    return _digest([previous_chain, *texts])
