"""The run_id: a UUID4 shared by a report and all files made from it."""

import re

from common.errors import BadInput

# RFC 9562, section 5.4: version 4, with the variant bits 10.
_UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def new_run_id() -> str:
    """Make a UUID4 in canonical lower-case form."""
    import uuid  # noqa: PLC0415 - not needed to show --help

    return str(uuid.uuid4())


def is_run_id(text: str) -> bool:
    """Whether a text is a UUID4 in canonical lower-case form."""
    return _UUID4.fullmatch(text) is not None


def require_run_id(text: str, where: str) -> str:
    """Return the text if it is a run_id. Otherwise raises ``BadInput``, whose message begins with ``where``."""
    if not is_run_id(text):
        raise BadInput(f"{where}: {text!r} is not a run_id (a UUID4 such as {'0' * 8}-0000-4000-8000-{'0' * 12})")
    return text
