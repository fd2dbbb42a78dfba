"""What the fuzzer starts from: real files of every format that is read, and where their headers keep numbers."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pydicom
from PIL import Image
from pydicom.dataelem import RawDataElement
from pydicom.encaps import encapsulate

from model.reading.radiograph import decode as read
from model.reading.radiograph import to_input

# The shape of a radiograph at a size of which a few hundred are decoded a second.
SIDE = 192
_NOT_DICOM = {".py", ".pyc", ".json", ".html", ".md", ".typed", ".icc"}


@dataclass(frozen=True)
class Number:
    """A number in a header: its offset, bytes and byte order ("big" or "little")."""

    at: int
    size: int
    order: Any = "big"


@dataclass(frozen=True)
class Element:
    """A DICOM element: where it, its length and its value start, and how long they are."""

    start: int
    length_at: int
    length_size: int
    value_at: int
    length: int
    order: Any


@dataclass(frozen=True)
class Seed:
    """A file to be mutated.

    Attributes:
        name: for reports.
        kind: as `formats.sniff` calls it.
        data: what is mutated.
        numbers: fields of its headers.
        elements: of a DICOM file.
        finish: applied after the mutation, such as right checksums, without which decoders look no further.
    """

    name: str
    kind: str
    data: bytes
    numbers: tuple[Number, ...] = ()
    elements: tuple[Element, ...] = ()
    finish: Callable[[bytes], bytes] = field(default=bytes, repr=False)


def collect() -> list[Seed]:
    """All seeds, in an order that does not depend on the machine."""
    sample = next(data for name, data in _dicom_files() if name == "RG1_UNCR.dcm")
    grey = np.rint(to_input(read(sample).pixels, SIDE)[0, :, :, 0]).astype(np.uint8)
    seeds = [_picture(name, kind, data) for name, kind, data in _pictures(grey)]
    seeds += [_dicom(name, data) for name, data in [*_dicom_files(), *_made_dicom(grey)]]
    deflated = next(data for name, data in _dicom_files() if name == "image_dfl.dcm")
    return [*seeds, _inflated(deflated)]


def _dicom_files() -> Iterator[tuple[str, bytes]]:
    """Every test file of pydicom and pydicom-data, without a connection."""
    for package in ("pydicom", "data_store"):
        spec = find_spec(package)
        for folder in (spec and spec.submodule_search_locations) or ():
            for path in sorted((Path(folder) / "data").rglob("*")):
                # One of the many alike files that a DICOMDIR lists is enough.
                listed = "dicomdirtests" in path.parts and path.name not in ("DICOMDIR", "6154")
                if path.is_file() and path.suffix not in _NOT_DICOM and not listed:
                    yield path.name, path.read_bytes()


def _pictures(grey: np.ndarray) -> Iterator[tuple[str, str, bytes]]:
    """The sample radiograph in what Pillow can write of the formats that are read: (name, kind, file)."""
    narrow = Image.fromarray(grey)
    wide = Image.fromarray(grey.astype(np.uint16) * 257)
    real = Image.fromarray(grey.astype(np.float32) / 255)
    colour, alpha, ink = narrow.convert("RGB"), narrow.convert("LA"), narrow.convert("CMYK")
    alpha.putalpha(narrow)
    turned = Image.Exif()
    turned[0x0112] = 6
    recipes: list[tuple[str, str, Image.Image, dict[str, Any]]] = [
        *(
            ("PNG", f"png-{i.mode}", i, {})
            for i in (narrow, wide, colour, alpha, narrow.convert("P"), narrow.convert("1"))
        ),
        ("PNG", "png-animated", narrow, {"save_all": True, "append_images": [narrow.rotate(9)]}),
        ("PNG", "png-exif", colour.convert("RGBA"), {"exif": turned, "icc_profile": b"x" * 128}),
        *(("JPEG", f"jpeg-{i.mode}", i, {}) for i in (narrow, colour, ink)),
        ("JPEG", "jpeg-progressive", narrow, {"progressive": True}),
        ("JPEG", "jpeg-exif", colour, {"exif": turned, "icc_profile": b"x" * 128}),
        *(("TIFF", f"tiff-{i.mode}", i, {}) for i in (narrow, wide, real, colour, ink, narrow.convert("P"))),
        *(
            ("TIFF", f"tiff-{how}", narrow, {"compression": how})
            for how in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg")
        ),
        ("TIFF", "tiff-lzw-16", wide, {"compression": "tiff_lzw"}),
        ("TIFF", "tiff-group4", narrow.convert("1"), {"compression": "group4"}),
        ("TIFF", "tiff-pages", narrow, {"save_all": True, "append_images": [narrow.rotate(9)]}),
        ("WebP", "webp", narrow, {}),
        ("WebP", "webp-lossless", narrow, {"lossless": True, "exif": turned}),
        ("WebP", "webp-alpha", alpha, {}),
        ("WebP", "webp-animated", narrow, {"save_all": True, "append_images": [narrow.rotate(9)]}),
        *(("BMP", f"bmp-{i.mode}", i, {}) for i in (narrow, colour, narrow.convert("RGBA"), narrow.convert("1"))),
    ]
    for kind, name, image, options in recipes:
        buffer = io.BytesIO()
        image.save(buffer, kind, **options)
        yield name, kind, buffer.getvalue()


def _made_dicom(grey: np.ndarray) -> Iterator[tuple[str, bytes]]:
    """The sample small, in ways to store it that the packages have too few or too large files of."""
    source = next(data for name, data in _dicom_files() if name == "RG1_UNCR.dcm")

    def fresh() -> Any:
        dataset = pydicom.dcmread(io.BytesIO(source))
        dataset.Rows, dataset.Columns = grey.shape
        dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
        dataset.PixelData = (grey.astype(np.uint16) * 16).tobytes()
        return dataset

    def stored(dataset: Any, **options: Any) -> bytes:
        buffer = io.BytesIO()
        dataset.save_as(buffer, **options)
        return buffer.getvalue()

    plain = fresh()
    plain.PhotometricInterpretation = "MONOCHROME1"
    plain.add_new("PixelPaddingValue", "US", 0)
    table = pydicom.Dataset()
    table.add_new("LUTDescriptor", "US", [256, 0, 16])
    table.add_new("LUTData", "OW", np.arange(256, dtype="<u2").tobytes())
    plain.ModalityLUTSequence = plain.VOILUTSequence = [table]
    yield "made-tables", stored(plain)
    yield "made-bare", stored(plain)[132:]
    rle = fresh()
    rle.compress(pydicom.uid.RLELossless)
    yield "made-rle", stored(rle)
    packed = fresh()
    stream = imagecodecs.jpeg2k_encode(grey.astype(np.uint16) * 16, codecformat="j2k", level=0, bitspersample=12)
    packed.PixelData = encapsulate([bytes(stream)])
    packed["PixelData"].is_undefined_length = True
    packed.file_meta.TransferSyntaxUID = pydicom.uid.JPEG2000Lossless
    yield "made-jpeg2000", stored(packed)
    jpeg = fresh()
    jpeg.BitsAllocated, jpeg.BitsStored, jpeg.HighBit = 8, 8, 7
    buffer = io.BytesIO()
    Image.fromarray(grey).save(buffer, "JPEG")
    jpeg.PixelData = encapsulate([buffer.getvalue()])
    jpeg["PixelData"].is_undefined_length = True
    jpeg.file_meta.TransferSyntaxUID = pydicom.uid.JPEGBaseline8Bit
    yield "made-jpeg", stored(jpeg)


def _picture(name: str, kind: str, data: bytes) -> Seed:
    finish = right_checksums if kind == "PNG" else bytes
    return Seed(name, kind, data, tuple(_FIELDS[kind](data)), finish=finish)


def _dicom(name: str, data: bytes) -> Seed:
    elements = tuple(_elements(data))
    numbers = [Number(element.length_at, element.length_size, element.order) for element in elements]
    numbers += [
        Number(element.value_at, element.length, element.order) for element in elements if element.length in (2, 4)
    ]
    for start in (b"\xff\xd8\xff", b"\xff\x4f\xff\x51"):
        at = data.find(start, 132)
        if at >= 0:
            numbers += _segments(data, at)
    # Basic offset table and first item, and after them the header of a run-length coded frame.
    first = data.rfind(b"\xe0\x7f\x10\x00", 0, 1 << 20)
    if first >= 0:
        numbers += [Number(first + 8 + 4 * place, 4, "little") for place in range(24)]
    return Seed(name, "DICOM", data, tuple(numbers), elements)


def _inflated(data: bytes) -> Seed:
    """A deflated file whose content is mutated and then deflated again."""
    meta = pydicom.dcmread(io.BytesIO(data)).file_meta.FileMetaInformationGroupLength + 144
    plain = zlib.decompress(data[meta:], -zlib.MAX_WBITS)

    def deflate(changed: bytes) -> bytes:
        packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
        return data[:meta] + packer.compress(changed) + packer.flush()

    return Seed("deflated", "DICOM", plain, finish=deflate)


def _elements(data: bytes) -> Iterator[Element]:
    try:
        dataset = pydicom.dcmread(io.BytesIO(data), force=True)
    except Exception:  # what pydicom can't parse is mutated without a map
        return
    for part in (dataset.file_meta, dataset):
        for tag in list(part.keys()):
            raw = part.get_item(tag)
            if not isinstance(raw, RawDataElement) or raw.value_tell + raw.length > len(data):
                continue
            long_form = raw.is_implicit_VR or raw.VR in pydicom.valuerep.EXPLICIT_VR_LENGTH_32
            size = 4 if long_form else 2
            header = 12 if long_form and not raw.is_implicit_VR else 8
            order = "little" if raw.is_little_endian else "big"
            at = raw.value_tell
            yield Element(at - header, at - size, size, at, raw.length, order)


def right_checksums(data: bytes) -> bytes:
    """A PNG file whose chunks have the checksums of what they now hold, as far as its chunks can be followed."""
    fixed, at = bytearray(data), 8
    while at + 12 <= len(fixed):
        length = int.from_bytes(fixed[at : at + 4], "big")
        end = at + 8 + length
        if end + 4 > len(fixed):
            break
        fixed[end : end + 4] = struct.pack(">I", zlib.crc32(fixed[at + 4 : end]))
        at = end + 4
    return bytes(fixed)


def _png(data: bytes) -> Iterator[Number]:
    at = 8
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        yield Number(at, 4)
        if data[at + 4 : at + 8] == b"IHDR":
            yield from (Number(at + 8, 4), Number(at + 12, 4))
            yield from (Number(at + 16 + place, 1) for place in range(5))
        elif data[at + 4 : at + 8] != b"IDAT":
            yield from (Number(at + 8 + place, 4) for place in range(0, min(length, 28) - 3, 4))
        at += 12 + length


def _segments(data: bytes, at: int = 0) -> Iterator[Number]:
    """Of JPEG and JPEG 2000: after the first marker come segments with a length, until the coded picture."""
    at += 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        yield Number(at + 1, 1)
        yield Number(at + 2, 2)
        for place in range(min(length - 2, 40)):
            yield Number(at + 4 + place, 1)
        if data[at + 1] == 0x51:  # sizes and places of the picture and its tiles
            yield from (Number(at + 6 + 4 * place, 4) for place in range(8))
        elif 0xC0 <= data[at + 1] <= 0xCF:
            yield from (Number(at + 5, 2), Number(at + 7, 2))
        if data[at + 1] in (0xDA, 0x90):
            return
        at += 2 + length


def _tiff(data: bytes) -> Iterator[Number]:
    order: Any = "little" if data[:2] == b"II" else "big"
    yield Number(4, 4, order)
    at = int.from_bytes(data[4:8], order)
    while 0 < at < len(data):
        count = int.from_bytes(data[at : at + 2], order)
        yield Number(at, 2, order)
        for entry in range(at + 2, at + 2 + 12 * count, 12):
            yield from (Number(entry, 2, order), Number(entry + 2, 2, order))
            yield from (Number(entry + 4, 4, order), Number(entry + 8, 4, order), Number(entry + 8, 2, order))
        at += 2 + 12 * count
        yield Number(at, 4, order)
        at = int.from_bytes(data[at : at + 4], order)


def _webp(data: bytes) -> Iterator[Number]:
    yield Number(4, 4, "little")
    at = 12
    while at + 8 <= len(data):
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        yield Number(at + 4, 4, "little")
        yield from (Number(at + 8 + place, size, "little") for place in range(min(length, 24)) for size in (1, 2))
        at += 8 + length + length % 2


def _bmp(data: bytes) -> Iterator[Number]:
    yield from (Number(place, size, "little") for place in range(2, 54, 2) for size in (2, 4))


_FIELDS: dict[str, Callable[[bytes], Iterator[Number]]] = {
    "PNG": _png,
    "JPEG": _segments,
    "TIFF": _tiff,
    "WebP": _webp,
    "BMP": _bmp,
}
