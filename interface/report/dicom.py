"""The overlay as a DICOM Secondary Capture image (PS3.3, A.8.1), for people with a PACS; nothing of a patient in it."""

from __future__ import annotations

import io
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid

from interface.components import presentation
from interface.core import labels, operating_point
from interface.core.session import Read
from interface.report.content import NO_TAGS
from interface.report.document import NO_DECISIONS, PROGRAM, one_line
from model.messages import Code
from model.reading.card import Card

RESEARCH = "Research use: heatmap over a chest radiograph"
# Type 2: they have to be there and may be empty, and what they say would be about a patient or a visit.
EMPTY = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyDate",
    "StudyTime",
    "ReferringPhysicianName",
    "StudyID",
    "AccessionNumber",
    "PatientOrientation",
)
# The longest value of the kinds "long string" and "short text" (PS3.5, 6.2).
_LONG_STRING, _SHORT_TEXT = 64, 1024


def overlay(item: Read, chosen: str, card: Card, made: datetime) -> bytes:
    """Write the picture with the heatmap over it.

    Args:
        item: decided at the operating point of the session.
        chosen: the class whose heatmap is shown.
        card: of the bundle that read it.
        made: now, in coordinated universal time.

    Returns:
        The file: explicit VR little endian, 8-bit RGB, with new identifiers of study, series and image.
    """
    reading = item.reading
    data = _image(presentation.overlaid(item, chosen))
    for keyword in EMPTY:
        setattr(data, keyword, None)
    data.SpecificCharacterSet = "ISO_IR 192"
    data.SOPClassUID = SecondaryCaptureImageStorage
    # Without a prefix they are made of random numbers, which nobody has to register (PS3.5, B.2).
    data.StudyInstanceUID, data.SeriesInstanceUID, data.SOPInstanceUID = (generate_uid(prefix=None) for _ in range(3))
    data.SeriesNumber = data.InstanceNumber = 1
    day, clock = f"{made:%Y%m%d}", f"{made:%H%M%S}"
    data.InstanceCreationDate = data.ContentDate = data.DateOfSecondaryCapture = day
    data.InstanceCreationTime = data.ContentTime = data.TimeOfSecondaryCapture = clock
    data.TimezoneOffsetFromUTC = "+0000"
    data.Modality, data.ConversionType, data.BodyPartExamined = "OT", "WSD", "CHEST"
    data.Manufacturer = data.SecondaryCaptureDeviceManufacturer = PROGRAM
    data.SoftwareVersions = data.SecondaryCaptureDeviceSoftwareVersions = _long_string(f"{PROGRAM}, {card.title}")
    data.StudyDescription, data.SeriesDescription = "Research use, not for diagnosis", RESEARCH
    data.ImageType = ["DERIVED", "SECONDARY"]
    carries_text = any(note.code is Code.HAS_TEXT for note in reading.notes)
    data.BurnedInAnnotation = "YES" if carries_text else "NO"
    data.DerivationDescription = one_line(
        f"{RESEARCH}. Colours: what spoke for {labels.class_name(chosen)}, by {card.title} (SHA-256 {card.sha256})."
    )[:_SHORT_TEXT]
    point = card.point(reading.operating_point)
    data.ImageComments = one_line(
        f"{labels.NOT_A_DEVICE} {NO_DECISIONS} {presentation.headline(reading, card)}. Scores: "
        f"{labels.scores_line(reading.scores)}; operating point {labels.score(point.threshold)} "
        f"({operating_point.label(point.name)}). {NO_TAGS}"
    )
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    written = io.BytesIO()
    data.save_as(written, enforce_file_format=True)
    return written.getvalue()


def _image(pixels: NDArray[np.uint8]) -> Dataset:
    """The Image Pixel module (PS3.3, C.7.6.3) of (H, W, 3) RGB."""
    data = Dataset()
    data.SamplesPerPixel, data.PhotometricInterpretation, data.PlanarConfiguration = 3, "RGB", 0
    data.Rows, data.Columns = pixels.shape[:2]
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 8, 8, 7, 0
    values = np.ascontiguousarray(pixels).tobytes()
    data.PixelData = values + b"\0" * (len(values) % 2)  # every value has an even length
    data["PixelData"].VR = "OB"
    return data


def _long_string(text: str) -> str:
    return one_line(text).replace("\\", "/")[:_LONG_STRING]
