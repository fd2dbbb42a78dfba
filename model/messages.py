"""What the reader tells people: a code with values, and the one table of English templates for the codes.

The reader never makes text. Programs print `str(message)`; pages pass the template through a catalogue of
translations (`interface/core/language.py`). `scripts/messages.py` collects the templates of `Code` for translators.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum, unique
from typing import TypeAlias


@unique
class Code(Enum):
    """A code, whose value is its template; codes without a full stop fill the placeholders of others."""

    # Files
    FILE_EMPTY = "The file is empty: choose it again, or export the picture anew."
    FILE_MISSING = "There is no such file: check the path."
    FILE_IS_NONE = "This is neither a file nor a folder: choose a picture."
    FILE_NOT_OPENED = "The file can't be opened ({reason}): check who may read it."
    NAME_IMPOSSIBLE = "There can be no such file: its name holds a character that no name has."
    FOLDER_NOT_OPENED = "The folder can't be opened ({reason}): check who may read it."
    OTHER_COMPUTER = "The address names another computer: copy the file here, or give its path."
    TABLE_QUOTE = "The rows from line {row} on can't be read: a quotation mark in that line is never closed."
    FILE_TOO_LARGE = "The file has {size} MB and the limit is {limit} MB: save the picture smaller or compressed."
    FILE_TRUNCATED = "The {kind} file is cut short: copy or export it again and choose that."
    FILE_DAMAGED = "The {kind} file is damaged or incomplete: export it again and choose that."
    OUT_OF_MEMORY = "There is not enough memory for this {kind} file: save the picture smaller."
    FORMAT_TEXT = "This is text and not a picture: choose a radiograph as PNG, JPEG, TIFF, WebP, BMP or DICOM."
    FORMAT_UNKNOWN = (
        "The file is of no kind that can be read here: choose a radiograph as PNG, JPEG, TIFF, WebP, BMP or DICOM."
    )
    FORMAT_HEIC = "This is a HEIC or AVIF photograph: save it as PNG or JPEG and choose that."
    FORMAT_VIDEO = "This is a video: save one picture of it as PNG and choose that."
    FORMAT_TAR = "This is a tar archive: unpack it and choose the pictures in it."
    FORMAT_NIFTI = "This is a NIfTI volume: save the radiograph as PNG or DICOM and choose that."
    FORMAT_OTHER = "This is {what}: {advice} and choose that."
    A_PDF = "a PDF document"
    A_ZIP = "a ZIP archive or an office document"
    A_RAR = "a RAR archive"
    A_WADO_ANSWER = "an answer of a DICOM server (WADO-RS) with its frame around the picture"
    A_7Z = "a 7z archive"
    A_GZIP = "a gzip archive"
    A_GIF = "a GIF picture"
    A_JPEG2000 = "a JPEG 2000 picture without a DICOM header"
    A_JPEG_LS = "a JPEG-LS picture without a DICOM header"
    A_JPEG_XL = "a JPEG XL picture"
    A_PHOTOSHOP = "a Photoshop file"
    AN_ICON = "an icon"
    A_VIDEO = "a video"
    AN_SVG = "an SVG drawing"
    EXPORT_RADIOGRAPH = "export the radiograph in it as PNG or DICOM"
    TAKE_PICTURES_OUT = "take the pictures out of it"
    SAVE_PART = "save the DICOM part of it"
    UNPACK = "unpack it"
    SAVE_AS_PNG = "save it as PNG"
    SAVE_AS_PNG_OR_DICOM = "save it as PNG or DICOM"
    SAVE_ONE_AS_PNG = "save one picture of it as PNG"

    TIFF_TOO_MUCH = "The TIFF file has far more entries than a radiograph: save it again."
    TIFF_UNSUPPORTED = (
        "This TIFF file {what}, which can't be read here: save it as PNG or as an uncompressed TIFF of 8 or 16 bits."
    )
    TIFF_COMPRESSION = "is compressed in an unusual way"
    TIFF_NUMBERS = "holds numbers of an unusual kind ({bits} bits)"

    # Size of a picture
    SIZE_MISSING = "The file gives its picture no size: export it again and choose that."
    PICTURE_TOO_LARGE = "The picture has {width} x {height} pixels and the limit is {limit} million: save it smaller."
    PICTURE_FAR_TOO_LARGE = "The picture unpacks to far more pixels than a radiograph has: save it smaller."
    PICTURE_TOO_SMALL = (
        "The picture has only {width} x {height} pixels, too few to make out a radiograph: choose one with at least "
        "{side} a side."
    )

    # What was done to a picture to read it
    SEVERAL_PICTURES = "The file holds several pictures: only the first was read."
    TURNED_UPRIGHT = "The picture was turned upright, as its file asks."
    SCALED_DOWN = "The picture was scaled down to save memory."
    TRANSPARENCY_DROPPED = "Transparent parts were laid on black."
    COLOURS_DROPPED = "The colours were dropped."
    RANGE_STRETCHED = "The range of values was stretched to 256 grey levels."
    INVERTED_FIRST = "The picture was inverted before it was read."
    TURNED_FIRST = "The picture was turned before it was read."

    # DICOM
    DICOM_WITHOUT_PICTURE = "This DICOM file holds no picture: choose the radiograph itself."
    DICOM_OTHER_OBJECT = "This DICOM file {what} and no picture: {advice}."
    IS_DICOMDIR = "is a DICOMDIR, the table of contents of a disc"
    IS_STRUCTURED_REPORT = "is a structured report"
    IS_KEY_OBJECTS = "is a list of key pictures"
    IS_DOCUMENT = "holds a document such as a PDF"
    IS_PRESENTATION_STATE = "is a presentation state"
    IS_RADIOTHERAPY = "is a radiotherapy object"
    IS_WAVEFORM = "holds curves such as an ECG"
    CHOOSE_BESIDE = "choose the picture files beside it"
    CHOOSE_RADIOGRAPH = "choose the radiograph itself"
    CHOOSE_REFERRED = "choose the radiograph it refers to"
    DICOM_SERIES = (
        "This DICOM file is a series of {count} pictures: save the frontal chest radiograph alone and choose that."
    )
    DICOM_UNSUPPORTED = "This DICOM file {what}, which can't be read here: save it uncompressed and choose that."
    IS_ON_SERVER = "refers to a picture on a server (JPIP)"
    IS_VIDEO = "is compressed as a video"
    IS_JPEG_XL = "is compressed as JPEG XL"
    IS_PRIVATE = "is stored in a private way of its maker"
    HAS_ODD_BITS = "holds numbers of an unusual count of bits"
    HAS_ODD_COLOURS = "holds colours of an unusual kind"
    IS_UNKNOWN_CODEC = "is compressed in a way that is not known here"
    DICOM_CONTRADICTORY = "The DICOM file contradicts itself about the size of its picture: export it again."
    DICOM_FRAGMENTS = "The DICOM file has its picture in far too many pieces: export it again."
    DICOM_SEGMENTED_TABLE = "This DICOM file has a segmented colour table: save the picture in grey or as PNG."
    DICOM_TOO_MUCH = "The DICOM file has far more elements than a radiograph: export it again."
    DICOM_INFLATES = "The DICOM file unpacks to far more than a radiograph holds: save it uncompressed."
    DICOM_WINDOW_REPLACED = "The window in the file does not fit its picture and was replaced."
    DICOM_NO_WINDOW = "The file has no window: its range of values was stretched to 256 grey levels."
    DICOM_MODALITY = "The file says that it is {what}: choose a frontal chest radiograph."
    A_CT = "a CT slice"
    AN_MR = "an MR slice"
    AN_ULTRASOUND = "an ultrasound picture"
    A_MAMMOGRAM = "a mammogram"
    A_NUCLEAR = "a nuclear medicine picture"
    A_PET = "a PET slice"
    AN_ENDOSCOPY = "an endoscopic picture"
    A_DENTAL = "a dental radiograph"
    A_PHOTOGRAPH = "a photograph"
    A_DOSE = "a radiotherapy dose"
    DICOM_NOT_CHEST = "The file says that it shows another part of the body: choose a frontal chest radiograph."
    DICOM_LATERAL = "The file says that it is a lateral view: choose the frontal one."
    DICOM_RAW = "The file holds raw detector values, not a picture made for viewing."

    # ZIP archives
    ZIP_EMPTY = "The ZIP archive is empty: put pictures into it."
    ZIP_DAMAGED = "The ZIP archive is damaged or cut short: pack it again, or choose the pictures themselves."
    ZIP_TABLE = "The ZIP archive holds far too many files: pack fewer into one."
    ZIP_TOO_MANY = "The ZIP archive holds more than {most} files, and {left} were left out: pack fewer."
    ZIP_TOO_LARGE = "The ZIP archive unpacks to more than can be read at once: choose this file by itself."
    ZIP_OFFICE = "This is an office document: take the pictures out of it and choose those."
    ZIP_PASSWORD = "This file in the ZIP archive is locked with a password: unpack the archive first."
    ZIP_METHOD = "This file is packed in an unusual way: pack the archive again as a plain ZIP."
    ZIP_BOMB = "This file unpacks to far more than it takes in the ZIP archive: choose the picture itself."
    ZIP_MEMBER_DAMAGED = "This file in the ZIP archive is damaged: pack it again."
    ZIP_NESTED = "This is a ZIP archive in a ZIP archive: unpack the inner one and choose its pictures."

    # Input check
    NOT_FRONTAL = "This does not look like a frontal chest radiograph: choose one."
    NOT_FRONTAL_BUT = "This does not look like a frontal chest radiograph, but like {what}: choose a frontal one."
    LATERAL = "a lateral one"
    OTHER_RADIOGRAPH = "a radiograph of another part of the body"
    OTHER_MEDICAL = "a CT, MRI or ultrasound picture"
    NOT_MEDICAL = "a picture that is no radiograph"
    INVERTED = "The grey scale looks inverted, with bones dark and air bright: invert it first."
    TURNED_LEFT = "The picture looks turned to the left by 90 degrees: turn it back first."
    TURNED_RIGHT = "The picture looks turned to the right by 90 degrees: turn it back first."
    UPSIDE_DOWN = "The picture looks upside down: turn it first."

    # Quality of a picture
    FEW_PIXELS = "The picture has {width} x {height} pixels only: small findings can't be seen in it."
    MOSTLY_BLACK = "Most of the picture is black: it may be under-exposed, or its window set too high."
    MUCH_WHITE = "Much of the picture is white: it may be over-exposed, or its window set too low."
    LOW_CONTRAST = "The picture has little contrast."
    COMPRESSED = "The picture was compressed strongly: its blocks can look like findings."
    HAS_TEXT = "The picture seems to carry text: remove names before you share it, and do not trust evidence there."
    UNLIKE_TRAINING = "The picture is unlike those that the network was trained on: trust this reading less."
    MIRRORED = "The heart seems to lie on the other side: the picture may be mirrored. Compare its side marker."
    NO_LUNGS = "No lungs were found in the picture."
    WHOLE_PICTURE = (
        "No box around two lungs was found, so the whole picture was read, for which the network was not made: trust "
        "this reading less."
    )
    LUNGS_CROPPED = "The lungs reach over the picture's border: part of them may be missing."
    TILTED = "The patient is tilted by about {degrees} degrees: trust this reading less."

    # Names of classes, decisions and operating points (`model/reading/names.py`)
    COVID19 = "COVID-19 pattern"
    OTHER = "Other lung disease"
    NORMAL = "Normal"
    POSITIVE = "Positive"
    NEGATIVE = "Negative"
    UNCERTAIN = "Uncertain"
    REFUSED = "Refused"
    POINT_BALANCED = "Balanced"
    POINT_SENSITIVITY = "Sensitivity {share}%"
    POINT_SPECIFICITY = "Specificity {share}%"
    CHOSEN_BALANCED = "largest sum of sensitivity and specificity"
    CHOSEN_SENSITIVITY = "sensitivity of at least {share}%"
    CHOSEN_SPECIFICITY = "specificity of at least {share}%"

    # The decision
    SCORE = "The {name} score {score} is {side} the operating point {threshold} ({point})."
    ABOVE = "above"
    BELOW = "below"
    EXACTLY_AT = "exactly at"
    OTHER_SCORES = "Of the other classes, {first} scores {score} and {second} {other}."
    NEAR_BOUNDARY = (
        "That is only {distance} log-odds from {boundary}, and readings nearer than {margin} are called uncertain."
    )
    THE_OPERATING_POINT = "the operating point"
    A_TIE = "equal scores with {name}"
    OUTSIDE_LUNGS = "Most of the evidence lies outside the lungs: do not trust this reading."

    # Tests whose result the page on prevalence explains
    TEST_AGAINST = "This network: {set}, {ill} against {well}"
    TEST_OTHER = "This network: {set}, {what}"
    TEST_SOURCE = "card.json of {network}: {ill} and {well} images."

    # The finding
    FINDING_REFUSED = "Not read"
    FINDING_REFUSED_WHY = "The picture was refused, so it has no scores."
    FINDING_NOT_SEEN = "No {name} seen"
    FINDING_UNCERTAIN = "Uncertain: {first} or {second}"
    FINDING_POSITIVE = "{name} scores {score}, at or above the operating point {threshold}."
    FINDING_POSITIVE_OUTSCORED = (
        "{first} scores higher ({first_score}), but {name} scores {score}, at or above the operating point "
        "{threshold}, and from there on it is called."
    )
    FINDING_OTHER = "{first} scores {first_score}; {name} scores {score}, below the operating point {threshold}."
    FINDING_NEAR_POINT = (
        "{name} scores {score}, too near to the operating point {threshold} to tell it from {first} ({first_score})."
    )
    FINDING_TIE = (
        "{first} scores {first_score} and {second} {second_score}, too near to each other to tell; {name} scores "
        "{score}, below the operating point {threshold}."
    )

    # The server
    SERVER_BUSY = (
        "The server is still busy with other files that take too long to unpack, so this one was not begun: choose it "
        "again in a minute."
    )
    SERVER_FULL = (
        "The server holds as many pictures as its memory allows, so this one was not begun: press Forget all where "
        "you no longer need yours, or choose it again in a few minutes."
    )
    TOO_SLOW = (
        "Unpacking this file took more than {seconds} s and was given up: save the picture smaller, or as PNG, and "
        "choose that."
    )
    PROGRAM_FAULT = (
        "This file could not be read because of a fault in the program, not in your file; the server's log has the "
        "details. Other files can still be read."
    )


# Decimal keeps the digits to show; a Code or Message fills a placeholder with its own text.
Value: TypeAlias = "str | int | Decimal | Code | Message"


@dataclass(frozen=True, init=False)
class Message:
    """A code with the values of its template.

    Attributes:
        code: what is said.
        values: for the placeholders of the code's template.
    """

    code: Code
    values: Mapping[str, Value]

    def __init__(self, code: Code, **values: Value) -> None:
        object.__setattr__(self, "code", code)
        object.__setattr__(self, "values", values)

    def __str__(self) -> str:
        """The text in English."""
        return self.text()

    def text(self, translate: Callable[[str], str] = str, number: Callable[[int | Decimal], str] = str) -> str:
        """The text in any language.

        Args:
            translate: gives the template of another language for an English one.
            number: writes a number as that language does.
        """

        def filled(value: Value) -> str:
            if isinstance(value, Code):
                return translate(value.value)
            if isinstance(value, Message):
                return value.text(translate, number)
            return value if isinstance(value, str) else number(value)

        return translate(self.code.value).format(**{name: filled(value) for name, value in self.values.items()})
