"""DICOM's grey scale pipeline: modality LUT, VOI LUT or window, MONOCHROME1, padding (PS3.3, C.7.5.1.1.2 and C.11)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.files.pictures.grey import display_range, look_up, stretch, thin, value_range
from model.messages import Code, Message

Grey = NDArray[np.float32]
Curve = Callable[[NDArray[Any]], Grey]
# A window that spreads the picture's own range over fewer than a tenth of the grey levels is a mistake.
_LEAST_CONTRAST = 25.5
# So is one that leaves all but a twentieth of the picture black or white.
_LEAST_GREY = 0.05


def number(dataset: Any, keyword: str) -> float | None:
    """An element as a number (the first, of several); None where it is missing, empty or no finite number."""
    try:
        value = dataset.get(keyword)
        several = hasattr(value, "__getitem__") and not isinstance(value, bytes | str)
        parsed = float(value[0] if several else value)
    except (TypeError, ValueError, IndexError, OverflowError, ArithmeticError, NotImplementedError):
        return None
    return parsed if math.isfinite(parsed) else None


def show(dataset: Any, stored: NDArray[Any], photometric: str) -> tuple[Grey, list[Message]]:
    """Turn stored values into the grey that a viewer would show.

    Args:
        dataset: the elements that say how.
        stored: (H, W) as unpacked.
        photometric: "MONOCHROME1" or "MONOCHROME2".

    Returns:
        (H, W) float32 from 0 to 255, bright where the body is dense, and notes.
    """
    sample = thin(stored)
    padding = _padding(dataset, sample)
    meant = sample[~padding(sample)] if padding else sample
    table = _table(dataset, "ModalityLUTSequence", meant)
    # One that leaves the picture a single value is not meant for it.
    modality = partial(_modality, dataset) if table is None or np.ptp(table.apply(meant)) == 0 else table.apply
    steps = np.arange(2)
    is_rescaled = modality == getattr(table, "apply", None) or not np.array_equal(modality(steps), steps)
    curve, notes = _voi(dataset, modality(meant), stored.dtype, is_rescaled)

    def grey(values: NDArray[Any]) -> Grey:
        shown = curve(modality(values))
        if photometric == "MONOCHROME1":
            shown = 255.0 - shown
        if padding:
            shown[padding(values)] = 0.0
        return shown

    if stored.dtype.kind not in "iu" or stored.dtype.itemsize > 2:
        return grey(stored), notes
    # The way of each possible value is worked out once; a plate has a hundred times more pixels than values.
    stored = np.ascontiguousarray(stored, stored.dtype.newbyteorder("="))
    unsigned = np.dtype(f"u{stored.dtype.itemsize}")
    possible = np.arange(256**unsigned.itemsize).astype(unsigned)
    return look_up(grey(possible.view(stored.dtype)), stored.view(unsigned)), notes


def _padding(dataset: Any, sample: NDArray[Any]) -> Callable[[NDArray[Any]], NDArray[np.bool_]] | None:
    """Tells which values stand for "outside the detector"; None if none, or so many that it can't be meant."""
    value = number(dataset, "PixelPaddingValue")
    if value is None:
        return None
    limit = number(dataset, "PixelPaddingRangeLimit")
    low, high = sorted(_signed(dataset, v) for v in (value, value if limit is None else limit))

    def inside(values: NDArray[Any]) -> NDArray[np.bool_]:
        return np.asarray((values >= low) & (values <= high))

    return inside if inside(sample).mean() < 0.95 else None


def _signed(dataset: Any, value: float) -> float:
    """Files store signed values as unsigned ones of 16 bits now and then."""
    return value - 65536 if number(dataset, "PixelRepresentation") == 1 and value > 32767 else value


def _modality(dataset: Any, stored: NDArray[Any]) -> NDArray[Any]:
    """Stored values -> the modality's by slope and intercept (PS3.3, C.11.1)."""
    slope, intercept = number(dataset, "RescaleSlope"), number(dataset, "RescaleIntercept") or 0.0
    return stored.astype(np.float64) * (slope or 1.0) + intercept


def _voi(dataset: Any, sample: NDArray[Any], stored: np.dtype[Any], is_rescaled: bool) -> tuple[Curve, list[Message]]:
    """The curve from the modality's values to grey, from the best that the file offers (PS3.3, C.11.2)."""
    low, high = value_range(sample)
    bits = number(dataset, "BitsStored") or 0
    whole = stored.kind == "u" and not is_rescaled
    if not whole or bits > 8:
        low, high = display_range(sample.astype(stored) if stored.kind in "iu" and not is_rescaled else sample)
    offered: list[Curve] = []
    table = _table(dataset, "VOILUTSequence", sample)
    if table is not None:
        # Its own range and not that of the bits it claims: files with 12 bits of values claim 16.
        darkest, brightest = float(table.entries.min()), float(table.entries.max())
        offered.append(lambda x: stretch(table.apply(x), darkest, brightest))
    window = _window(dataset)
    if window is not None:
        offered.append(window)
    for curve in offered:
        if _fits(curve, sample):
            return curve, [] if curve is offered[0] else [Message(Code.DICOM_WINDOW_REPLACED)]
    if offered:
        return lambda x: stretch(x, low, high), [Message(Code.DICOM_WINDOW_REPLACED)]
    if whole and bits <= 8:
        return lambda x: stretch(x, 0.0, 2.0**bits - 1), []
    return lambda x: stretch(x, low, high), [Message(Code.DICOM_NO_WINDOW)]


