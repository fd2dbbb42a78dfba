"""A DICOM file -> the few elements that say how to show its pixels, and nothing about the patient."""

from __future__ import annotations

import io
import logging
import zlib
from typing import Any

import pydicom
from pydicom.dataelem import RawDataElement
from pydicom.dataset import FileMetaDataset
from pydicom.filereader import read_dataset, read_partial

from model.errors import Unreadable
from model.files.dicom import tags
from model.files.formats import Limits
from model.messages import Code, Message

# pydicom repeats its warnings, which quote values, through its logger.
logging.getLogger("pydicom").setLevel(logging.CRITICAL + 1)

PIXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
TABLES = ("ModalityLUTSequence", "VOILUTSequence")
ITEM = b"\xfe\xff\x00\xe0"
_ITEM_BIG = b"\xff\xfe\xe0\x00"
_COMPRESSED_PIXELS = tuple(b"\xe0\x7f\x10\x00" + vr + b"\x00\x00\xff\xff\xff\xff" for vr in (b"OB", b"OW"))
_COLOURS = ("Red", "Green", "Blue")
# The only elements that are taken from a file: none names, dates or places a patient.
_KEYWORDS = (
    *tags.KEYWORDS,
    *tags.SPACINGS,
    *("SOPClassUID", "NumberOfFrames", "Rows", "Columns", "SamplesPerPixel", "PlanarConfiguration"),
    *("PhotometricInterpretation", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation"),
    *("PixelPaddingValue", "PixelPaddingRangeLimit", "RescaleIntercept", "RescaleSlope"),
    *("WindowCenter", "WindowWidth", "VOILUTFunction", *TABLES),
    *(f"{colour}PaletteColorLookupTable{part}" for colour in _COLOURS for part in ("Descriptor", "Data")),
    *("SegmentedRedPaletteColorLookupTableData", "ExtendedOffsetTable", "ExtendedOffsetTableLengths"),
    *PIXELS,
)
_TAGS: list[Any] = [pydicom.datadict.tag_for_keyword(keyword) for keyword in _KEYWORDS]
# An element or item takes one to three reads and a radiograph's file a few hundred. Without a limit, seven million
# empty items in 56 MB keep pydicom busy for two minutes and fill nine gigabytes.
_MOST_READS = 50_000
# One table of 65,536 entries of 16 bits takes 128 KiB.
_LARGEST_TABLES = 1_000_000
# Every other element that is used is a number or two, a word or a UID.
_LONGEST_VALUE = 1024
# What long values are by the standard (PS3.6): a file that calls its pixels text would have pydicom split them.
_LONG = {
    **dict.fromkeys(("PixelData", "SegmentedRedPaletteColorLookupTableData"), ("OB", "OW", "UN")),
    **{f"{colour}PaletteColorLookupTableData": ("OW", "OB", "UN") for colour in _COLOURS},
    **dict.fromkeys(("ExtendedOffsetTable", "ExtendedOffsetTableLengths"), ("OV", "UN")),
    "FloatPixelData": ("OF", "UN"),
    "DoubleFloatPixelData": ("OD", "UN"),
}
# Read and split by pydicom at once: the character set, and the file meta data.
_SPLIT = (b"\x08\x00\x05\x00", b"\x00\x08\x00\x05", b"\x02\x00")
_BYTES = (b"OB", b"OW", b"UN")


class _DeflatedError(Exception):
    """Carries what follows the file meta data of a deflated file."""


class _Stream(io.BytesIO):
    """The file, read a limited number of times."""

    reads = 0
    header = b""

    def read(self, size: int | None = -1, /) -> bytes:
        self.reads += 1
        # Bytes stay bytes, such as the private block of the file meta data.
        is_text = self.header.startswith(_SPLIT) and self.header[4:6] not in _BYTES
        long = size is not None and size > _LONGEST_VALUE and is_text
        if self.reads > _MOST_READS or long:
            raise Unreadable(Message(Code.DICOM_TOO_MUCH))
        if size is None or size < 0:
            # pydicom does this in one place: to hand the rest to zlib, with no limit to what comes out.
            raise _DeflatedError(super().read())
        content = super().read(size)
        # An element's tag and length, after which its value is read, or the length where it has four bytes.
        if size == 8:
            self.header = content
        return content


def read(data: bytes, limits: Limits) -> Any:
    """Parse a file with or without preamble and file meta data.

    Args:
        data: the file.
        limits: of the bytes that a deflated data set may unpack to.

    Returns:
        A pydicom data set of the elements that `_KEYWORDS` names, as far as the file has them. What a picture must
        have and old files leave out is filled in as viewers do.

    Raises:
        Unreadable: the file is larger than its purpose can explain. pydicom's exceptions pass through.
    """
    if data[:4] == b"DICM":  # the preamble was cut off
        data = bytes(128) + data
    try:
        dataset: Any = read_partial(_Stream(data), force=True, specific_tags=_TAGS)
    except _DeflatedError as deflated:
        inflated = _inflate(deflated.args[0], limits)
        dataset = read_dataset(_Stream(inflated), False, True, specific_tags=_TAGS)
        _check_rest(dataset, inflated)
        dataset.file_meta = FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    # pydicom forgets every element before one that has no end.
    if not dataset and any(start in data for start in _COMPRESSED_PIXELS):
        raise Unreadable(Message(Code.FILE_TRUNCATED, kind="DICOM"))
    _check_tables(dataset)
    _bound_values(dataset)
    _fill_in(dataset)
    return dataset


def _inflate(data: bytes, limits: Limits) -> bytes:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    inflated = inflater.decompress(data, limits.inflated_bytes)
    if inflater.unconsumed_tail:
        raise Unreadable(Message(Code.DICOM_INFLATES))
    if not inflater.eof:
        raise Unreadable(Message(Code.FILE_TRUNCATED, kind="DICOM"))
    return inflated


def _check_rest(dataset: Any, inflated: bytes) -> None:
    """See that the pixels end where the data set does: deflate without checksums unpacks damage to another length."""
    pixels = dataset.get_item("PixelData") if "PixelData" in dataset else None
    if not isinstance(pixels, RawDataElement) or pixels.length == 0xFFFFFFFF:
        return
    rest = inflated[pixels.value_tell + pixels.length :]
    # Digital signatures and padding may follow (PS3.6).
    if len(rest) == 1 or (rest and rest[:4] not in (b"\xfa\xff\xfa\xff", b"\xfc\xff\xfc\xff")):
        raise Unreadable(Message(Code.FILE_DAMAGED, kind="DICOM"))


def _check_tables(dataset: Any) -> None:
    """Sequences of a given length are parsed when they are first used, outside the reach of `_Stream`."""
    for keyword in TABLES:
        if keyword in dataset:
            value = dataset.get_item(keyword).value
            items = (value.count(ITEM) + value.count(_ITEM_BIG)) if isinstance(value, bytes) else 0
            if items > 100 or (isinstance(value, bytes) and len(value) > _LARGEST_TABLES):
                raise Unreadable(Message(Code.DICOM_TOO_MUCH))


def _bound_values(dataset: Any) -> None:
    """Keep values short: pydicom makes an object of each of their parts, and nobody means thirty million of them."""
    for tag in list(dataset.keys()):
        raw = dataset.get_item(tag)
        if not isinstance(raw, RawDataElement) or not isinstance(raw.value, bytes):
            continue
        keyword = pydicom.datadict.keyword_for_tag(tag)
        allowed = _LONG.get(keyword)
        if allowed and raw.VR is not None and raw.VR not in allowed:
            dataset[tag] = raw._replace(VR=allowed[0])
        elif not allowed and keyword not in TABLES and len(raw.value) > _LONGEST_VALUE:
            del dataset[tag]


def _fill_in(dataset: Any) -> None:
    if "TransferSyntaxUID" not in dataset.file_meta:
        implicit, little = dataset.original_encoding
        plain = pydicom.uid.ImplicitVRLittleEndian if implicit else pydicom.uid.ExplicitVRLittleEndian
        dataset.file_meta.TransferSyntaxUID = plain if little else pydicom.uid.ExplicitVRBigEndian
    if "BitsAllocated" not in dataset:
        return
    allocated = dataset.BitsAllocated
    for keyword, value in (
        ("SamplesPerPixel", 1),
        ("PhotometricInterpretation", "MONOCHROME2"),
        ("PixelRepresentation", 0),
        ("BitsStored", allocated),
        ("PlanarConfiguration", 0),
    ):
        if dataset.get(keyword) in (None, ""):
            setattr(dataset, keyword, value)
    if not 0 < dataset.BitsStored <= allocated:
        dataset.BitsStored = allocated
