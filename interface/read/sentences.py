"""Sentences that the reader makes, in the language of the session: `model.inference` speaks English alone.

A sentence without figures is its own key in the catalogues. One with figures is recognised by its template here, and
what stood in the placeholders is looked up too, as that may be a word. `tests/pages/test_language.py` finds a
sentence of `model/inference` that is missing here.
"""

from __future__ import annotations

import re
from functools import lru_cache

from interface.core.language import ENGLISH, catalogue, mark, spoken, tr

# Whole sentences, and what stands in the placeholders of the others.
FIXED = (
    # Why a picture is refused by the input check
    mark(
        "This looks like a lateral chest radiograph, and the network knows frontal ones alone: choose the frontal "
        "view."
    ),
    mark("This looks like a radiograph of another part of the body: choose a frontal chest radiograph."),
    mark("This looks like a CT, MRI or ultrasound picture: choose a frontal chest radiograph."),
    mark("This does not look like a radiograph: choose a frontal chest radiograph."),
    mark("The grey scale looks inverted, with bones dark and air bright: invert it first."),
    mark("The picture looks turned to the left by 90 degrees: turn it back first."),
    mark("The picture looks turned to the right by 90 degrees: turn it back first."),
    mark("The picture looks upside down: turn it first."),
    # Quality of the picture
    mark("Most of the picture is black: it may be under-exposed, or its window set too high."),
    mark("Much of the picture is white: it may be over-exposed, or its window set too low."),
    mark("The picture has little contrast."),
    mark("The picture was compressed strongly: its blocks can look like findings."),
    mark("The picture seems to carry text: remove names before you share it, and do not trust evidence there."),
    mark("The picture is unlike those that the network was trained on: trust this reading less."),
    mark("The heart seems to lie on the other side: the picture may be mirrored. Compare its side marker."),
    mark("No lungs were found in the picture."),
    mark("The lungs reach over the picture's border: part of them may be missing."),
    mark("Most of the evidence lies outside the lungs: do not trust this reading."),
    # What the decoder noted
    mark("The picture was inverted before it was read."),
    mark("The picture was turned before it was read."),
    mark("The picture was scaled down to save memory."),
    mark("The picture was turned upright, as its file asks."),
    mark("The file holds several pictures: only the first was read."),
    mark("Transparent parts were laid on black."),
    mark("The colours were dropped."),
    mark("The range of values was stretched to 256 grey levels."),
    mark("The window in the file does not fit its picture and was replaced."),
    mark("The file has no window: its range of values was stretched to 256 grey levels."),
    mark("The file says that it does not show a chest."),
    mark("The file says that it is a lateral view."),
    mark("The file holds raw detector values, not a picture made for viewing."),
    # Why a file can't be read
    mark("The file is empty: choose it again, or export the picture anew."),
    mark("The file gives its picture no size: export it again and choose that."),
    mark("This is a HEIC or AVIF photograph: save it as PNG or JPEG and choose that."),
    mark("This is a video: save one picture of it as PNG and choose that."),
    mark("This is a tar archive: unpack it and choose the pictures in it."),
    mark("This is a NIfTI volume: save the radiograph as PNG or DICOM and choose that."),
    mark("This is text and not a picture: choose a radiograph as PNG, JPEG, TIFF, WebP, BMP or DICOM."),
    mark("The file is of no kind that can be read here: choose a radiograph as PNG, JPEG, TIFF, WebP, BMP or DICOM."),
    mark("The picture unpacks to far more pixels than a radiograph has: save it smaller."),
    mark("This DICOM file holds no picture: choose the radiograph itself."),
    mark("This DICOM file is compressed in a way that can't be read here, perhaps as a video: save it uncompressed."),
    mark("The DICOM file contradicts itself about the size of its picture: export it again."),
    mark("The DICOM file has its picture in far too many pieces: export it again."),
    mark("The DICOM file is damaged: its JPEG 2000 picture never ends. Export it again."),
    mark("This DICOM file has a segmented colour table: save the picture in grey or as PNG."),
    mark("The DICOM file has far more elements than a radiograph: export it again."),
    mark("The DICOM file is cut short: copy or export it again and choose that."),
    mark("The DICOM file unpacks to far more than a radiograph holds: save it uncompressed."),
    mark("The ZIP archive is empty: put pictures into it."),
    mark("The ZIP archive is damaged or cut short: pack it again, or choose the pictures themselves."),
    mark("The ZIP archive is of the kind for more than 4 GB: pack the pictures into a plain one."),
    mark("The ZIP archive holds far too many files: pack fewer into one."),
    mark("The ZIP archive unpacks to more than is read at once: bring this file apart."),
    mark("This is an office document: take the pictures out of it and choose those."),
    mark("This file in the ZIP archive is locked with a password: unpack the archive first."),
    mark("This file is packed in an unusual way: pack the archive again as a plain ZIP."),
    mark("This file unpacks to far more than it takes in the ZIP archive: choose the picture itself."),
    mark("This file in the ZIP archive is damaged: pack it again."),
    mark("This is a ZIP archive in a ZIP archive: unpack the inner one and choose its pictures."),
    # What a file is, and what to do with it
    mark("a PDF document"), mark("export the radiograph in it as PNG or DICOM"),
    mark("a ZIP archive or an office document"), mark("take the pictures out of it"),
    mark("a RAR archive"), mark("a 7z archive"), mark("a gzip archive"), mark("unpack it"),
    mark("a GIF picture"), mark("a JPEG 2000 picture without a DICOM header"), mark("a JPEG XL picture"),
    mark("a Photoshop file"), mark("an icon"), mark("a video"), mark("an SVG drawing"),
    mark("save it as PNG"), mark("save it as PNG or DICOM"), mark("save one picture of it as PNG"),
    mark("is a DICOMDIR, the table of contents of a disc"), mark("choose the picture files beside it"),
    mark("is a structured report"), mark("holds a document such as a PDF"), mark("is a presentation state"),
    mark("is a radiotherapy object"), mark("holds curves such as an ECG"),
    mark("choose the radiograph itself"), mark("choose the radiograph it refers to"),
    mark("a CT slice"), mark("an MR slice"), mark("an ultrasound picture"), mark("a mammogram"),
    mark("a nuclear medicine picture"), mark("a PET slice"), mark("an endoscopic picture"), mark("a radiotherapy dose"),
    # Classes inside a sentence, sides and operating points
    mark("other lung disease"), mark("normal"), mark("above"), mark("below"), mark("exactly at"),
    mark("the operating point"), mark("balanced"), mark("Balanced"),
    mark("largest sum of sensitivity and specificity"),
)  # fmt: skip
TEMPLATES = (
    mark("The {name} score {score} is {side} the operating point {threshold} ({point})."),
    mark("Of the other classes, {first} scores {score} and {second} {other}."),
    mark("That is only {distance} log-odds from {boundary}, and readings nearer than {margin} are called uncertain."),
    mark("a tie with {name}"),
    mark("This network: {set}, {ill} against {well}"),
    mark("This network: {set}, {what}"),
    mark("card.json of {network}: {ill} and {well} pictures."),
    # From the special to the general: the first that fits is taken.
    mark("sensitivity of at least {share} %"),
    mark("specificity of at least {share} %"),
    mark("sensitivity {share}"),
    mark("specificity {share}"),
    mark("Sensitivity {share}"),
    mark("Specificity {share}"),
    mark("The patient lies askew, by about {degrees} degrees: trust this reading less."),
    mark("The picture has {width} x {height} pixels only: small findings can't be seen in it."),
    mark("The file says that it is {what} and not a radiograph."),
    mark("This is {what}: {advice} and choose that."),
    mark("This DICOM file {what} and no picture: {advice}."),
    mark("The file has {size} MB and the limit is {limit} MB: save the picture smaller or compressed."),
    mark("The picture has {width} x {height} pixels and the limit is {limit} million: save it smaller."),
    mark(
        "The picture has only {width} x {height} pixels, too few to make out a radiograph: choose one with at least "
        "{side} a side."
    ),
    mark("This DICOM file is a series of {count} pictures: save the frontal chest radiograph alone and choose that."),
    mark(
        "This DICOM file is compressed as {codec} and the decoder for that is not installed: install {package}, or "
        "save the picture uncompressed."
    ),
    mark("The {kind} file is cut short: copy or export it again and choose that."),
    mark("There is not enough memory for this {kind} file: save the picture smaller."),
    mark("The {kind} file is damaged or incomplete: export it again and choose that."),
    mark("The ZIP archive holds more than {most} files, and {left} were left out: pack fewer."),
    mark(
        "Unpacking this file took more than {seconds} s and was given up: save the picture smaller, or as PNG, and "
        "choose that."
    ),
)
_PLACEHOLDER = re.compile(r"\\\{(\w+)\\\}")


def said(sentence: str) -> str:
    """A sentence of the reader in the language of the session.

    Args:
        sentence: in English.

    Returns:
        Its translation; one that is not known here stays English.
    """
    if spoken() == ENGLISH or not sentence:
        return sentence
    known = catalogue(spoken()).gettext(sentence)
    if known != sentence:
        return known
    for template, pattern in patterns():
        if found := pattern.fullmatch(sentence):
            return tr(template, **{name: said(value) for name, value in found.groupdict().items()})
    return sentence


@lru_cache(maxsize=1)
def patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    """The templates, each with what recognises a sentence made from it."""
    return tuple(
        (template, re.compile(_PLACEHOLDER.sub(r"(?P<\1>.+?)", re.escape(template)))) for template in TEMPLATES
    )
