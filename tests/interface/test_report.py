"""Reports of readings as HTML, PDF and DICOM: what stands in them, and what must not."""

from __future__ import annotations

import base64
import io
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pydicom
import pytest
from PIL import Image
from streamlit.runtime.media_file_manager import MediaFileManager
from streamlit.testing.v1 import AppTest

from interface.batch import rows
from interface.components import presentation
from interface.core import labels, loading
from interface.core.session import Read
from interface.read import uploads
from interface.report import content, dicom, html, pdf
from interface.report.document import Document, one_line
from model.messages import Code, Message
from model.reading import bundle as bundles
from model.reading import heatmap, quality
from model.reading.radiograph import Radiograph
from model.reading.reader import DOUBTFUL, Reader, leading
from tests.conftest import ROOT, draw_chest
from tests.interface.pdf_text import words_of
from tests.pages.test_read import upload

Picture = Callable[..., tuple[str, bytes, str]]
MADE = datetime(2026, 3, 4, 5, 6, tzinfo=UTC)
NAME = 'Müller <script>alert("1")</script> & Söhne.png'
# Attributes of the Secondary Capture Image IOD (PS3.3, A.8.1.3) that must have a value: modules C.7.2.1, C.7.3.1,
# C.8.6.1, C.7.6.3 and C.12.1.
TYPE_1 = (
    "StudyInstanceUID", "SeriesInstanceUID", "Modality", "ConversionType", "SamplesPerPixel",
    "PhotometricInterpretation", "Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation",
    "PlanarConfiguration", "PixelData", "SOPClassUID", "SOPInstanceUID", "SpecificCharacterSet",
)  # fmt: skip
# Those that must be there and may be empty: modules C.7.1.1, C.7.2.1, C.7.3.1, C.7.5.1 and C.7.6.1.
TYPE_2 = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "ReferringPhysicianName",
    "StudyID", "AccessionNumber", "SeriesNumber", "Manufacturer", "InstanceNumber", "PatientOrientation",
)  # fmt: skip


@pytest.fixture(scope="module")
def reader(small_bundle: Path) -> Reader:
    return Reader(bundles.load(small_bundle))


@pytest.fixture(scope="module")
def item(reader: Reader) -> Read:
    """A drawn radiograph with a name that is no harmless one."""
    data = cv2.imencode(".png", draw_chest(np.random.default_rng(1), "covid19", 161))[1].tobytes()
    found = uploads.read(NAME, lambda: data, reader)
    assert isinstance(found, Read)
    return found


@pytest.fixture(scope="module")
def patient(reader: Reader) -> Read:
    """A real radiograph out of a DICOM file with tags of a patient."""
    data = loading.sample()
    assert data is not None, loading.NO_SAMPLE
    found = pydicom.dcmread(io.BytesIO(data))
    found.PatientName, found.PatientID, found.InstitutionName = "Unmistakable^Janet", "ID-4711-X", "Saint Elsewhere"
    written = io.BytesIO()
    found.save_as(written)
    read = uploads.read("x.dcm", written.getvalue, reader)
    assert isinstance(read, Read)
    return read


