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
