"""Sentences where a DICOM file itself says that it is no frontal chest radiograph. None quotes the file."""

from __future__ import annotations

from typing import Any

# Elements that are read for this: general ones, none about the patient (PS3.3, C.7.3.1, C.8.11.1 and C.8.11.3).
KEYWORDS = ("Modality", "BodyPartExamined", "ViewPosition", "PresentationIntentType")
_OTHER_MODALITIES = {
    "CT": "a CT slice",
    "MR": "an MR slice",
    "US": "an ultrasound picture",
    "MG": "a mammogram",
    "NM": "a nuclear medicine picture",
    "PT": "a PET slice",
    "ES": "an endoscopic picture",
    "RTDOSE": "a radiotherapy dose",
}
_CHEST = ("CHEST", "THORAX", "LUNG")
_LATERAL = ("LL", "RL", "LAT", "LATERAL")


def doubts(dataset: Any) -> list[str]:
    """What speaks against reading this file, in sentences."""
    modality, part, view, intent = (str(dataset.get(keyword) or "").strip().upper() for keyword in KEYWORDS)
    notes = []
    if modality in _OTHER_MODALITIES:
        notes.append(f"The file says that it is {_OTHER_MODALITIES[modality]} and not a radiograph.")
    if part and not any(word in part for word in _CHEST):
        notes.append("The file says that it does not show a chest.")
    if view in _LATERAL:
        notes.append("The file says that it is a lateral view.")
    if intent == "FOR PROCESSING":
        notes.append("The file holds raw detector values, not a picture made for viewing.")
    return notes
