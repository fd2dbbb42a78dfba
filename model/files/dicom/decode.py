"""DICOM -> grey: refuse what is no single picture, decompress, and hand on to the grey scale pipeline."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.encaps import generate_frames
from pydicom.pixels.decoders.base import Decoder, get_decoder
from pydicom.pixels.processing import apply_color_lut
from pydicom.uid import JPEGBaseline8Bit

from model.errors import Unreadable
from model.files.dicom import display, libjpeg, tags
from model.files.dicom.codecs import Codec, claimed_sizes, codec, has_endless_box
from model.files.dicom.dataset import ITEM, PIXELS
from model.files.dicom.dataset import read as read_dataset
from model.files.formats import Limits
from model.files.grey import is_coloured, shrink
from model.files.warnings_filter import quiet
from model.messages import Code, Message

# One picture is one fragment or, from writers with small buffers, some hundred.
_MOST_FRAGMENTS = 10_000
_BT601 = np.array([0.299, 0.587, 0.114], np.float32)
_NO_PIXELS = (
    ("1.2.840.10008.1.3.10", Code.IS_DICOMDIR, Code.CHOOSE_BESIDE),
    ("1.2.840.10008.5.1.4.1.1.88.", Code.IS_STRUCTURED_REPORT, Code.CHOOSE_RADIOGRAPH),
    ("1.2.840.10008.5.1.4.1.1.104.", Code.IS_DOCUMENT, Code.CHOOSE_RADIOGRAPH),
    ("1.2.840.10008.5.1.4.1.1.11.", Code.IS_PRESENTATION_STATE, Code.CHOOSE_REFERRED),
    ("1.2.840.10008.5.1.4.1.1.481.", Code.IS_RADIOTHERAPY, Code.CHOOSE_RADIOGRAPH),
    ("1.2.840.10008.5.1.4.1.1.9.", Code.IS_WAVEFORM, Code.CHOOSE_RADIOGRAPH),
)


def decode(data: bytes, limits: Limits) -> tuple[NDArray[np.float32], list[Message], float | None]:
    """Decode a DICOM file of one picture, with or without preamble.

    Args:
        data: the file.
        limits: checked against the header before pixels are unpacked.

    Returns:
        (H, W) float32 grey from 0 to 255, MONOCHROME1 inverted; notes; and the spacing of its pixels in millimetres,
        None where the file does not say.

    Raises:
        Unreadable: there is no single picture in it, a limit is exceeded, or no decoder for its compression is
            installed. pydicom's own exceptions pass through.
    """
    with quiet():
        dataset = read_dataset(data, limits)
        _check(dataset, limits)
        pixels, photometric = _unpack(dataset, limits)
        grey, notes = _grey(dataset, pixels, photometric)
        notes = tags.doubts(dataset) + notes
        spacing = tags.spacing(dataset)
    if grey.shape != pixels.shape[:2]:
        notes.append(Message(Code.SCALED_DOWN))
    # Shrinking averages by a whole factor.
    return grey, notes, spacing and spacing * pixels.shape[1] / grey.shape[1]


def _check(dataset: Any, limits: Limits) -> None:
    if not any(keyword in dataset for keyword in PIXELS):
        uid = str(dataset.get("SOPClassUID") or dataset.file_meta.get("MediaStorageSOPClassUID", ""))
        for prefix, what, advice in _NO_PIXELS:
            if uid.startswith(prefix):
                raise Unreadable(Message(Code.DICOM_OTHER_OBJECT, what=what, advice=advice))
        raise Unreadable(Message(Code.DICOM_WITHOUT_PICTURE))
    frames = display.number(dataset, "NumberOfFrames") or 1
    if frames > 1:
        raise Unreadable(Message(Code.DICOM_SERIES, count=round(frames)))
    # An empty or zero count means one; pydicom would not accept it.
    dataset.NumberOfFrames = 1
    # Colours are turned to RGB in floating point, which takes ten times the memory of a grey picture.
    allowed = replace(limits, pixels=limits.pixels // 4) if dataset.SamplesPerPixel > 1 else limits
    allowed.check_shape(dataset.Rows, dataset.Columns)


def _unpack(dataset: Any, limits: Limits) -> tuple[NDArray[Any], str]:
    """Decompress; returns (H, W) or (H, W, 3) and what the values mean now."""
    syntax = dataset.file_meta.TransferSyntaxUID
    found = codec(syntax)
    try:
        decoder = get_decoder(syntax)
    except NotImplementedError:
        raise Unreadable(Message(Code.DICOM_UNKNOWN_CODEC)) from None
    if found:
        if not decoder.is_available:
            raise _missing(found)
        _check_compressed(dataset, found, limits)
    unused = 0 if found else _unused_below(dataset)
    try:
        pixels, meta = _decompress(decoder, dataset)
    except BaseException as error:
        # pylibjpeg-rle is written in Rust, and Rust's panics arrive as something that is no Exception.
        if type(error).__name__ == "PanicException":
            raise ValueError("the decoder gave up") from None
        # Pillow alone reads JPEG of 8 bits; more need the full decoder.
        if found and found.name != "RLE" and "pylibjpeg" not in decoder.available_plugins and dataset.BitsStored > 8:
            raise _missing(found) from None
        raise
    # Some decoders give all the frames that they find, whatever the file says.
    if pixels.ndim not in (2, 3) or pixels.shape[:2] != (dataset.Rows, dataset.Columns):
        raise Unreadable(Message(Code.DICOM_CONTRADICTORY))
    return pixels >> unused if unused else pixels, str(meta["photometric_interpretation"])


def _decompress(decoder: Decoder, dataset: Any) -> tuple[NDArray[Any], dict[str, Any]]:
    """Unpack with the decoder that is known to keep no memory, and the others after it."""
    installed = decoder.available_plugins
    if libjpeg.PLUGIN not in installed:
        return decoder.as_array(dataset)
    if JPEGBaseline8Bit == decoder.UID and "pillow" in installed:
        with contextlib.suppress(Exception):
            return decoder.as_array(dataset, decoding_plugin="pillow")
    return decoder.as_array(dataset, decoding_plugin=libjpeg.PLUGIN)


def _unused_below(dataset: Any) -> int:
    """Bits to drop where old files have the values at the upper end of their cells (PS3.5, section 8.1.1).

    pydicom counts the bits stored from the lower end, so it is told of a value that fills the cell.
    """
    high = display.number(dataset, "HighBit")
    unused = 0 if high is None else int(high) + 1 - dataset.BitsStored
    if unused <= 0 or dataset.BitsStored + unused > dataset.BitsAllocated:
        return 0
    dataset.BitsStored += unused
    return unused


def _check_compressed(dataset: Any, found: Codec, limits: Limits) -> None:
    """Compare what the compressed stream would unpack to with what the file says and what is allowed."""
    if dataset.PixelData.count(ITEM) > _MOST_FRAGMENTS:
        raise Unreadable(Message(Code.DICOM_FRAGMENTS))
    frame = next(generate_frames(dataset.PixelData, number_of_frames=1))
    if has_endless_box(frame):
        raise Unreadable(Message(Code.DICOM_ENDLESS))
    # Run lengths state no size of their own, and any two bytes may stand in them by chance.
    sizes = [] if found.name == "RLE" else claimed_sizes(frame)
    for height, width in sizes:
        limits.check_shape(height, width)
    raw = dataset.Rows * dataset.Columns * dataset.SamplesPerPixel * dataset.BitsAllocated // 8
    # Run lengths may unpack 64-fold, but an honest writer never makes them longer than the pixels (PS3.5, annex G.3).
    too_long = found.name == "RLE" and len(frame) > 2 * raw + 1024
    if too_long or (sizes and (dataset.Rows, dataset.Columns) not in sizes):
        raise Unreadable(Message(Code.DICOM_CONTRADICTORY))


def _missing(found: Codec) -> Unreadable:
    return Unreadable(Message(Code.DICOM_DECODER_MISSING, codec=found.name, package=found.package))


def _grey(dataset: Any, pixels: NDArray[Any], photometric: str) -> tuple[NDArray[np.float32], list[Message]]:
    if photometric == "PALETTE COLOR":
        pixels = _coloured_in(dataset, pixels)
    elif pixels.ndim == 2:
        return display.show(dataset, shrink(pixels), photometric)
    else:
        pixels = pixels.astype(np.float32) * np.float32(255 / (2**dataset.BitsStored - 1))
    # What was not turned to RGB has its brightness first; else as other pictures are turned to grey (ITU-R BT.601).
    grey = pixels[..., 0] if photometric.startswith("YBR") else pixels[..., :3] @ _BT601
    notes = [Message(Code.COLOURS_DROPPED)] if is_coloured(pixels[..., :3]) else []
    return shrink(np.clip(grey, 0, 255).astype(np.float32)), notes


def _coloured_in(dataset: Any, pixels: NDArray[Any]) -> NDArray[np.float32]:
    # A table of linear segments may refer to itself and grow without end; radiographs have none.
    if "SegmentedRedPaletteColorLookupTableData" in dataset:
        raise Unreadable(Message(Code.DICOM_SEGMENTED_TABLE))
    colours = apply_color_lut(pixels, dataset)
    # Tables of 16 bits often hold values of 8.
    return colours.astype(np.float32) / np.float32(257 if colours.max() > 255 else 1)
