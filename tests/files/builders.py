"""Files for the tests: pictures and DICOM files made here, and the real DICOM files of pydicom and pydicom-data."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian


def ramp(height: int = 80, width: int = 60) -> np.ndarray:
    """Grey that grows to the right and down, so that every turn and inversion shows; (height, width) uint8."""
    grey = 2.0 * np.arange(height)[:, None] + np.arange(width)
    return np.asarray(grey * 255 / (2 * height + width), dtype=np.uint8)


def encode(image: Image.Image | np.ndarray, kind: str, **options: Any) -> bytes:
    """A picture file's bytes."""
    buffer = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(buffer, kind, **options)
    return buffer.getvalue()


def real(name: str) -> bytes:
    """A real DICOM file that pydicom or pydicom-data ships; skips the test where it was not installed."""
    path = get_testdata_file(name, download=False)
    if path is None:
        pytest.skip(f"{name} is not installed (pip install pydicom-data)")
    return Path(str(path)).read_bytes()


def dicom(pixels: np.ndarray | bytes, syntax: str = ExplicitVRLittleEndian, /, **elements: Any) -> bytes:
    """A DICOM file: an array's own pixels, or bytes as they are; `elements` are added, or left out where None."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = UID(syntax)
    dataset.SOPClassUID, dataset.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.1.1", "1.2.3"
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.Rows, dataset.Columns = (64, 64) if isinstance(pixels, bytes) else pixels.shape[:2]
    bits = 16 if isinstance(pixels, bytes) else 8 * pixels.dtype.itemsize
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = bits, bits, bits - 1
    dataset.PixelRepresentation = int(not isinstance(pixels, bytes) and pixels.dtype.kind == "i")
    dataset.PixelData = pixels if isinstance(pixels, bytes) else pixels.tobytes()
    dataset["PixelData"].VR = "OW" if syntax == ExplicitVRLittleEndian and bits > 8 else "OB"
    for keyword, value in elements.items():
        if value is None:
            del dataset[keyword]
        else:
            setattr(dataset, keyword, value)
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def before_element(file: bytes, tag: bytes, inserted: bytes) -> bytes:
    """The file with bytes put before an element (its tag as the file has it)."""
    at = file.index(tag, 132)
    return file[:at] + inserted + file[at:]
