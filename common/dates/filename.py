"""The date that a phone, camera, messenger or screenshot tool wrote into a file name.

A name counts only if it has a whole date in one of the forms below, with a valid month, day and time, and apart from
other digits. Numbers that only resemble a date are refused: counters, resolutions, phone numbers, identifiers, hashes.

No specification exists for these names. The forms were seen in files of the named programs. Pure.
"""

import re
import unicodedata
from datetime import UTC, datetime, timedelta

from common.dates.model import EPOCH, Candidate, Clock, Source

# .jpg, .3gp, .m2ts; but not the .11 of "14.22.11" in a name without extension.
_EXTENSION = re.compile(r"\.[0-9]?[A-Za-z][A-Za-z0-9]{0,4}$")
_ODD_SPACES = str.maketrans(dict.fromkeys("\u00a0\u2007\u2009\u202f", " "))
_EIGHT_DIGITS = re.compile(r"(?:[0-9][^0-9]*){8}")
# UUIDs, and hexadecimal digests of at least 20 digits. A mark replaces them, since their digits mean nothing.
_OPAQUE = re.compile(
    r"(?<![0-9A-Za-z])(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?=[0-9]*[a-f])[0-9a-f]{20,})(?![0-9A-Za-z])",
    re.IGNORECASE,
)
_OPAQUE_MARK = "#"

_DATE = r"(?P<year>(?:19|20)[0-9]{2})(?P<month>[0-9]{2})(?P<day>[0-9]{2})"
_TO_THE_SECOND = r"(?P<hour>[0-9]{2})(?P<minute>[0-9]{2})(?P<second>[0-9]{2})"
_TIME = _TO_THE_SECOND + r"(?P<fraction>[0-9]{3})?"
_SPLIT_DATE = r"(?P<year>(?:18|19|20)[0-9]{2})(?P<dash>[-_.:])(?P<month>[0-9]{2})(?P=dash)(?P<day>[0-9]{2})"
# macOS writes "2.22.11 PM"; in Chinese, Japanese and Korean the half of the day precedes the hour.
_SPLIT_TIME = (
    r"(?P<before>上午|下午|午前|午後|오전|오후)? ?(?P<hour>[0-9]{1,2})(?P<dot>[-_.: ])(?P<minute>[0-9]{2})(?P=dot)"
    r"(?P<second>[0-9]{2})(?![0-9])(?: ?(?P<after>[AaPp])\.?[Mm](?![A-Za-z]))?"
)
_SECOND_HALF = frozenset({"下午", "午後", "오후", "p", "P"})
_COPY = r"(?: ?\([0-9]{1,3}\)|[-_~][0-9]{1,3})?"

