"""Raw DV streams of tape camcorders.

Source: IEC 61834-2 and -4, SMPTE 314M: a frame begins with DIF blocks of 80 bytes, a header block, two subcode
blocks and three VAUX blocks of fifteen packs each; pack 0x62 is the recording date, 0x63 the time, both in BCD.
"""

from common.dates.byte_view import ByteView
from common.dates.findings import ORIGINAL, Findings

_BLOCK = 80
_DATE, _TIME = 0x62, 0x63


def is_dv(head: bytes) -> bool:
    """Whether a file starts with a header block (section 0, sequence 0) and a subcode block."""
    if len(head) <= 2 * _BLOCK or head[:3] != b"\x1f\x07\x00":
        return False
    return head[3] & 0x7F == 0x3F and head[_BLOCK] & 0xF0 == 0x30


def read(view: ByteView, findings: Findings) -> None:
    """Find the recording date in the VAUX blocks of the first sequence."""
    date = time = b""
    for block in range(3, 6):
        data = view.read(block * _BLOCK, _BLOCK)
        if len(data) < _BLOCK or data[0] & 0xF0 != 0x50:
            continue
        for offset in range(3, 78, 5):
            if data[offset] == _DATE and not date:
                date = data[offset + 1 : offset + 5]
            elif data[offset] == _TIME and not time:
                time = data[offset + 1 : offset + 5]
    if not date or date[1:] == b"\xff\xff\xff":
        return
    day, month, year = (f"{value:02x}" for value in (date[1] & 0x3F, date[2] & 0x1F, date[3]))
    # The year has two digits, and the format dates from 1994.
    text = f"{'19' if year >= '90' else '20'}{year}:{month}:{day}"
    if time and time[1:] != b"\xff\xff\xff":
        text += f" {time[3] & 0x3F:02x}:{time[2] & 0x7F:02x}:{time[1] & 0x7F:02x}"
    findings.add_text("dv:RecDate", text, ORIGINAL)
