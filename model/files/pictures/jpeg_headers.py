"""The marker segments and the frame header of a JPEG stream (ITU-T T.81, annex B)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

EOI = b"\xff\xd9"
LOSSLESS, JPEG_LS = 3, 55
SOS, DHT, DRI = 0xDA, 0xC4, 0xDD
_APP14, _SOF55 = 0xEE, 0xF7
# Frame headers are 0xC0 to 0xCF, but for tables (C4), extensions (C8) and arithmetic conditioning (CC).
_NO_FRAME = (0xC4, 0xC8, 0xCC)


@dataclass(frozen=True)
class Frame:
    """What a stream's frame header says.

    Attributes:
        process: the number of the SOF marker: 0 baseline, 1 extended, 2 progressive, 3 lossless; 55 is JPEG-LS.
        precision: bits a sample.
        height, width: in pixels.
        components: 1 for grey, 3 for colours, 4 for inks.
        has_transform: whether an Adobe or JFIF segment says how colours are coded.
        unit: (height, width) in pixels of what is coded together, blocks of 8 x 8 or several.
    """

    process: int
    precision: int
    height: int
    width: int
    components: int
    has_transform: bool = False
    unit: tuple[int, int] = (8, 8)


def frame(stream: bytes) -> Frame | None:
    """Read the frame header; None where there is none before the first scan."""
    has_transform = False
    for marker, content, _ in segments(stream):
        has_transform = has_transform or (marker == _APP14 and content[:5] == b"Adobe") or content[:5] == b"JFIF\0"
        if marker == _SOF55 or (0xC0 <= marker <= 0xCF and marker not in _NO_FRAME):
            if len(content) < 6:
                return None
            process = JPEG_LS if marker == _SOF55 else marker - 0xC0
            height, width = int.from_bytes(content[1:3], "big"), int.from_bytes(content[3:5], "big")
            factors = content[7::3][: content[5]] if content[5] > 1 else b"\x11"
            unit = 8 * max(byte & 15 for byte in factors or b"\1"), 8 * max(byte >> 4 for byte in factors or b"\x10")
            return Frame(process, content[0], height, width, content[5], has_transform, unit)
    return None


def segments(stream: bytes) -> Iterator[tuple[int, bytes, int]]:
    """The marker segments up to the first scan: (marker, content, offset of what follows)."""
    at = 2
    while at + 4 <= len(stream) and stream[at] == 0xFF:
        marker = stream[at + 1]
        if marker == 0xFF:  # fill bytes may stand before any marker
            at += 1
            continue
        end = at + 2 + int.from_bytes(stream[at + 2 : at + 4], "big")
        yield marker, stream[at + 4 : end], end
        if marker == SOS:
            return
        at = end
