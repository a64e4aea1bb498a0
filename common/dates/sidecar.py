"""Dates in a file beside the photo: XMP companions and the JSON of Google Takeout.

Sources: XMP specification part 1 (see ``readers/xmp.py``). Takeout has no specification: its files hold
``{"photoTakenTime": {"timestamp": "1679149331"}}``, seconds since 1970 in UTC.
"""

import json
from datetime import datetime, timedelta

from common.dates.findings import Findings
from common.dates.model import EPOCH, Candidate, Clock, Reading, Source
from common.dates.readers import xmp
from common.errors import explain_os_error
from common.paths import open_regular_file

_MOST_BYTES = 1 << 20
# After all dates in XMP, which were written for this one picture.
_TAKEOUT_RANK = 95


def candidates_from_sidecar(path: str) -> Reading:
    """The dates in a companion file, with tags such as ``sidecar:xmp:CreateDate``. Reads at most 1 MiB.

    The first byte decides how it is read, not the extension. A companion of less than 1 MiB without dates (AAE, or the
    JSON of another program) gives no candidates and no problem.
    """
    try:
        with open_regular_file(path) as file:
            content = file.read(_MOST_BYTES)
    except OSError as error:
        return Reading(problem=f"cannot read the companion: {explain_os_error(error)}", unreadable=True)
    if content.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"{":
        return _from_takeout(content)
    findings = Findings()
    xmp.scan(content, findings)
    candidates = tuple(
        candidate._replace(source=Source.SIDECAR, tag=f"sidecar:{candidate.tag}") for candidate in findings.candidates
    )
    if not candidates and len(content) == _MOST_BYTES:
        return Reading(problem="no date in the first MiB of the companion, more was not read")
    return Reading(candidates)


def _from_takeout(content: bytes) -> Reading:
    if b'"photoTakenTime"' not in content:
        return Reading()
    try:
        stamp = json.loads(content)["photoTakenTime"]["timestamp"]
    except (TypeError, KeyError):
        return Reading()
    except (ValueError, RecursionError):
        return Reading(problem="the companion is cut short or damaged")
    if not isinstance(stamp, (str, int)):
        return Reading()
    moment: datetime | None
    try:
        moment = EPOCH + timedelta(seconds=int(stamp))
    except (ValueError, OverflowError):
        moment = None
    tag = "sidecar:takeout:photoTakenTime"
    return Reading((Candidate(Source.SIDECAR, tag, str(stamp)[:64], moment, Clock.UTC, _TAKEOUT_RANK),))
