"""Seals, chains and digests: how a changed row, a missing row and another file are noticed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from common.errors import BadInput, explain_os_error
from common.manifests.rows import JOURNAL, VERIFY, VerifyRow
from common.paths import printable


def _digest(parts: Iterable[str]) -> str:
    """A digest of several texts in which no part can lend characters to its neighbour."""
    encoded = [part.encode("utf-8", "surrogateescape") for part in parts]
    return hashlib.sha256(b"".join([b"%d:%b" % (len(part), part) for part in encoded])).hexdigest()


def seal(row: VerifyRow) -> VerifyRow:
    """The row with its ``row_seal`` filled in."""
    return row._replace(row_seal=seal_of(VERIFY.as_text(row)))


def seal_of(values: dict[str, str]) -> str:
    """The digest that ``row_seal`` must hold, over all columns of a verify row but itself."""
    return _digest(f"{column}={values[column]}" for column in VERIFY.columns if column != "row_seal")


def first_chain(run_id: str) -> str:
    """What the first row of a journal is chained to."""
    return _digest(["journal", run_id])


def chain_of(values: dict[str, str], previous_chain: str) -> str:
    """The digest that ``chain`` must hold in a row that follows ``previous_chain``."""
    texts = (f"{column}={values[column]}" for column in JOURNAL.columns if column != "chain")
    return _digest([previous_chain, *texts])


def file_digest(path: str) -> str:
    """SHA-256 of a whole file, to recognise a manifest. Raises ``BadInput`` when it can't be read."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise BadInput(f"{printable(path)}: cannot read it: {explain_os_error(error)}") from None
