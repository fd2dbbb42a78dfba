"""What a file is, told by its content and never by its ending, and how large it may be."""

from __future__ import annotations

from dataclasses import dataclass

from model.errors import Unreadable
from model.messages import Code, Message

MEGA = 1_000_000
# Value representations that a DICOM file's first elements can have; two capital letters alone would let text through.
_EXPLICIT = {b"UL", b"OB", b"UI", b"SH", b"CS", b"DA", b"TM", b"LO", b"DT", b"US", b"LT", b"PN", b"AE", b"UN", b"SQ"}
_REFUSED = (
    (b"%PDF", Code.A_PDF, Code.EXPORT_RADIOGRAPH),
    (b"PK\x03\x04", Code.A_ZIP, Code.TAKE_PICTURES_OUT),
    (b"Rar!", Code.A_RAR, Code.UNPACK),
    (b"7z\xbc\xaf", Code.A_7Z, Code.UNPACK),
    (b"\x1f\x8b", Code.A_GZIP, Code.UNPACK),
    (b"GIF8", Code.A_GIF, Code.SAVE_AS_PNG),
    (b"\x00\x00\x00\x0cjP  ", Code.A_JPEG2000, Code.SAVE_AS_PNG_OR_DICOM),
    (b"\xff\x4f\xff\x51", Code.A_JPEG2000, Code.SAVE_AS_PNG_OR_DICOM),
    (b"\x00\x00\x00\x0cJXL ", Code.A_JPEG_XL, Code.SAVE_AS_PNG),
    (b"\xff\x0a", Code.A_JPEG_XL, Code.SAVE_AS_PNG),
    (b"8BPS", Code.A_PHOTOSHOP, Code.SAVE_AS_PNG),
    (b"\x00\x00\x01\x00", Code.AN_ICON, Code.SAVE_AS_PNG),
    (b"\x1a\x45\xdf\xa3", Code.A_VIDEO, Code.SAVE_ONE_AS_PNG),
    (b"<svg", Code.AN_SVG, Code.SAVE_AS_PNG),
)


@dataclass(frozen=True)
class Limits:
    """How large a file may be, checked before anything of it is unpacked.

    Attributes:
        picture_bytes, dicom_bytes: of the file; a DICOM file is often stored uncompressed.
        inflated_bytes: of a DICOM data set whose transfer syntax deflates it.
        pixels: height times width; a radiograph has 4 to 20 million.
        side: fewest pixels a side, below which no radiograph can be made out.
    """

    picture_bytes: int = 20 * MEGA
    dicom_bytes: int = 64 * MEGA
    inflated_bytes: int = 128 * MEGA
    pixels: int = 64 * MEGA
    side: int = 32

    def check_bytes(self, received: int, dicom: bool) -> None:
        """Compare a file's length with its limit.

        Raises:
            Unreadable: it is longer.
        """
        limit = self.dicom_bytes if dicom else self.picture_bytes
        if received > limit:
            raise Unreadable(Message(Code.FILE_TOO_LARGE, size=round(received / MEGA), limit=round(limit / MEGA)))

    def check_shape(self, height: int, width: int) -> None:
        """Compare the size that a file's header promises with the limits.

        Raises:
            Unreadable: it is too large or too small.
        """
        if height < 1 or width < 1:
            raise Unreadable(Message(Code.SIZE_MISSING))
        if height * width > self.pixels:
            raise Unreadable(
                Message(Code.PICTURE_TOO_LARGE, width=width, height=height, limit=round(self.pixels / MEGA))
            )
        if min(height, width) < self.side:
            raise Unreadable(Message(Code.PICTURE_TOO_SMALL, width=width, height=height, side=self.side))


DEFAULT_LIMITS = Limits()


def sniff(data: bytes) -> str:
    """Tell a file's format from its first bytes.

    Args:
        data: the file.

    Returns:
        "PNG", "JPEG", "TIFF", "WebP", "BMP" or "DICOM".

    Raises:
        Unreadable: it is empty or something else; the sentence says what, where that can be told.
    """
    head = data[:512]
    if not head:
        raise Unreadable(Message(Code.FILE_EMPTY))
    # Before the others: a DICOM file's preamble may carry another format's signature (PS3.10, section 7.1).
    if head[128:132] == b"DICM" or head[:4] == b"DICM":
        return "DICOM"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if head.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if head[:4] in (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+"):
        return "TIFF"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WebP"
    if head[:2] == b"BM" and len(head) > 26:
        return "BMP"
    if _is_bare_dicom(data):
        return "DICOM"
    raise Unreadable(_describe(head))


def _is_bare_dicom(data: bytes) -> bool:
    """A data set without preamble starts with a low group (meta data, identification) and a believable length."""
    little, big = int.from_bytes(data[:2], "little"), int.from_bytes(data[:2], "big")
    if len(data) < 64 or not {little, big} & {2, 8}:
        return False
    if data[4:6] in _EXPLICIT:
        return True
    length = int.from_bytes(data[4:8], "little")
    return little in (2, 8) and length % 2 == 0 and length < 1024


def _describe(head: bytes) -> Message:
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if text.startswith((b"<?xml", b"<!--")) and b"<svg" in text:
        return Message(Code.FORMAT_OTHER, what=Code.AN_SVG, advice=Code.SAVE_AS_PNG)
    if text.startswith(b"--") and b"application/dicom" in text.lower():
        return Message(Code.FORMAT_OTHER, what=Code.A_WADO_ANSWER, advice=Code.SAVE_PART)
    for signature, what, advice in _REFUSED:
        if head.startswith(signature) or text.startswith(signature):
            return Message(Code.FORMAT_OTHER, what=what, advice=advice)
    if head[4:8] == b"ftyp":
        photograph = head[8:12] in (b"heic", b"heix", b"mif1", b"msf1", b"avif", b"avis", b"hevc")
        return Message(Code.FORMAT_HEIC if photograph else Code.FORMAT_VIDEO)
    if head[257:262] == b"ustar":
        return Message(Code.FORMAT_TAR)
    if head[344:347] in (b"n+1", b"ni1"):
        return Message(Code.FORMAT_NIFTI)
    if text and all(byte >= 32 or byte in b"\t\r\n\x0c\x1b" for byte in head):
        return Message(Code.FORMAT_TEXT)
    return Message(Code.FORMAT_UNKNOWN)
