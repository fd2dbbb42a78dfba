"""How DICOM pixel data are compressed: names, the package that decodes, the size that a stream claims."""

from __future__ import annotations

from dataclasses import dataclass

JPEG2000_START = b"\xff\x4f\xff\x51"


@dataclass(frozen=True)
class Codec:
    """A family of transfer syntaxes (PS3.5, section 10 and annex A.4).

    Attributes:
        name: for people.
        package: decodes it and is on PyPI.
    """

    name: str
    package: str


_JPEG = Codec("JPEG", "pylibjpeg-libjpeg")
_JPEG_LOSSLESS = Codec("JPEG Lossless", "pylibjpeg-libjpeg")
_JPEG_LS = Codec("JPEG-LS", "pylibjpeg-libjpeg")
_JPEG2000 = Codec("JPEG 2000", "pylibjpeg-openjpeg")
_RLE = Codec("RLE", "pylibjpeg-rle")
_PREFIX = "1.2.840.10008.1.2."
_CODECS = {
    "4.50": _JPEG,
    "4.51": _JPEG,
    "4.57": _JPEG_LOSSLESS,
    "4.70": _JPEG_LOSSLESS,
    "4.80": _JPEG_LS,
    "4.81": _JPEG_LS,
    "4.90": _JPEG2000,
    "4.91": _JPEG2000,
    "4.201": _JPEG2000,
    "4.202": _JPEG2000,
    "4.203": _JPEG2000,
    "5": _RLE,
}

_JP2_SIGNATURE, _JP2_SIGNATURE_BOX = b"\x00\x00\x00\x0cjP  ", 12


def codec(transfer_syntax: str) -> Codec | None:
    """The codec of a transfer syntax UID; None if the pixels are not compressed or in no way known here."""
    return _CODECS.get(transfer_syntax.removeprefix(_PREFIX)) if transfer_syntax.startswith(_PREFIX) else None


def claimed_sizes(frame: bytes) -> list[tuple[int, int]]:
    """Sizes that a JPEG, JPEG-LS or JPEG 2000 stream claims for itself, which the decoder will make room for.

    They may differ from the Rows and Columns of the DICOM file around it, by mistake or with intent.

    Args:
        frame: the compressed picture.

    Returns:
        (height, width) of each header found; empty for other streams and damaged ones.
    """
    return _jpeg2000_sizes(frame) if JPEG2000_START in frame else _jpeg_sizes(frame)


def has_endless_box(frame: bytes) -> bool:
    """Whether a box of length 0, which pydicom would never come past, stands before a JP2 file's codestream.

    Length 0 means "to the end of the file", so nothing can follow (ISO/IEC 15444-1, I.4).

    Args:
        frame: the compressed picture.
    """
    at = _JP2_SIGNATURE_BOX
    if not frame.startswith(_JP2_SIGNATURE):
        return False
    while at < len(frame) and frame[at + 4 : at + 8] != b"jp2c":
        length = int.from_bytes(frame[at : at + 4], "big")
        if length == 0:
            return True
        at += length
    return False


def _jpeg2000_sizes(frame: bytes) -> list[tuple[int, int]]:
    """The SIZ segment (ISO/IEC 15444-1, A.5.1); all of them, since JP2 boxes before the right one may hold decoys."""
    sizes = []
    start = frame.find(JPEG2000_START)
    while start >= 0 and start + 24 <= len(frame):
        right, bottom, left, top = (int.from_bytes(frame[at : at + 4], "big") for at in range(start + 8, start + 24, 4))
        sizes.append((bottom - top, right - left))
        start = frame.find(JPEG2000_START, start + 4)
    return sizes


def _jpeg_sizes(frame: bytes) -> list[tuple[int, int]]:
    """The frame headers SOF0 to SOF15 and SOF55 (ITU-T T.81, B.2.2; T.87, C.2.2) before the first scan."""
    at = 2
    while at + 9 <= len(frame) and frame[at] == 0xFF:
        marker = frame[at + 1]
        if marker == 0xFF:  # fill bytes may stand before any marker
            at += 1
        elif marker == 0xDA:
            break
        elif marker == 0xF7 or (0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)):
            return [(int.from_bytes(frame[at + 5 : at + 7], "big"), int.from_bytes(frame[at + 7 : at + 9], "big"))]
        else:
            at += 2 + int.from_bytes(frame[at + 2 : at + 4], "big")
    return []
