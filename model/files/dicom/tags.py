"""What in a DICOM file's tags says that it is no frontal chest radiograph; no message quotes the file."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from model.messages import Code, Message

# Elements that are read for this: general ones, none about the patient (PS3.3, C.7.3.1, C.8.11.1 and C.8.11.3).
KEYWORDS = ("Modality", "BodyPartExamined", "ViewPosition", "PresentationIntentType")
# A picture that says one of these of itself is not read.
REFUSING = {Code.DICOM_MODALITY, Code.DICOM_NOT_CHEST, Code.DICOM_LATERAL}
_OTHER_MODALITIES = {
    "CT": Code.A_CT,
    "MR": Code.AN_MR,
    "US": Code.AN_ULTRASOUND,
    "IVUS": Code.AN_ULTRASOUND,
    "MG": Code.A_MAMMOGRAM,
    "NM": Code.A_NUCLEAR,
    "PT": Code.A_PET,
    "ES": Code.AN_ENDOSCOPY,
    "RTDOSE": Code.A_DOSE,
    **dict.fromkeys(("IO", "PX"), Code.A_DENTAL),
    **dict.fromkeys(("XC", "OP", "GM", "SM"), Code.A_PHOTOGRAPH),
}
# Where Modality is missing, the SOP class tells (PS3.4, B.5).
_IMAGE = "1.2.840.10008.5.1.4.1.1."
_OTHER_CLASSES = {"2": "CT", "2.1": "CT", "4": "MR", "4.1": "MR", "6.1": "US", "3.1": "US", "20": "NM", "128": "PT"}
# Words of other parts of the body, as machines of several languages write them; part of the chest is none of them.
_OTHER_PARTS = re.compile(
    r"\b(?:HEAD|SKULL|BRAIN|CRANIUM|CRANEO|CRANE|SCHAEDEL|SCHADEL|KOPF|CABEZA|TETE|TESTA|HANDS?|MANO|FOOT|FEET|FUSS|"
    r"PIED?|PIEDE|ANKLE|KNEES?|KNIE|RODILLA|GENOU|JOELHO|GINOCCHIO|HIPS?|HUEFTE|HUFTE|CADERA|HANCHE|PELVIS|BECKEN|"
    r"BASSIN|PELVE|BACINO|ABDOMEN|BAUCH|WRIST|ELBOW|FOREARM|FINGER|THUMB|TOE|LEG|TIBIA|FIBULA|FEMUR|HUMERUS|RADIUS|"
    r"ULNA|BREAST|MAMMA|JAW|MANDIBLE|MAXILLA|TEETH|TOOTH|ORBITS?|SINUS|SINUSES|[CL][ -]?SPINE|LUMBAR|SACRUM|COCCYX|"
    r"CALCANEUS|PATELLA|BLADDER|KIDNEY|LIVER|"
    r"EXTREMITY|EXTREMITIES|LIMB|TIB[ -]?FIB|HEADNECK|NECK)\b"
)
_CHEST = re.compile(
    r"CHEST|T.?H?ORA[XCK]|T.RAX|LUNG|PULM|POUMON|PECHO|PEITO|BRUST|THX|CXR|RIB|STERN|CLAVIC|HEART|CARDI"
)
_LATERAL = {"LL", "RL", "LAT", "LATERAL", "LLAT", "RLAT", "SEITLICH", "PROFIL", "PERFIL"}
SPACINGS = ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing")
# Millimetres: a detector for mammography is finer, a thumbnail of a chest coarser.
_LEAST_SPACING, _MOST_SPACING = 0.02, 4.0


def doubts(dataset: Any) -> list[Message]:
    """Why this file may not be a frontal chest radiograph, one message a tag."""
    modality, part, view, intent = (_plain(dataset.get(keyword)) for keyword in KEYWORDS)
    if not modality:
        uid = str(dataset.get("SOPClassUID") or "")
        modality = _OTHER_CLASSES.get(uid.removeprefix(_IMAGE), "")
    notes = []
    if modality in _OTHER_MODALITIES:
        notes.append(Message(Code.DICOM_MODALITY, what=_OTHER_MODALITIES[modality]))
    # A note needs a part that is certainly another one: machines write the chest in a hundred ways.
    if not _CHEST.search(part) and _OTHER_PARTS.search(part.replace("_", " ")):
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


def _plain(value: Any) -> str:
    """Capital letters without accents."""
    letters = unicodedata.normalize("NFKD", str(value or ""))
    return "".join(letter for letter in letters if not unicodedata.combining(letter)).strip().upper()
