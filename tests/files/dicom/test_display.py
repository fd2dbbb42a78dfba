"""DICOM's grey scale pipeline, number by number."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_modality_lut, apply_voi_lut
from pydicom.sequence import Sequence

from model.messages import Code, Message
from model.reading.radiograph import decode
from scripts.fuzz import formats
from tests.files.builders import dicom, ramp, real

# 0 to 4095 in a picture, each value once.
STORED = np.arange(4096, dtype="<u2").reshape(64, 64)


def shown(pixels: np.ndarray = STORED, /, **elements: Any) -> np.ndarray:
    return decode(dicom(pixels, **elements)).pixels.ravel()


def test_a_linear_window() -> None:
    found = shown(WindowCenter=2000, WindowWidth=1001)
    # PS3.3, C.11.2.1.2.1: black up to c - 0.5 - (w - 1) / 2, white above c - 0.5 + (w - 1) / 2.
    assert found[:1500].max() == 0 and found[2500:].min() == 255
    assert found[1999] == pytest.approx(127.5 - 0.5 / 1000 * 255, abs=0.01)
    assert found[1750] == pytest.approx(255 * 0.2505, abs=0.05)


def test_an_exact_linear_window() -> None:
    found = shown(WindowCenter=2000, WindowWidth=1000, VOILUTFunction="LINEAR_EXACT")
    assert found[1500] == 0 and found[2000] == pytest.approx(127.5) and found[2500] == 255


def test_a_sigmoid_window() -> None:
    found = shown(WindowCenter=2000, WindowWidth=1000, VOILUTFunction="SIGMOID")
    assert found[2000] == pytest.approx(127.5)
    assert found[2500] == pytest.approx(255 / (1 + np.exp(-2)), abs=0.01)
    assert np.all(np.diff(found) >= 0)


def test_the_first_of_several_windows() -> None:
    assert np.array_equal(
        shown(WindowCenter=[2000, 100], WindowWidth=[1000, 50]), shown(WindowCenter=2000, WindowWidth=1000)
    )


def test_rescale_comes_before_the_window() -> None:
    plain = shown(WindowCenter=2000, WindowWidth=1000)
    rescaled = shown(RescaleSlope=2, RescaleIntercept=-1000, WindowCenter=3000, WindowWidth=1999)
    assert np.abs(plain - rescaled).max() < 0.3


def test_monochrome1_is_inverted_last() -> None:
    elements = {"WindowCenter": 1000, "WindowWidth": 800}
    inverted = shown(PhotometricInterpretation="MONOCHROME1", **elements)
    assert np.array_equal(inverted, 255 - shown(**elements))


@pytest.mark.parametrize(
    "window",
    [
        {"WindowCenter": 60_000, "WindowWidth": 10},
        {"WindowCenter": -5000, "WindowWidth": 100},
        {"WindowCenter": 2000, "WindowWidth": 1_000_000},
        {"WindowCenter": 2000, "WindowWidth": 20},
    ],
)
def test_an_absurd_window_is_replaced(window: dict[str, int]) -> None:
    found = decode(dicom(STORED, **window))
    assert found.pixels.min() == 0 and found.pixels.max() == 255
    assert found.pixels.ravel()[2048] == pytest.approx(127.5, abs=1)
    assert found.notes == (Message(Code.DICOM_WINDOW_REPLACED),)


@pytest.mark.parametrize(
    "window",
    [{}, {"WindowCenter": 2000}, {"WindowCenter": 2000, "WindowWidth": 0}, {"WindowCenter": "", "WindowWidth": ""}],
)
def test_without_a_window_the_range_is_stretched(window: dict[str, Any]) -> None:
    found = decode(dicom(STORED, **window))
    assert found.pixels.min() == 0 and found.pixels.max() == 255
    assert found.notes == (Message(Code.DICOM_NO_WINDOW),)


def test_a_window_that_is_no_number_is_as_none() -> None:
    data = dicom(STORED, WindowCenter="2000", WindowWidth="1000")
    found = decode(data.replace(b"DS\x04\x002000", b"DS\x04\x00abcd"))
    assert found.notes == (Message(Code.DICOM_NO_WINDOW),)


def test_eight_bits_without_a_window_stay_as_they_are() -> None:
    found = decode(dicom(ramp(64, 64)))
    assert np.array_equal(found.pixels, ramp(64, 64))
    assert found.notes == ()


def test_signed_values() -> None:
    signed = (STORED.astype("<i2") - 2048).astype("<i2")
    window = {"WindowWidth": 1000}
    assert np.array_equal(shown(signed, WindowCenter=-48, **window), shown(WindowCenter=2000, **window))
    assert np.array_equal(shown(signed), shown())


def test_twelve_bits_in_sixteen_with_rubbish_above() -> None:
    rubbish = STORED | np.uint16(0x5000)
    assert np.array_equal(shown(rubbish, BitsStored=12, HighBit=11), shown(BitsStored=12, HighBit=11))


def test_twelve_bits_at_the_upper_end_of_sixteen() -> None:
    upper = (STORED << 4).astype("<u2") | np.uint16(0x000F)
    window = {"WindowCenter": 1000, "WindowWidth": 500}
    assert np.array_equal(shown(upper, BitsStored=12, HighBit=15, **window), shown(**window))


def test_impossible_counts_of_bits() -> None:
    assert np.array_equal(shown(BitsStored=99, HighBit=200), shown())


def test_signed_twelve_bits_in_sixteen() -> None:
    signed = (STORED.astype("<i2") - 2048).astype("<i2")
    stored = (signed.view("<u2") & 0x0FFF).astype("<u2")
    elements = {"BitsStored": 12, "HighBit": 11, "WindowCenter": 0, "WindowWidth": 2000}
    assert np.array_equal(shown(stored, PixelRepresentation=1, **elements), shown(signed, **elements))


def test_padding_is_black_and_does_not_count() -> None:
    padded = STORED.copy()
    padded[:10] = 65535
    for photometric in ("MONOCHROME1", "MONOCHROME2"):
        found = decode(dicom(padded, PixelPaddingValue=65535, PhotometricInterpretation=photometric)).pixels
        assert found[:10].max() == 0
        # The rest is shown as if the padding were not there.
        rest = decode(dicom(STORED[10:], PhotometricInterpretation=photometric)).pixels
        assert np.array_equal(found[10:], rest) and rest.max() > 200


def test_a_range_of_padding_values() -> None:
    found = shown(PixelPaddingValue=0, PixelPaddingRangeLimit=1000, PhotometricInterpretation="MONOCHROME1")
    assert found[:1001].max() == 0 and found[1001] > 190


def test_signed_padding_that_is_written_unsigned() -> None:
    signed = (STORED.astype("<i2") - 2048).astype("<i2")
    padded = signed.copy()
    padded[:10] = -30_000
    data = dicom(padded, PixelPaddingValue=-30_000).replace(b"\x28\x00\x20\x01SS", b"\x28\x00\x20\x01US")
    assert decode(data).pixels[:10].max() == 0
    assert decode(data).pixels[10:].mean() > 100


def test_padding_that_would_leave_nothing_is_not_believed() -> None:
    flat = np.full((64, 64), 7, "<u2")
    flat[0, :50] = 4000
    assert decode(dicom(flat, PixelPaddingValue=7)).pixels[0, 0] > 245


def table(entries: np.ndarray, first: int, bits: int = 16) -> Sequence:
    item = Dataset()
    item.LUTDescriptor, item.LUTData = [len(entries) % 65536, first, bits], entries.astype("<u2").tobytes()
    item["LUTData"].VR = "OW"
    return Sequence([item])


def test_a_voi_table() -> None:
    entries = np.linspace(100, 1100, 1001) ** 2 / 1000
    found = shown(VOILUTSequence=table(entries, 2000))
    assert found[:2001].max() == 0 and found[3000:].min() == 255
    whole = entries.astype(np.uint16).astype(float)
    assert np.abs(found[2000:3001] - 255 * (whole - whole[0]) / (whole[-1] - whole[0])).max() < 0.01


def test_a_modality_table() -> None:
    entries = 2 * np.arange(4096)
    found = shown(ModalityLUTSequence=table(entries, 0), WindowCenter=4000, WindowWidth=2001)
    assert np.abs(found - shown(WindowCenter=2000, WindowWidth=1001)).max() < 0.2


@pytest.mark.parametrize("broken", [{"LUTData": None}, {"LUTDescriptor": None}, {"LUTDescriptor": [4096, 0]}])
def test_a_broken_table_is_as_none(broken: dict[str, Any]) -> None:
    sequence = table(np.arange(4096), 0)
    for keyword, value in broken.items():
        if value is None:
            del sequence[0][keyword]
        else:
            setattr(sequence[0], keyword, value)
    assert np.array_equal(shown(VOILUTSequence=sequence), shown())
    assert np.array_equal(shown(VOILUTSequence=table(np.full(9, 5), 0)), shown())
    assert np.array_equal(shown(VOILUTSequence=Sequence([])), shown())


@pytest.mark.parametrize("name", ["RG1_UNCR.dcm", "RG3_UNCR.dcm", "MR2_UNCR.dcm", "693_UNCR.dcm", "vlut_04.dcm"])
def test_the_whole_pipeline_agrees_with_pydicoms_own(name: str) -> None:
    found = decode(real(name)).pixels
    dataset = pydicom.dcmread(io.BytesIO(real(name)))
    values = apply_voi_lut(apply_modality_lut(dataset.pixel_array, dataset), dataset)
    if dataset.PhotometricInterpretation == "MONOCHROME1":
        values = values.max() - values
    # pydicom scales to the range of the bits stored, this project to 0-255: equal up to scale and offset.
    assert np.corrcoef(found.ravel()[::7], values.ravel()[::7].astype(float))[0, 1] > 0.9999


def test_floating_point_pixels() -> None:
    data = dicom(
        STORED,
        FloatPixelData=(STORED / 4095).astype("<f4").tobytes(),
        PixelData=None,
        BitsAllocated=32,
        BitsStored=None,
        HighBit=None,
        PixelRepresentation=None,
    )
    assert np.abs(decode(data).pixels.ravel() - shown()).max() < 0.1


def test_a_palette_in_colour() -> None:
    reds, greens = np.arange(256) * 257, np.arange(256)[::-1] * 257
    elements: dict[str, Any] = {"PhotometricInterpretation": "PALETTE COLOR"}
    for name, entries in (("Red", reds), ("Green", greens), ("Blue", reds)):
        elements[f"{name}PaletteColorLookupTableDescriptor"] = [256, 0, 16]
        elements[f"{name}PaletteColorLookupTableData"] = entries.astype("<u2").tobytes()
    found = decode(dicom(ramp(64, 64), **elements))
    expected = 0.413 * ramp(64, 64) + 0.587 * (255.0 - ramp(64, 64))
    assert np.abs(found.pixels - expected).max() < 1
    assert found.notes == (Message(Code.COLOURS_DROPPED),)


def test_grey_in_three_channels_needs_no_note() -> None:
    grey = np.dstack([ramp(64, 64)] * 3)
    found = decode(dicom(grey, SamplesPerPixel=3, PlanarConfiguration=0, PhotometricInterpretation="RGB"))
    assert np.abs(found.pixels - ramp(64, 64)).max() < 0.01
    assert found.notes == ()


def eight_bit_table(entries: int, first: int, data: bytes) -> Sequence:
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [entries, first, 8])
    item.add_new("LUTData", "OW", data)
    return Sequence([item])


@pytest.mark.parametrize("words", [False, True])
def test_tables_of_entries_of_one_byte(words: bool) -> None:
    entries = (np.arange(4096) // 16).astype("<u2" if words else np.uint8)
    table = eight_bit_table(4096, 0, entries.tobytes())
    assert np.array_equal(shown(VOILUTSequence=table), np.arange(4096) // 16)
    modality = shown(ModalityLUTSequence=table, WindowCenter=128, WindowWidth=256)
    assert np.abs(modality - np.arange(4096) // 16).max() < 0.51


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2", "1.2.840.10008.1.2.1"])
def test_the_first_value_of_a_table_is_signed_where_a_rescale_makes_values_negative(syntax: str) -> None:
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [4096, 65536 - 1024, 16])
    item.add_new("LUTData", "OW", np.arange(4096, dtype="<u2").tobytes())
    dataset = pydicom.dcmread(io.BytesIO(dicom(STORED, RescaleSlope=1, RescaleIntercept=-1024)))
    dataset.VOILUTSequence = Sequence([item])
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.UID(syntax)
    dataset["PixelData"].VR = "OW"
    buffer = io.BytesIO()
    dataset.save_as(buffer, implicit_vr=syntax.endswith("1.2"), little_endian=True, enforce_file_format=True)
    assert np.abs(decode(buffer.getvalue()).pixels.ravel() - np.arange(4096) / 4095 * 255).max() < 0.01


@pytest.mark.parametrize(("first", "entries"), [(40_000, np.arange(4096) // 16 * 257), (0, np.arange(16) * 4096)])
def test_a_table_that_does_not_fit_gives_way_to_a_window_that_does(first: int, entries: np.ndarray) -> None:
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [len(entries), first, 16])
    item.add_new("LUTData", "OW", entries.astype("<u2").tobytes())
    window = {"WindowCenter": 2048, "WindowWidth": 4096}
    found = decode(dicom(STORED, VOILUTSequence=Sequence([item]), **window))
    assert np.array_equal(found.pixels.ravel(), shown(**window))
    assert found.notes == (Message(Code.DICOM_WINDOW_REPLACED),)


def test_a_rescale_that_changes_nothing_changes_nothing() -> None:
    grey = ramp(64, 64)
    assert np.array_equal(decode(dicom(grey, RescaleSlope="1", RescaleIntercept="0")).pixels, grey)


EIGHT, WORDS = bytes(range(256)), np.arange(4096, dtype="<u2")
GREY, TWELVE = ramp(80, 64), formats.deep(ramp(80, 64), 12)
LOWERED = {"RescaleSlope": "1", "RescaleIntercept": "-2048"}
# Pixels, bits stored, syntax, and what the table says of itself: all of these show the same picture.
TABLES: dict[str, tuple[np.ndarray, int, str, dict[str, Any], tuple[list[int], bytes]]] = {
    "bytes": (GREY, 8, ".1", {}, ([256, 0, 8], EIGHT)),
    "words for bytes": (GREY, 8, ".1", {}, ([256, 0, 8], WORDS[:256].tobytes())),
    "4096 entries of a byte": (TWELVE, 12, ".1", {}, ([4096, 0, 8], (WORDS // 16).astype(np.uint8).tobytes())),
    "12 bits": (TWELVE, 12, ".1", {}, ([4096, 0, 12], WORDS.tobytes())),
    "12 bits over 16": (TWELVE, 12, "", {}, ([4096, 0, 16], (WORDS * 16).tobytes())),
    "65,536 entries": (GREY.astype("<u2") * 257, 16, ".1", {}, ([0, 0, 16], np.arange(65536).astype("<u2").tobytes())),
    "signed": (
        TWELVE.astype("<i2") - 2048, 12, ".1", {"PixelRepresentation": 1}, ([4096, 63488, 12], WORDS.tobytes())
    ),
    "rescaled below zero": (TWELVE, 12, ".1", LOWERED, ([4096, 63488, 12], WORDS.tobytes())),
    "rescaled below zero, implicit": (TWELVE, 12, "", LOWERED, ([4096, 63488, 12], WORDS.tobytes())),
    "white first": (255 - GREY, 8, ".1", {"PhotometricInterpretation": "MONOCHROME1"}, ([256, 0, 8], EIGHT)),
    "falling": (4095 - TWELVE, 12, ".1", {}, ([4096, 0, 12], WORDS[::-1].tobytes())),
}  # fmt: skip


@pytest.mark.parametrize("name", TABLES)
def test_a_table_of_any_shape_shows_the_same_picture(name: str) -> None:
    pixels, stored, syntax, elements, (descriptor, data) = TABLES[name]
    item = Dataset()
    item.add_new("LUTDescriptor", "US", descriptor)
    item.add_new("LUTData", "OW", data)
    file = formats.dicom(pixels, stored, syntax, **elements, VOILUTSequence=[item])
    assert np.abs(decode(file).pixels - GREY).max() <= 1.6