def _fits(curve: Curve, sample: NDArray[Any]) -> bool:
    """Whether a window or table leaves something to see of the picture."""
    shown = curve(sample)
    contrast = np.ptp(curve(np.array(value_range(sample))))
    return bool(contrast >= _LEAST_CONTRAST and np.mean((shown > 0) & (shown < 255)) > _LEAST_GREY)


def _window(dataset: Any) -> Curve | None:
    """The first window's curve to 0..255 (PS3.3, C.11.2.1.2 and C.11.2.1.3); None if there is no possible one."""
    centre, width = number(dataset, "WindowCenter"), number(dataset, "WindowWidth")
    if centre is None or width is None or width <= 0:
        return None
    kind = str(dataset.get("VOILUTFunction") or "LINEAR").upper()
    if kind == "SIGMOID":
        steepness, middle = -4.0 / width, centre
        return lambda x: (255.0 / (1.0 + np.exp(np.clip(steepness * (x - middle), -80.0, 80.0)))).astype(np.float32)
    if kind != "LINEAR_EXACT" and width > 1:
        centre, width = centre - 0.5, width - 1.0
    low, high = centre - width / 2, centre + width / 2
    return lambda x: stretch(x, low, high)


@dataclass(frozen=True)
class _Table:
    """A LUT: its entries, and the value that the first one stands for (PS3.3, C.11.1.1)."""

    entries: NDArray[np.float32]
    first: float

    def apply(self, values: NDArray[Any]) -> Grey:
        """The entries of values; what lies beyond an end takes the entry there."""
        places = np.clip(values.astype(np.float64) - self.first, 0, self.entries.size - 1)
        return np.asarray(self.entries[places.astype(np.intp)])


def _table(dataset: Any, keyword: str, sample: NDArray[Any]) -> _Table | None:
    """The first LUT of a sequence; None without a usable one.

    Args:
        dataset: the elements.
        keyword: of the sequence.
        sample: values that it is meant for, which tell the sign of the first one.
    """
    sequence = dataset.get(keyword)
    if not sequence:
        return None
    item = sequence[0]
    # As bytes where pydicom has not yet made an object of each entry.
    data = item.get_item("LUTData").value if "LUTData" in item else None
    descriptor = item.get("LUTDescriptor") if _is_short(item, "LUTDescriptor") else None
    if data is None or descriptor is None or len(descriptor) != 3:
        return None
    # The count is unsigned whatever the element calls itself; 0 stands for 65,536.
    count = int(descriptor[0]) % 65536 or 65536
    little = dataset.original_encoding[1] is not False
    if not isinstance(data, bytes):
        data = np.asarray(data).astype("<u2" if little else ">u2").tobytes()
    if len(data) < 2 * count and len(data) in (count, count + 1):
        # Entries of 8 bits may take one byte each (C.11.1.1.1), two of them a word.
        words = np.frombuffer(data[: len(data) // 2 * 2], "<u2" if little else ">u2").astype("<u2")
        values = words.view(np.uint8) if len(data) % 2 == 0 else np.frombuffer(data, np.uint8)
    else:
        values = np.frombuffer(data[: len(data) // 2 * 2], "<u2" if little else ">u2")
    entries = values[:count].astype(np.float32)
    if entries.size < 2 or entries.min() == entries.max():
        return None
    return _Table(entries, _first_value(float(descriptor[1]), entries.size, dataset, sample))


def _first_value(written: float, count: int, dataset: Any, sample: NDArray[Any]) -> float:
    """The first value mapped, which is signed where the values are (C.11.1.1), though files seldom say so.

    Of the two readings of its 16 bits that one is taken for whose table covers more of the picture.
    """
    unsigned = written % 65536
    readings = {_signed(dataset, written), unsigned, unsigned - 65536}

    def covered(first: float) -> float:
        return float(np.mean((sample >= first) & (sample < first + count)))

    usual = _signed(dataset, written)
    best = max(readings, key=covered)
    return best if covered(best) > covered(usual) else usual


def _is_short(item: Any, keyword: str) -> bool:
    value = item.get_item(keyword).value if keyword in item else b""
    return not isinstance(value, bytes) or len(value) <= 64