# The first form that gives a valid date wins: a stamp with a time of day before a date alone.
_FORMS = tuple(
    re.compile(form)
    for form in (
        # Milliseconds since 1970, from 2008 (the first phones that write them) to 2033: Facebook, WeChat, Line, Android
        # apps. Only with a known prefix or as the whole name: elsewhere thirteen digits are an identifier.
        r"^(?:FB_IMG_|FB_VID_|mmexport|wx_camera_|microMsg\.|PhotoGrid_|Screenshot_|IMG[-_]|VID[-_]|(?:image|photo|video)[-_])?"
        rf"(?P<milliseconds>1[2-9][0-9]{{11}}){_COPY}$",
        # Seconds since 1970: screen recordings of iOS.
        rf"^RPReplay_Final(?P<seconds>1[0-9]{{9}}){_COPY}$",
        # Nintendo Switch: two digits of a counter, then a hash.
        rf"^{_DATE}{_TO_THE_SECOND}[0-9]{{2}}-{_OPAQUE_MARK}$",
        # IMG_20230318_142211, IMG20230318142211, Screenshot_20230318-142211, BURST20230318142211123, DJI, dashcams.
        # Pixel phones write UTC, and so do programs that add a Z.
        rf"(?<![0-9])(?P<pixel>PXL_)?{_DATE}[-_ T.]?{_TIME}(?![0-9])(?P<zulu>Z(?![A-Za-z]))?",
        # WIN_20230318_14_22_11_Pro, WP_20230318_14_22_11_Pro.
        rf"(?<![0-9]){_DATE}[-_ T]{_SPLIT_TIME}",
        # Viofo dashcams: 2023_0318_142211_001.
        r"(?<![0-9])(?P<year>20[0-9]{2})_(?P<month>[0-9]{2})(?P<day>[0-9]{2})_" + _TIME + "(?![0-9])",
        # 2023-03-18 14.22.11, Screenshot from 2023-03-18 14-22-11, photo_2023-03-18_14-22-11.
        rf"(?<![0-9]){_SPLIT_DATE}[ _T.,-]{{1,2}}{_SPLIT_TIME}(?P<zulu>Z(?![A-Za-z]))?",
        # The same with a word between: "at", "um", "à", "kl.", "a la(s)" of screenshots and WhatsApp.
        rf"(?<![0-9]){_SPLIT_DATE}[ _-][^\W0-9_][^0-9]{{0,11}}?{_SPLIT_TIME}",
        # signal-2023-03-18-142211, Screenshot 2023-03-18 142211.
        rf"(?<![0-9]){_SPLIT_DATE}[ _T-]{_TIME}(?![0-9])",
        # Exports of Telegram Desktop: photo_1@18-03-2023_14-22-11.
        r"@(?P<day>[0-9]{2})-(?P<month>[0-9]{2})-(?P<year>20[0-9]{2})_" + _SPLIT_TIME,
        # Screen recordings of iOS 18: ScreenRecording_03-18-2023 14-22-11_1.
        r"^ScreenRecording_(?P<month>[0-9]{2})-(?P<day>[0-9]{2})-(?P<year>20[0-9]{2}) " + _SPLIT_TIME,
        # IMG-20230318-WA0006, 20230318_001. Apart from other numbers, and not with the one-letter ending
        # by which Facebook and Flickr name sizes (20130405_o).
        rf"(?:^|(?<![0-9])[-_ .@(\[]){_DATE}(?=$|[-_ .~()\[\]])(?![-_ .~]+[0-9]{{6}})(?!(?:_[0-9]+)*_[a-z]$)",
        # 2023-03-18 Holiday 001, 2023-03-18.
        rf"(?<![0-9])(?<![0-9][-_.:]){_SPLIT_DATE}(?![0-9])(?![-_.:][0-9]{{6}})",
    )
)


def candidates_from_name(name: str) -> tuple[Candidate, ...]:
    """The date in a file name (without folder), as one candidate with the tag ``filename``, or none.

    Times in seconds or milliseconds since 1970, with a ``Z``, or of Pixel phones are in UTC, all others are local.
    """
    if _EIGHT_DIGITS.search(name) is None:
        return ()
    stem = unicodedata.normalize("NFC", _EXTENSION.sub("", name)).translate(_ODD_SPACES)
    stem = _OPAQUE.sub(_OPAQUE_MARK, stem)
    for form in _FORMS:
        for match in form.finditer(stem):
            if candidate := _candidate(match):
                return (candidate,)
    return ()


def _candidate(match: re.Match[str]) -> Candidate | None:
    fields = match.groupdict()
    date_only = False
    if fields.get("milliseconds"):
        moment, clock = EPOCH + timedelta(milliseconds=int(fields["milliseconds"])), Clock.UTC
    elif fields.get("seconds"):
        moment, clock = EPOCH + timedelta(seconds=int(fields["seconds"])), Clock.UTC
    else:
        date_only = "hour" not in fields
        try:
            moment = datetime(int(fields["year"]), int(fields["month"]), int(fields["day"]), *_time_of_day(fields))
        except ValueError:
            return None
        clock = Clock.LOCAL
        if fields.get("pixel") or fields.get("zulu"):
            moment, clock = moment.replace(tzinfo=UTC), Clock.UTC
    return Candidate(Source.FILENAME, "filename", match.group()[:64], moment, clock, rank=0, date_only=date_only)


def _time_of_day(fields: dict[str, str | None]) -> tuple[int, int, int, int]:
    """Hour, minute, second and microsecond, not checked for their ranges."""
    hour = int(fields.get("hour") or 0)
    # "12.22.11 AM" is 22 minutes after midnight.
    half = fields.get("before") or fields.get("after")
    if half and hour <= 12:
        hour = hour % 12 + (12 if half in _SECOND_HALF else 0)
    milliseconds = int(fields.get("fraction") or 0)
    return hour, int(fields.get("minute") or 0), int(fields.get("second") or 0), milliseconds * 1000
