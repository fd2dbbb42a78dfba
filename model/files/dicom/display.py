"""DICOM's grey scale pipeline: modality LUT, VOI LUT or window, MONOCHROME1, padding (PS3.3, C.7.5.1.1.2 and C.11)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.files.grey import look_up, stretch, thin, value_range
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
        found = float(value[0] if several else value)
    except (TypeError, ValueError, IndexError, OverflowError, ArithmeticError, NotImplementedError):
        return None
    return found if math.isfinite(found) else None


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
    curve, notes = _voi(dataset, _modality(dataset, meant), stored.dtype)

    def grey(values: NDArray[Any]) -> Grey:
        shown = curve(_modality(dataset, values))
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
    """Stored values -> the modality's (PS3.3, C.11.1)."""
    table = _table(dataset, "ModalityLUTSequence")
    if table is not None:
        return _apply(stored, *table)
    slope, intercept = number(dataset, "RescaleSlope"), number(dataset, "RescaleIntercept") or 0.0
    return stored.astype(np.float64) * (slope or 1.0) + intercept


def _voi(dataset: Any, sample: NDArray[Any], stored: np.dtype[Any]) -> tuple[Curve, list[Message]]:
    """The curve from the modality's values to grey, from the best that the file offers (PS3.3, C.11.2)."""
    low, high = value_range(sample)
    table = _table(dataset, "VOILUTSequence")
    if table is not None:
        entries, first = table
        # Its own range and not that of the bits it claims: files with 12 bits of values claim 16.
        return lambda x: stretch(_apply(x, entries, first), float(entries.min()), float(entries.max())), []
    window = _window(dataset)
    if window is not None:
        shown = window(sample)
        if (
            np.ptp(window(np.array([low, high]))) >= _LEAST_CONTRAST
            and np.mean((shown > 0) & (shown < 255)) > _LEAST_GREY
        ):
            return window, []
        return lambda x: stretch(x, low, high), [Message(Code.DICOM_WINDOW_REPLACED)]
    bits = number(dataset, "BitsStored") or 0
    if bits <= 8 and stored.kind == "u" and "RescaleSlope" not in dataset and "ModalityLUTSequence" not in dataset:
        return lambda x: stretch(x, 0.0, 2.0**bits - 1), []
    return lambda x: stretch(x, low, high), [Message(Code.DICOM_NO_WINDOW)]


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


def _table(dataset: Any, keyword: str) -> tuple[NDArray[np.float32], float] | None:
    """A LUT's entries and the value that the first one stands for (PS3.3, C.11.1.1); None without a usable one."""
    sequence = dataset.get(keyword)
    if not sequence:
        return None
    item = sequence[0]
    # As bytes where pydicom has not yet made an object of each entry.
    data = item.get_item("LUTData").value if "LUTData" in item else None
    descriptor = item.get("LUTDescriptor") if _is_short(item, "LUTDescriptor") else None
    if data is None or descriptor is None or len(descriptor) != 3:
        return None
    if isinstance(data, bytes):
        little = dataset.original_encoding[1] is not False
        data = np.frombuffer(data[: len(data) // 2 * 2], "<u2" if little else ">u2")
    entries = np.asarray(data, np.float32).ravel()[: int(descriptor[0]) or 65536]
    if entries.size < 2 or entries.min() == entries.max():
        return None
    return entries, _signed(dataset, float(descriptor[1]))


def _is_short(item: Any, keyword: str) -> bool:
    value = item.get_item(keyword).value if keyword in item else b""
    return not isinstance(value, bytes) or len(value) <= 64


def _apply(values: NDArray[Any], entries: NDArray[np.float32], first: float) -> Grey:
    places = np.clip(values.astype(np.float64) - first, 0, entries.size - 1)
    return np.asarray(entries[places.astype(np.intp)])