class Parsed(HTMLParser):
    """An HTML file's elements, with their attributes, and its text without styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.parts: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()
        self.text = " ".join(" ".join(self.parts).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "link"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes nothing"

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.parts.append(data)

    def images(self) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.tags if tag == "img"]


def single(item: Read, reader: Reader, chosen: str = "covid19", *, named: bool = True) -> Document:
    return content.of_readings([item], chosen, reader.bundle.card, MADE, named=named)


def said(item: Read, reader: Reader) -> list[str]:
    """What a report of a reading has to say."""
    card, reading = reader.bundle.card, item.reading
    point = card.point(reading.operating_point)
    return [
        presentation.headline(reading, card),
        presentation.why(reading, card),
        *(word for name in card.classes for word in (labels.class_name(name), labels.score(reading.scores[name]))),
        f"the operating point, {labels.score(point.threshold)}.",
        "is called uncertain.",
        *map(one_line, reading.reasons),
        card.name,
        card.version,
        card.sha256,
        reading.sha256,
        "2026-03-04 05:06 UTC",
        labels.NOT_A_DEVICE,
        "Not the probability that this person has COVID-19",
        "Nothing was copied from a DICOM file's tags",
    ]


def test_html_says_it_all_and_needs_nothing_else(item: Read, reader: Reader) -> None:
    parsed = Parsed(html.html(single(item, reader)))
    assert parsed.open == []
    assert [sentence for sentence in said(item, reader) if sentence not in parsed.text] == []
    assert NAME in parsed.text
    tags = {tag for tag, _ in parsed.tags}
    assert not tags & {"script", "link", "iframe", "object", "a"}
    assert not any(name.startswith("on") for _, attributes in parsed.tags for name in attributes)
    assert dict(parsed.tags[0:1]) == {"html": {"lang": "en"}}
    shown = parsed.images()
    assert len(shown) == 2
    for one in shown:
        kind, _, data = str(one["src"]).partition(",")
        assert kind == "data:image/jpeg;base64"
        assert Image.open(io.BytesIO(base64.b64decode(data))).size == item.picture.shape[::-1]
        assert len(str(one["alt"]).split()) > 3
    assert "http" not in html.html(single(item, reader)).replace("http-equiv", "")


def test_pdf_has_the_same_words_to_select(item: Read, reader: Reader) -> None:
    document = single(item, reader)
    data = pdf.pdf(document, compressed=False)
    text = words_of(data)
    assert [sentence for sentence in said(item, reader) if sentence not in text] == []
    assert NAME in text
    assert data.count(b"/Subtype /Image") == 2
    for picture in document.entries[0].pictures:
        assert picture.alt.encode() in data or picture.alt.encode("utf-16-be") in data
    packed = pdf.pdf(document)
    assert packed.startswith(b"%PDF-") and packed.rstrip().endswith(b"%%EOF") and len(packed) < len(data)


def test_without_the_tick_no_name_is_anywhere(item: Read, reader: Reader) -> None:
    document = single(item, reader, named=False)
    made = [Parsed(html.html(document)).text, words_of(pdf.pdf(document, compressed=False))]
    for text in made:
        assert "Müller" not in text and "Söhne" not in text
        assert content.NOT_NAMED in text


@pytest.mark.parametrize("name", ["胸部X線.png", "صورة الصدر.png", "छाती का एक्स-रे.png"])
def test_a_name_that_the_font_of_the_pdf_lacks_points_to_the_html(item: Read, reader: Reader, name: str) -> None:
    document = single(replace(item, name=name), reader)
    assert "the report as HTML shows every name" in words_of(pdf.pdf(document, compressed=False))
    assert name in Parsed(html.html(document)).text
    plain = single(replace(item, name="thorax ñé Ω.png"), reader)
    assert "the report as HTML" not in words_of(pdf.pdf(plain, compressed=False))


def test_a_name_of_any_kind_can_be_written(item: Read, reader: Reader) -> None:
    names = ("\udc80\x00\u202egnp.exe", "अ" * 300, "x" * 400, "")
    for name in names:
        document = single(replace(item, name=name), reader)
        html.html(document).encode("utf-8")
        assert pdf.pdf(document).startswith(b"%PDF-")
        assert all(one.isprintable() for one in document.entries[0].title)


def test_a_class_that_nothing_speaks_for_has_no_heatmap(item: Read, reader: Reader) -> None:
    bare = replace(item, reading=replace(item.reading, maps=-np.ones_like(item.reading.maps)))
    (picture,) = single(bare, reader).entries[0].pictures
    assert "no part of the picture speaks for it" in picture.caption


def test_two_that_are_compared_are_both_in_the_report(item: Read, reader: Reader) -> None:
    card = reader.bundle.card
    other = replace(item, name="later.png")
    document = content.of_readings([item, other], "covid19", card, MADE, named=True)
    text = words_of(pdf.pdf(document, compressed=False))
    assert text.count("Heatmap for COVID-19 pattern") == 2 and NAME in text and "later.png" in text
    assert len(Parsed(html.html(document)).images()) == 4


def test_the_report_of_a_batch_has_every_row(reader: Reader, picture: Picture) -> None:
    here = rows.Batch()
    files = [picture("covid19", 1), ("<b>notes.txt", b"no picture", ""), picture("normal", 2)]
    here.add((name, partial(bytes, data)) for name, data, _ in files)
    while here.waiting:
        here.step(reader)
    card = reader.bundle.card
    document = content.of_batch(here.rows, card, MADE, named=True)
    parsed = Parsed(html.html(document))
    text = words_of(pdf.pdf(document, compressed=False))
    assert parsed.open == [] and "b" not in {tag for tag, attributes in parsed.tags if attributes}
    assert sum(number for _, number in document.counts) == 3
    for shown in (parsed.text, text):
        assert "covid19-1.png" in shown and "normal-2.png" in shown and "Refused: 1" in shown
        assert "<b>notes.txt" in shown and one_line(here.rows[1].record["reasons"][0]) in shown
        for row in (here.rows[0], here.rows[2]):
            assert presentation.headline(row.reading, card) in shown
            assert row.reading.sha256 in shown
    assert all(presentation.headline(row.reading, card) in str(image["alt"])
               for row, image in zip((here.rows[0], here.rows[2]), parsed.images(), strict=True))  # fmt: skip
    unnamed = words_of(pdf.pdf(content.of_batch(here.rows, card, MADE, named=False), compressed=False))
    assert "Picture 2" in unnamed and "notes.txt" not in unnamed and "covid19-1" not in unnamed


def test_the_band_of_a_batch_is_that_of_the_reading(reader: Reader, item: Read) -> None:
    card = reader.bundle.card
    written = draw_chest(np.random.default_rng(1), "normal", 900)
    for line in range(4):
        cv2.putText(written, "JANE DOE 1970-01-01 HOSPITAL", (40, 60 + 50 * line), 0, 1.2, 255, 3)
    notes = [note for note in quality.notes(Radiograph(written.astype(np.float32), "", "")) if not note.lessens]
    assert [note.message.code for note in notes] == [Code.HAS_TEXT]
    for code, doubtful, factor in (
        (Code.HAS_TEXT, False, 1),
        (Code.MIRRORED, False, 1),
        (Code.LOW_CONTRAST, True, DOUBTFUL),
    ):
        row = rows.Row("x.png", replace(item.reading, notes=(Message(code),), doubtful=doubtful))
        (entry,) = content.of_batch([row], card, MADE, named=True).entries
        assert entry.margin == pytest.approx(card.margin * factor)


def read_back(item: Read, reader: Reader) -> tuple[bytes, pydicom.Dataset]:
    chosen = leading(item.reading.decision, item.reading.scores)
    data = dicom.overlay(item, chosen, reader.bundle.card, MADE)
    return data, pydicom.dcmread(io.BytesIO(data))


def test_the_dicom_overlay_has_what_the_standard_demands(item: Read, reader: Reader) -> None:
    data, found = read_back(item, reader)
    assert data[128:132] == b"DICM"
    assert [name for name in TYPE_1 if found.get(name) in (None, "", b"")] == []
    assert [name for name in TYPE_2 if name not in found] == []
    meta = found.file_meta
    assert meta.MediaStorageSOPClassUID == found.SOPClassUID == "1.2.840.10008.5.1.4.1.1.7"
    assert meta.MediaStorageSOPInstanceUID == found.SOPInstanceUID
    assert meta.TransferSyntaxUID == "1.2.840.10008.1.2.1" and meta.ImplementationClassUID
    assert list(found.ImageType) == ["DERIVED", "SECONDARY"] and found.ConversionType == "WSD"
    assert found.BurnedInAnnotation == "NO" and "Research use" in found.SeriesDescription
    assert reader.bundle.card.sha256 in found.DerivationDescription and labels.NOT_A_DEVICE in found.ImageComments
    assert len(found.SoftwareVersions) <= 64 and len(found.SeriesDescription) <= 64
    shown = presentation.class_map(item.reading, leading(item.reading.decision, item.reading.scores))
    assert np.array_equal(found.pixel_array, heatmap.overlay(item.picture, shown, presentation.OPACITY))
    assert len(found.PixelData) % 2 == 0
    uids = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")
    again = read_back(item, reader)[1]
    assert len({one.get(name) for one in (found, again) for name in uids}) == 6


def test_no_tag_of_a_patient_is_in_a_report(patient: Read, reader: Reader) -> None:
    data, found = read_back(patient, reader)
    assert not any(element.value for element in found.group_dataset(0x0010))
    assert [name for name in dicom.EMPTY if found.get(name)] == []
    document = single(patient, reader)
    made = (
        data,
        html.html(document).encode(),
        words_of(pdf.pdf(document, compressed=False)).encode(),
        pdf.pdf(document, compressed=False),
    )
    for one in made:
        assert not any(secret in one for secret in (b"Unmistakable", b"ID-4711-X", b"Saint Elsewhere"))


def test_burned_in_text_is_declared(item: Read, reader: Reader) -> None:
    written = replace(item, reading=replace(item.reading, notes=(Message(Code.HAS_TEXT),)))
    assert read_back(written, reader)[1].BurnedInAnnotation == "YES"


def test_the_dicom_overlay_passes_dciodvfy(item: Read, reader: Reader, tmp_path: Path) -> None:
    if shutil.which("dciodvfy") is None:
        pytest.skip("dciodvfy is not here: install the system's package dicom3tools")
    path = tmp_path / "overlay.dcm"
    path.write_bytes(read_back(item, reader)[0])
    run = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True)
    assert [line for line in run.stderr.splitlines() if line.startswith("Error")] == []


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> dict[str, Callable[[], bytes | str]]:
    """What the buttons of the latest run give, by the name of the file; the real manager keeps it too."""
    kept: dict[str, Callable[[], bytes | str]] = {}
    add = MediaFileManager.add_deferred

    def keep(self: MediaFileManager, make: Callable[[], bytes | str], *rest: str, **more: str) -> str:
        kept[more["file_name"]] = make
        return add(self, make, *rest, **more)

    monkeypatch.setattr(MediaFileManager, "add_deferred", keep)
    return kept


def test_the_first_page_gives_reports(
    app: AppTest, picture: Picture, made: dict[str, Callable[[], bytes | str]]
) -> None:
    upload(app, picture("covid19", 1))
    assert not app.exception
    labels = [button.label for button in app.download_button]
    assert {"Report (PDF)", "Report (HTML)", "Overlay (DICOM)"} <= set(labels)
    assert str(made["covid19-1-report.html"]()).startswith("<!DOCTYPE html>")
    assert bytes(made["covid19-1-report.pdf"]()).startswith(b"%PDF-")  # type: ignore[arg-type]
    (name,) = (name for name in made if name.endswith(".dcm"))
    assert bytes(made[name]())[128:132] == b"DICM"  # type: ignore[arg-type]
    made.clear()
    app.checkbox(key="name_in_report_read").uncheck().run()
    assert not app.exception
    assert "covid19-1.png" not in str(made["report.html"]())
    app.switch_page("pages/card.py").run()
    made.clear()
    app.switch_page("pages/read.py").run()
    assert not app.checkbox(key="name_in_report_read").value
    assert "report.pdf" in made, "the choice was forgotten on the way to another page"


def test_the_batch_page_gives_reports(
    app: AppTest, picture: Picture, made: dict[str, Callable[[], bytes | str]]
) -> None:
    app.switch_page("pages/batch.py").run()
    app.file_uploader[0].set_value([picture("covid19", 1), ("notes.txt", b"no picture", "text/plain")]).run()
    assert not app.exception
    assert {"Report (PDF)", "Report (HTML)"} <= {button.label for button in app.download_button}
    text = str(made["readings-report.html"]())
    assert "covid19-1.png" in text and "notes.txt" in text
    assert bytes(made["readings-report.pdf"]()).startswith(b"%PDF-")  # type: ignore[arg-type]


def test_the_page_does_not_wait_for_what_makes_reports() -> None:
    code = (
        "import sys, interface.read.result; "
        "print([n for n in sys.modules if n == 'fpdf' or n.endswith('report.content')])"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
