"""The run_id: a UUID4 that ties a report to everything that is later made from it."""

from __future__ import annotations

import uuid

from common.errors import BadInput


def new_run_id() -> str:
    """A fresh UUID4 in its canonical lower-case form."""
    return str(uuid.uuid4())


def is_run_id(text: str) -> bool:
    """Whether the text is a UUID4 in its canonical lower-case form (RFC 9562)."""
    try:
        parsed = uuid.UUID(text)
    except ValueError:
        return False
    return parsed.version == 4 and str(parsed) == text


def require_run_id(text: str, where: str) -> str:
    """Return the text when it is a run_id; raise ``BadInput`` naming ``where`` it stood otherwise."""
    if not is_run_id(text):
        raise BadInput(f"{where}: {text!r} is not a run_id (a UUID4 such as {'0' * 8}-0000-4000-8000-{'0' * 12})")
    return text
