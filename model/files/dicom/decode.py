"""DICOM -> grey: refuse what is no single picture, decompress, and hand on to the grey scale pipeline."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.encaps import generate_frames, parse_basic_offsets
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.processing import apply_color_lut
from pydicom.uid import UID, ExplicitVRLittleEndian

from model.errors import Unreadable
from model.files.dicom import display, tags
from model.files.dicom.codecs import DEFLATED_FRAMES, RLE, Stream, align, codec, inflate, run_lengths
from model.files.dicom.dataset import ITEM, PIXELS
from model.files.dicom.dataset import read as read_dataset
from model.files.formats import Limits
from model.files.pictures.grey import is_coloured, shrink
from model.files.warnings_filter import quiet
from model.messages import Code, Message

# One picture is one fragment or, from writers with small buffers, some hundred.
_MOST_FRAGMENTS = 10_000
_BT601 = np.array([0.299, 0.587, 0.114], np.float32)
_NO_PIXELS = (
    ("1.2.840.10008.1.3.10", Code.IS_DICOMDIR, Code.CHOOSE_BESIDE),
    ("1.2.840.10008.5.1.4.1.1.88.59", Code.IS_KEY_OBJECTS, Code.CHOOSE_REFERRED),
    ("1.2.840.10008.5.1.4.1.1.88.", Code.IS_STRUCTURED_REPORT, Code.CHOOSE_RADIOGRAPH),
    ("1.2.840.10008.5.1.4.1.1.104.", Code.IS_DOCUMENT, Code.CHOOSE_RADIOGRAPH),
    ("1.2.840.10008.5.1.4.1.1.11.", Code.IS_PRESENTATION_STATE, Code.CHOOSE_REFERRED),
    ("1.2.840.10008.5.1.4.1.1.481.", Code.IS_RADIOTHERAPY, Code.CHOOSE_RADIOGRAPH),
    ("1.2.840.10008.5.1.4.1.1.9.", Code.IS_WAVEFORM, Code.CHOOSE_RADIOGRAPH),
)
# Where the SOP class is missing.
_NO_PICTURE_MODALITIES = {
    "PR": Code.IS_PRESENTATION_STATE,
    "KO": Code.IS_KEY_OBJECTS,
    "SR": Code.IS_STRUCTURED_REPORT,
}
_GREY = ("MONOCHROME1", "MONOCHROME2", "PALETTE COLOR")
_COLOURS = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")


def decode(data: bytes, limits: Limits) -> tuple[NDArray[np.float32], list[Message], float | None]:
    """Decode a DICOM file of one picture, with or without preamble.

    Args:
        data: the file.
        limits: checked against the header before pixels are unpacked.

    Returns:
        (H, W) float32 grey from 0 to 255, MONOCHROME1 inverted; notes; and the spacing of its pixels in millimetres,
        None where the file does not say.

    Raises:
        Unreadable: there is no single picture in it, a limit is exceeded, or its compression can't be read. The
            decoders' own exceptions, which mean that it is damaged, pass through.
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
        what_it_is = _NO_PICTURE_MODALITIES.get(str(dataset.get("Modality") or ""))
        if what_it_is:
            raise Unreadable(Message(Code.DICOM_OTHER_OBJECT, what=what_it_is, advice=Code.CHOOSE_REFERRED))
        raise Unreadable(Message(Code.DICOM_WITHOUT_PICTURE))
    frames = display.number(dataset, "NumberOfFrames") or 1
    if frames > 1:
        raise Unreadable(Message(Code.DICOM_SERIES, count=round(frames)))
    # An empty or zero count means one; pydicom would not accept it.
    dataset.NumberOfFrames = 1
    # Colours are turned to RGB in floating point, which takes ten times the memory of a grey picture.
    allowed = replace(limits, pixels=limits.pixels // 4) if dataset.SamplesPerPixel > 1 else limits
    allowed.check_shape(*(int(display.number(dataset, side) or 0) for side in ("Rows", "Columns")))
    if dataset.get("BitsAllocated") not in (None, 1, 8, 16, 32, 64):
        raise Unreadable(Message(Code.DICOM_UNSUPPORTED, what=Code.HAS_ODD_BITS))
    dataset.PhotometricInterpretation = _photometric(dataset)


def _photometric(dataset: Any) -> str:
    """The photometric interpretation as the standard spells it: one sample a pixel is grey, whatever it is called."""
    written = "".join(letter for letter in str(dataset.PhotometricInterpretation).upper() if letter.isalnum())
    known = {name.replace(" ", "").replace("_", ""): name for name in (*_GREY, *_COLOURS)}
    if dataset.SamplesPerPixel == 1:
        meant = known.get(written, "")
        return meant if meant in _GREY else "MONOCHROME1" if written.endswith("1") else "MONOCHROME2"
    if written not in known:
        raise Unreadable(Message(Code.DICOM_UNSUPPORTED, what=Code.HAS_ODD_COLOURS))
    return known[written]


def _unpack(dataset: Any, limits: Limits) -> tuple[NDArray[Any], str]:
    """Decompress; returns (H, W) or (H, W, 3) and what the values mean now."""
    syntax = str(dataset.file_meta.TransferSyntaxUID)
    compression = codec(syntax)
    photometric = str(dataset.PhotometricInterpretation)
    bits, stored = dataset.BitsAllocated, dataset.BitsStored
    high = display.number(dataset, "HighBit")
    high = stored - 1 if high is None else int(high)
    signed = dataset.PixelRepresentation == 1
    if syntax == RLE:
        frame = _frame(dataset)
        # Run lengths may unpack 64-fold, but an honest writer never makes them longer than the pixels.
        if len(frame) > 2 * _raw_size(dataset) + 1024:
            raise Unreadable(Message(Code.DICOM_CONTRADICTORY))
        pixels = run_lengths(frame, dataset.Rows, dataset.Columns, dataset.SamplesPerPixel, bits)
        pixels = align(pixels, bits, stored, high, signed)
    elif compression is None:
        # pydicom counts the bits stored from the lower end, so it is told of a value that fills the cell.
        unused = max(0, high + 1 - stored)
        unused = unused if stored + unused <= bits else 0
        dataset.BitsStored = stored + unused
        pixels, photometric = _uncompressed(dataset, syntax)
        dataset.BitsStored = stored
        pixels = pixels >> unused if unused else pixels
    else:
        frame = _frame(dataset)
        stream = _check_stream(dataset, compression.inspect(frame), limits)
        pixels = compression.decode(frame, photometric == "RGB")
        pixels = align(pixels, stream.precision, stored, high, signed)
        dataset.BitsStored = min(stored, stream.precision)
        # JPEG's decoder turns colours to RGB, and JPEG 2000's does where their interpretation is of JPEG 2000.
        if pixels.ndim == 3 and (compression.name == "JPEG" or photometric != "YBR_FULL"):
            photometric = "RGB"
    if pixels.shape[:2] != (dataset.Rows, dataset.Columns) or pixels.ndim != (3 if dataset.SamplesPerPixel > 1 else 2):
        raise Unreadable(Message(Code.DICOM_CONTRADICTORY))
    return pixels, photometric


def _uncompressed(dataset: Any, syntax: str) -> tuple[NDArray[Any], str]:
    """Pixels as they are, or deflated: pydicom knows what the elements say of them."""
    if syntax == DEFLATED_FRAMES:
        dataset.PixelData = inflate(_frame(dataset), _raw_size(dataset))
        syntax = dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    pixels, meta = get_decoder(UID(syntax)).as_array(dataset)
    return pixels, str(meta["photometric_interpretation"])


def _raw_size(dataset: Any) -> int:
    """Bytes of the unpacked picture."""
    return int(dataset.Rows * dataset.Columns * dataset.SamplesPerPixel * dataset.BitsAllocated // 8)


def _frame(dataset: Any) -> bytes:
    if dataset.PixelData.count(ITEM) > _MOST_FRAGMENTS:
        raise Unreadable(Message(Code.DICOM_FRAGMENTS))
    if len(parse_basic_offsets(dataset.PixelData)) > 1:
        raise Unreadable(Message(Code.DICOM_CONTRADICTORY))
    return next(generate_frames(dataset.PixelData, number_of_frames=1))


def _check_stream(dataset: Any, stream: Stream | None, limits: Limits) -> Stream:
    """Compare what the compressed stream would unpack to with what the file says and what is allowed."""
    if stream is None:
        raise ValueError("the stream has no header")
    limits.check_shape(stream.height, stream.width)
    stated = dataset.Rows, dataset.Columns, dataset.SamplesPerPixel
    if (stream.height, stream.width, stream.samples) != stated:
        raise Unreadable(Message(Code.DICOM_CONTRADICTORY))
    return stream


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
