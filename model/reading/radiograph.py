"""The bytes of a file -> a Radiograph: grey pixels from 0 to 255, or an `Unreadable` that says why not."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from model.errors import Unreadable
from model.files.formats import DEFAULT_LIMITS, Limits, sniff
from model.files.pictures.image import decode as decode_picture
from model.messages import Code, Message

__all__ = ["Limits", "Radiograph", "Unreadable", "decode", "to_input"]

# Pixels a side of the largest network input that a preview serves, and of the overview.
PREVIEW_FOR, OVERVIEW = 224, 128


@dataclass(frozen=True)
class Radiograph:
    """A decoded picture. It carries nothing else of its file: no name, no date, no tag but the spacing.

    Attributes:
        pixels: (H, W) float32 grey from 0 to 255, bright where the body is dense (as MONOCHROME2).
        format: "PNG", "JPEG", "TIFF", "WebP", "BMP" or "DICOM".
        sha256: of the file's bytes, in hexadecimal.
        notes: what was done to read it, such as `Code.COLOURS_DROPPED`.
        spacing: millimetres between the centres of two neighbouring pixels; None where the file does not say.
    """

    pixels: NDArray[np.float32]
    format: str
    sha256: str
    notes: tuple[Message, ...] = ()
    spacing: float | None = None

    def spacing_at(self, width: int) -> float | None:
        """The spacing of a copy that is so many pixels wide, in millimetres; None where the file does not say."""
        return None if self.spacing is None else self.spacing * self.pixels.shape[1] / width

    @cached_property
    def preview(self) -> NDArray[np.float32]:
        """The pixels, averaged by the whole factor that leaves the shorter side at twice `PREVIEW_FOR` or more.

        What networks look at: `decode` makes it while the pixels are in the processor's cache, so that a reading
        need not go through all of a large picture again.
        """
        return _average_by_whole_factor(self.pixels, PREVIEW_FOR)

    @cached_property
    def overview(self) -> NDArray[np.float32]:
        """The whole picture squashed to a square of `OVERVIEW` pixels a side.

        The lung network's input, and enough for what concerns the picture as a whole: greys, thumbnail, heart's side.
        """
        return to_input(self.preview, OVERVIEW)[0, :, :, 0]

    def to_input(self, size: int) -> NDArray[np.float32]:
        """The picture as a network takes it: (1, size, size, 1) float32, 0 to 255; see the function `to_input`."""
        if size == OVERVIEW:
            return self.overview[None, :, :, None]
        return to_input(self.preview if size <= PREVIEW_FOR else self.pixels, size)


def decode(data: bytes, limits: Limits = DEFAULT_LIMITS) -> Radiograph:
    """Decode a file of any readable format.

    Pictures of 8 bits keep their values. Those of more bits or of floating point numbers are stretched so that all
    but the outermost 0.1 % of the values at each end fill 0 to 255. DICOM goes through the modality LUT, then the
    VOI LUT or window (PS3.3, C.11), and MONOCHROME1 is inverted last. Pictures of over 20 million pixels are averaged
    down by a whole factor.

    Args:
        data: the whole file.
        limits: bytes and pixels that are accepted; checked before anything is unpacked.

    Returns:
        The radiograph.

    Raises:
        Unreadable: whatever goes wrong, in one sentence without a word of the file's own.
    """
    data = bytes(data)
    kind, spacing = sniff(data), None
    limits.check_bytes(len(data), kind == "DICOM")
    try:
        if kind == "DICOM":
            # Here and not above: pydicom costs 0.1 s to import, which a reader of PNG files need not pay.
            from model.files.dicom.decode import decode as decode_dicom

            pixels, notes, spacing = decode_dicom(data, limits)
        else:
            pixels, notes = decode_picture(data, kind, limits)
    except Unreadable:
        raise
    except MemoryError:
        raise Unreadable(Message(Code.OUT_OF_MEMORY, kind=kind)) from None
    except Exception:
        # Decoders raise what they like on a damaged file, and their messages may quote it: neither goes on.
        raise Unreadable(Message(Code.FILE_DAMAGED, kind=kind)) from None
    radiograph = Radiograph(pixels, kind, hashlib.sha256(data).hexdigest(), tuple(notes), spacing)
    radiograph.preview  # noqa: B018 - made now, see there
    return radiograph


def to_input(pixels: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """Resize to the square that a network takes; the aspect ratio is not kept.

    One training source comes squashed to a square, so all are: a network must not tell sources apart by their shape.

    Args:
        pixels: (H, W) float32 grey, 0 to 255.
        size: pixels a side.

    Returns:
        (1, size, size, 1) float32, 0 to 255.
    """
    pixels = _average_by_whole_factor(pixels, size)
    height, width = pixels.shape
    # Sides that shrink first and averaged, then those that grow: INTER_AREA does only the former well.
    if height > size or width > size:
        pixels = _resize(pixels, min(height, size), min(width, size), cv2.INTER_AREA)
    if pixels.shape != (size, size):
        pixels = _resize(pixels, size, size, cv2.INTER_LINEAR)
    return np.ascontiguousarray(pixels, dtype=np.float32)[None, :, :, None]


def _average_by_whole_factor(pixels: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """Bring a large picture near to twice the size: OpenCV averages by a whole factor four times as fast as by others.

    At most a factor less one rows and columns go, shared by both borders: under 0.4 % of a side.
    """
    return average(pixels, min(pixels.shape) // (2 * size))


def average(pixels: NDArray[np.float32], factor: int) -> NDArray[np.float32]:
    """Average squares of pixels.

    Args:
        pixels: (H, W) grey.
        factor: pixels a side of a square; the picture itself is returned for less than 2.

    Returns:
        (H // factor, W // factor).
    """
    if factor < 2:
        return pixels
    height, width = pixels.shape
    top, left = (height % factor) // 2, (width % factor) // 2
    height, width = height // factor, width // factor
    whole = pixels[top : top + height * factor, left : left + width * factor]
    return _resize(whole, height, width, cv2.INTER_AREA)


def _resize(pixels: NDArray[np.float32], height: int, width: int, how: int) -> NDArray[np.float32]:
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=how), dtype=np.float32)
