"""What in a DICOM file's tags says that it is no frontal chest radiograph; no message quotes the file."""

from __future__ import annotations

from typing import Any

from model.messages import Code, Message

# Elements that are read for this: general ones, none about the patient (PS3.3, C.7.3.1, C.8.11.1 and C.8.11.3).
KEYWORDS = ("Modality", "BodyPartExamined", "ViewPosition", "PresentationIntentType")
_OTHER_MODALITIES = {
    "CT": Code.A_CT,
    "MR": Code.AN_MR,
    "US": Code.AN_ULTRASOUND,
    "MG": Code.A_MAMMOGRAM,
    "NM": Code.A_NUCLEAR,
    "PT": Code.A_PET,
    "ES": Code.AN_ENDOSCOPY,
    "RTDOSE": Code.A_DOSE,
}
_CHEST = ("CHEST", "THORAX", "LUNG")
_LATERAL = ("LL", "RL", "LAT", "LATERAL")
SPACINGS = ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing")
# Millimetres: a detector for mammography is finer, a thumbnail of a chest coarser.
_LEAST_SPACING, _MOST_SPACING = 0.02, 4.0


def doubts(dataset: Any) -> list[Message]:
    """Why this file may not be a frontal chest radiograph, one message a tag."""
    modality, part, view, intent = (str(dataset.get(keyword) or "").strip().upper() for keyword in KEYWORDS)
    notes = []
    if modality in _OTHER_MODALITIES:
        notes.append(Message(Code.DICOM_MODALITY, what=_OTHER_MODALITIES[modality]))
    if part and not any(word in part for word in _CHEST):
        notes.append(Message(Code.DICOM_NOT_CHEST))
    if view in _LATERAL:
        notes.append(Message(Code.DICOM_LATERAL))
    if intent == "FOR PROCESSING":
        notes.append(Message(Code.DICOM_RAW))
    return notes


def spacing(dataset: Any) -> float | None:
    """Millimetres between the centres of two neighbouring pixels (PS3.3, 10.7.1.3), a number and no other tag.

    For a radiograph it is that of the detector, unless the file was calibrated.

    Args:
        dataset: of a picture.

    Returns:
        The spacing; None where it is missing, impossible for a radiograph, or differs between rows and columns.
    """
    for keyword in SPACINGS:
        try:
            rows, columns = (float(value) for value in dataset.get(keyword) or ())
        except (TypeError, ValueError):
            continue
        if _LEAST_SPACING <= columns <= _MOST_SPACING and abs(rows - columns) <= 0.01 * columns:
            return columns
    return None
