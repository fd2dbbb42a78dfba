"""What a file is, told by its content and never by its ending, and how large it may be."""

from __future__ import annotations

from dataclasses import dataclass

READABLE = "PNG, JPEG, TIFF, WebP, BMP or DICOM"
MEGA = 1_000_000
# Value representations that a DICOM file's first elements can have; two capital letters alone would let text through.
_EXPLICIT = {b"UL", b"OB", b"UI", b"SH", b"CS", b"DA", b"TM", b"LO", b"DT", b"US", b"LT", b"PN", b"AE", b"UN", b"SQ"}
_REFUSED = (
    (b"%PDF", "a PDF document", "export the radiograph in it as PNG or DICOM"),
    (b"PK\x03\x04", "a ZIP archive or an office document", "take the pictures out of it"),
    (b"Rar!", "a RAR archive", "unpack it"),
    (b"7z\xbc\xaf", "a 7z archive", "unpack it"),
    (b"\x1f\x8b", "a gzip archive", "unpack it"),
    (b"GIF8", "a GIF picture", "save it as PNG"),
    (b"\x00\x00\x00\x0cjP  ", "a JPEG 2000 picture without a DICOM header", "save it as PNG or DICOM"),
    (b"\xff\x4f\xff\x51", "a JPEG 2000 picture without a DICOM header", "save it as PNG or DICOM"),
    (b"\x00\x00\x00\x0cJXL ", "a JPEG XL picture", "save it as PNG"),
    (b"\xff\x0a", "a JPEG XL picture", "save it as PNG"),
    (b"8BPS", "a Photoshop file", "save it as PNG"),
    (b"\x00\x00\x01\x00", "an icon", "save it as PNG"),
    (b"\x1a\x45\xdf\xa3", "a video", "save one picture of it as PNG"),
    (b"<svg", "an SVG drawing", "save it as PNG"),
)


class Unreadable(ValueError):
    """The file can't be read as a radiograph; the message is one sentence: what was received and what to do.

    It never quotes the file, since whatever stands in it may name a patient.
    """


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
            raise Unreadable(
                f"The file has {received / MEGA:.0f} MB and the limit is {limit / MEGA:.0f} MB: "
                "save the picture smaller or compressed."
            )

    def check_shape(self, height: int, width: int) -> None:
        """Compare the size that a file's header promises with the limits.

        Raises:
            Unreadable: it is too large or too small.
        """
        if height < 1 or width < 1:
            raise Unreadable("The file gives its picture no size: export it again and choose that.")
        if height * width > self.pixels:
            raise Unreadable(
                f"The picture has {width} x {height} pixels and the limit is {self.pixels / MEGA:.0f} million: "
                "save it smaller."
            )
        if min(height, width) < self.side:
            raise Unreadable(
                f"The picture has only {width} x {height} pixels, too few to make out a radiograph: "
                f"choose one with at least {self.side} a side."
            )


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
        raise Unreadable("The file is empty: choose it again, or export the picture anew.")
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


def _describe(head: bytes) -> str:
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    for signature, what, advice in _REFUSED:
        if head.startswith(signature) or text.startswith(signature):
            return f"This is {what}: {advice} and choose that."
    if head[4:8] == b"ftyp":
        if head[8:12] in (b"heic", b"heix", b"mif1", b"msf1", b"avif", b"avis", b"hevc"):
            return "This is a HEIC or AVIF photograph: save it as PNG or JPEG and choose that."
        return "This is a video: save one picture of it as PNG and choose that."
    if head[257:262] == b"ustar":
        return "This is a tar archive: unpack it and choose the pictures in it."
    if head[344:347] in (b"n+1", b"ni1"):
        return "This is a NIfTI volume: save the radiograph as PNG or DICOM and choose that."
    if text and all(byte >= 32 or byte in b"\t\r\n\x0c\x1b" for byte in head):
        return f"This is text and not a picture: choose a radiograph as {READABLE}."
    return f"The file is of no kind that can be read here: choose a radiograph as {READABLE}."
