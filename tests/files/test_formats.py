"""The kind of a file is told by its content, and its size is looked at before anything is unpacked."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile

import pytest
from PIL import Image

from model.errors import Unreadable
from model.files.formats import Limits, sniff
from model.reading.radiograph import decode
from tests.files.builders import dicom, encode, ramp


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WebP", "BMP"])
def test_pictures_are_told_by_content(kind: str) -> None:
    assert sniff(encode(ramp(), kind)) == kind
    assert decode(encode(ramp(), kind)).format == kind


def test_dicom_is_told_with_and_without_preamble() -> None:
    file = dicom(ramp())
    assert sniff(file) == "DICOM"
    assert sniff(file[128:]) == "DICOM"
    assert sniff(file[132:]) == "DICOM"
    # A preamble may be that of a TIFF file, for programs that know no DICOM.
    assert sniff(b"II*\x00" + file[4:]) == "DICOM"


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("picture.png", encode(ramp(), "PNG"))
    return buffer.getvalue()


def tarred() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("picture.png"))
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "empty"),
        (zipped(), "ZIP archive"),
        (tarred(), "tar archive"),
        (gzip.compress(b"x", mtime=0), "gzip archive"),
        (encode(ramp(), "GIF"), "GIF"),
        (encode(ramp(), "JPEG2000"), "JPEG 2000"),
        (encode(ramp(), "ICO"), "icon"),
        (encode(ramp(), "PDF"), "PDF"),
        (b"\x00\x00\x00\x18ftypheic" + bytes(40), "HEIC"),
        (b"\x00\x00\x00\x18ftypisom" + bytes(40), "video"),
        (bytes(344) + b"n+1\0" + bytes(200), "NIfTI"),
        (b"\xef\xbb\xbf <svg xmlns='x'/>", "SVG"),
        ("Anna Müller, born 1950".encode(), "text"),
        (bytes(range(1, 255)), "of no kind"),
        (b"\x08\x00", "of no kind"),
        (b"\x08\x00\x16\x00\xff\xff\xff\x7f" + bytes(80), "of no kind"),
        (b"BM", "text"),
    ],
)
def test_what_is_no_picture_is_named(data: bytes, said: str) -> None:
    with pytest.raises(Unreadable) as refusal:
        decode(data)
    sentence = str(refusal.value)
    assert said in sentence
    assert "choose" in sentence and sentence.endswith(".")
    assert "Anna" not in sentence


def test_a_wrong_ending_or_an_embedded_archive_does_not_matter() -> None:
    assert decode(encode(ramp(), "PNG") + zipped()).format == "PNG"


def test_bytes_are_limited_by_kind() -> None:
    limits = Limits(picture_bytes=1000, dicom_bytes=20_000)
    assert decode(dicom(ramp()), limits).format == "DICOM"
    with pytest.raises(Unreadable, match="limit is 0 MB"):
        decode(encode(ramp(), "BMP"), limits)
    with pytest.raises(Unreadable, match="limit is 0 MB"):
        decode(dicom(ramp(200, 200)), limits)


def test_pixels_are_limited_before_they_are_unpacked() -> None:
    # 400 million pixels would take 400 MB; the header alone is enough to refuse them.
    bomb = encode(Image.new("1", (20_000, 20_000)), "PNG")
    with pytest.raises(Unreadable, match="the limit is 64 million"):
        decode(bomb)
    with pytest.raises(Unreadable, match="9000 x 8000 pixels and the limit is 64 million"):
        decode(encode(Image.new("1", (9000, 8000)), "PNG"))


@pytest.mark.parametrize(("width", "height"), [(1, 1), (10_000, 1), (31, 500)])
def test_too_few_pixels_are_refused(width: int, height: int) -> None:
    with pytest.raises(Unreadable, match=f"only {width} x {height} pixels"):
        decode(encode(Image.new("L", (width, height)), "PNG"))
