"""Real DICOM files of every transfer syntax, and files made here with what real ones get wrong."""

from __future__ import annotations

import contextlib
import io
import struct
import tracemalloc
import warnings

import numpy as np
import pydicom
import pytest
from pydicom.encaps import encapsulate
from pydicom.uid import (
    MPEG2MPML,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

from model.errors import Unreadable
from model.files.dicom.codecs import Stream, codec
from model.files.formats import Limits
from model.files.pictures import grey
from model.messages import Code, Message
from model.reading import bundle
from model.reading.radiograph import decode
from model.reading.reader import Reader
from tests.files.builders import before_element, dicom, ramp, real

ANY_SIZE = Limits(side=1)
DEEP = (ramp(64, 64).astype(np.uint16) * 16).astype("<u2")


def test_a_real_chest_radiograph_is_bright_where_the_body_is_dense() -> None:
    found = decode(real("RG1_UNCR.dcm"))
    assert found.format == "DICOM"
    assert found.pixels.shape == (1955, 1841)
    assert found.notes == ()
    # It is MONOCHROME1: the spine must be brighter than the lung beside it, and the air in the corner darkest.
    spine, lung = found.pixels[600:900, 880:960].mean(), found.pixels[500:700, 480:620].mean()
    air = found.pixels[200:300, 1780:1830].mean()
    assert spine > lung + 30 > air + 30


def test_the_leg_radiograph_says_that_it_is_no_chest() -> None:
    assert decode(real("RG3_UNCR.dcm")).notes == (Message(Code.DICOM_NOT_CHEST),)


@pytest.mark.parametrize("stem", ["RG1", "RG3", "MR2", "US1"])
@pytest.mark.parametrize(("ending", "tolerance"), [("J2KR", 0.01), ("J2KI", 6.0), ("UNCI", 6.0)])
def test_jpeg_2000_gives_the_same_picture_as_uncompressed(stem: str, ending: str, tolerance: float) -> None:
    plain, packed = (decode(real(f"{stem}_{kind}.dcm")).pixels for kind in ("UNCR", ending))
    assert np.abs(plain - packed).mean() <= tolerance


@pytest.mark.parametrize(
    ("plain", "packed", "tolerance"),
    [
        ("MR_small.dcm", "MR_small_RLE.dcm", 0),
        ("MR_small.dcm", "MR_small_jpeg_ls_lossless.dcm", 0),
        ("MR_small.dcm", "MR_small_jp2klossless.dcm", 0),
        ("MR_small.dcm", "MR_small_bigendian.dcm", 0),
        ("MR_small.dcm", "MR_small_implicit.dcm", 0),
        ("MR_small.dcm", "MR_small_padded.dcm", 0),
        ("OBXXXX1A.dcm", "OBXXXX1A_rle.dcm", 0),
        ("OBXXXX1A.dcm", "OBXXXX1A_expb.dcm", 1),
        ("SC_rgb.dcm", "SC_rgb_rle.dcm", 0),
        ("SC_rgb.dcm", "SC_rgb_16bit.dcm", 1),
        ("SC_rgb.dcm", "SC_rgb_32bit.dcm", 1),
        ("SC_rgb.dcm", "SC_rgb_expb_16bit.dcm", 1),
        ("SC_rgb.dcm", "SC_ybr_full_uncompressed.dcm", 1),
        ("SC_rgb.dcm", "SC_ybr_full_422_uncompressed.dcm", 4),
        ("SC_rgb.dcm", "SC_rgb_jls_lossy_line.dcm", 2),
        ("SC_rgb.dcm", "SC_rgb_gdcm_KY.dcm", 0),
        ("SC_rgb.dcm", "SC_rgb_dcmtk_+eb+cr.dcm", 2),
        ("SC_rgb.dcm", "SC_rgb_dcmtk_+eb+cy+np.dcm", 2),
        ("SC_rgb.dcm", "SC_rgb_dcmtk_+eb+cy+s4.dcm", 4),
    ],
)
def test_every_encoding_gives_the_same_picture(plain: str, packed: str, tolerance: float) -> None:
    one, other = decode(real(plain)).pixels, decode(real(packed)).pixels
    assert np.abs(one - other).mean() <= tolerance


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("JPEG-LL.dcm", (1024, 256)),  # JPEG Lossless, 16 bits
        ("JPGExtended.dcm", (1024, 256)),  # JPEG, 12 bits
        ("JPGLosslessP14SV1_1s_1f_8b.dcm", (768, 1024)),  # JPEG Lossless, 8 bits
        ("SC_rgb_jpeg_dcmd.dcm", (256, 256)),  # JPEG Baseline
        ("JPEGLSNearLossless_16.dcm", (50, 10)),
        ("image_dfl.dcm", (512, 512)),  # deflated
        ("examples_palette.dcm", (350, 800)),
        ("liver_1frame.dcm", (512, 512)),  # 1 bit
        ("J2K_pixelrep_mismatch.dcm", (512, 512)),
        ("vlut_04.dcm", (512, 512)),
        ("mlut_18.dcm", (512, 512)),
    ],
)
def test_real_files_of_other_kinds_are_read(name: str, shape: tuple[int, int]) -> None:
    pixels = decode(real(name), ANY_SIZE).pixels
    assert pixels.shape == shape
    assert pixels.min() >= 0 and pixels.max() <= 255 and pixels.std() > 0.5


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("test-SR.dcm", "structured report"),
        ("rtplan.dcm", "radiotherapy"),
        ("waveform_ecg.dcm", "ECG"),
        ("DICOMDIR", "DICOMDIR"),
        ("SC_rgb_2frame.dcm", "series of 2 pictures"),
        ("color3d_jpeg_baseline.dcm", "series of 120 pictures"),
        ("emri_small_RLE.dcm", "series of 10 pictures"),
        ("gdcm-US-ALOKA-16.dcm", "segmented colour table"),
        ("MR_truncated.dcm", "damaged or incomplete"),
        ("UN_sequence.dcm", "holds no picture"),
    ],
)
def test_real_files_that_are_no_single_picture_are_refused(name: str, said: str) -> None:
    with pytest.raises(Unreadable, match=said):
        decode(real(name))


def test_an_encapsulated_pdf_is_refused() -> None:
    data = dicom(DEEP, PixelData=None, SOPClassUID="1.2.840.10008.5.1.4.1.1.104.1", EncapsulatedDocument=b"%PDF")
    with pytest.raises(Unreadable, match="document such as a PDF and no picture"):
        decode(data)


def test_a_video_is_refused() -> None:
    with pytest.raises(Unreadable, match="compressed as a video"):
        decode(dicom(encapsulate([b"video"]), MPEG2MPML))


@pytest.mark.parametrize("cut", [0, 128, 132])
def test_without_preamble_and_meta_data(cut: int) -> None:
    data = dicom(DEEP, ImplicitVRLittleEndian)
    meta_end = data.index(b"\x08\x00\x16\x00", 132)
    assert np.array_equal(decode(data[cut:]).pixels, decode(data).pixels)
    assert np.array_equal(decode(data[meta_end:]).pixels, decode(data).pixels)


def test_big_endian_without_meta_data() -> None:
    data = dicom(DEEP.byteswap(), ExplicitVRBigEndian)
    found = decode(data[data.index(b"\x00\x08\x00\x16") :])
    assert np.array_equal(found.pixels, decode(dicom(DEEP)).pixels)


@pytest.mark.parametrize(
    "missing", ["PhotometricInterpretation", "SamplesPerPixel", "PixelRepresentation", "BitsStored", "HighBit"]
)
def test_what_old_files_leave_out_is_filled_in(missing: str) -> None:
    assert np.array_equal(decode(dicom(DEEP, **{missing: None})).pixels, decode(dicom(DEEP)).pixels)


@pytest.mark.parametrize(
    ("missing", "said"), [("Rows", "no size"), ("Columns", "no size"), ("BitsAllocated", "damaged or incomplete")]
)
def test_without_its_size_there_is_no_picture(missing: str, said: str) -> None:
    with pytest.raises(Unreadable, match=said):
        decode(dicom(DEEP, **{missing: None}))


@pytest.mark.parametrize("frames", ["0", "1", ""])
def test_odd_counts_of_one_frame(frames: str) -> None:
    assert decode(dicom(DEEP, NumberOfFrames=frames)).pixels.shape == (64, 64)


@pytest.mark.parametrize(
    ("elements", "said"),
    [
        ({"Modality": "CT"}, "a CT slice"),
        ({"Modality": "MG"}, "a mammogram"),
        ({"BodyPartExamined": "FOOT"}, "another part of the body"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.2", "Modality": ""}, "a CT slice"),
        ({"ViewPosition": "LL"}, "lateral view"),
        ({"PresentationIntentType": "FOR PROCESSING"}, "raw detector values"),
    ],
)
def test_what_the_file_says_against_itself(elements: dict[str, str], said: str) -> None:
    assert said in str(decode(dicom(DEEP, **elements)).notes[0])


@pytest.mark.parametrize(
    "part",
    ["CHEST", "TORAX", "TÓRAX", "T?RAX", "RX TORAX", "PECHO", "BRUSTKORB", "PULMON", "THX", "胸部", "CHEST ABDOMEN"],
)
def test_a_chest_in_any_language_needs_no_note(part: str) -> None:
    file = dicom(DEEP, SpecificCharacterSet="ISO_IR 192", BodyPartExamined="X" * 14)
    written = part.encode()
    assert decode(file.replace(b"X" * 14, written.ljust(14)[:14])).notes == decode(dicom(DEEP)).notes


def test_the_reader_refuses_what_the_file_says_of_itself() -> None:
    network = Reader(bundle.load())
    for elements, code in (
        ({"Modality": "MR"}, Code.DICOM_MODALITY),
        ({"ViewPosition": "LATERAL"}, Code.DICOM_LATERAL),
    ):
        reading = network.read(decode(dicom(DEEP, **elements)))
        assert reading.decision == "refused" and reading.reasons[0].code is code


def test_a_private_block_of_the_file_meta_data() -> None:
    file = dicom(DEEP)
    block = b"\x02\x00\x00\x01UI\x04\x001.2\0" + b"\x02\x00\x02\x01OB\0\0" + struct.pack("<I", 5000) + bytes(5000)
    length = struct.unpack("<I", file[140:144])[0] + len(block)
    at = 144 + length - len(block)
    changed = file[:140] + struct.pack("<I", length) + file[144:at] + block + file[at:]
    assert np.array_equal(decode(changed).pixels, decode(file).pixels)


def test_a_frontal_chest_radiograph_needs_no_note() -> None:
    elements = {
        "Modality": "DX",
        "BodyPartExamined": "CHEST",
        "ViewPosition": "PA",
        "PresentationIntentType": "FOR PRESENTATION",
    }
    assert decode(dicom(ramp(64, 64), **elements)).notes == ()


def test_very_large_plates_are_averaged_down(monkeypatch: pytest.MonkeyPatch) -> None:
    full = decode(dicom(DEEP)).pixels
    monkeypatch.setattr(grey, "WORKING_PIXELS", 2048)
    found = decode(dicom(DEEP))
    assert found.pixels.shape == (32, 32)
    assert np.abs(found.pixels - full.reshape(32, 2, 32, 2).mean(axis=(1, 3))).max() < 5
    assert found.notes[-1] == Message(Code.SCALED_DOWN)
    assert decode(dicom(DEEP.astype("<u4"))).pixels.shape == (32, 32)


PATIENT = "Musterfrau^Erika"


@pytest.mark.filterwarnings("error")
def test_a_patients_name_goes_nowhere(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> None:
    elements = {"PatientName": PATIENT, "PatientID": PATIENT, "PatientBirthDate": "19500101"}
    data = dicom(DEEP, **elements)
    # A name where a date or a number belongs makes pydicom warn, and quote it.
    data = data.replace(b"19500101", b"Musterfr")
    damaged = before_element(data, b"\x28\x00\x02\x00", b"\x28\x00\x51\x10DS\x10\x00Musterfrau^Erika")
    for file in (data, damaged):
        found = decode(file)
        assert "Muster" not in repr((found.notes, found.format, vars(found).keys()))
    with pytest.raises(Unreadable) as refusal:
        decode(data[:-5000])
    assert "Muster" not in str(refusal.value)
    assert refusal.value.__suppress_context__
    assert "Muster" not in caplog.text + "".join(capfd.readouterr())


def test_warnings_of_others_are_as_before() -> None:
    before = list(warnings.filters)
    decode(dicom(DEEP))
    assert warnings.filters == before


# Hostile files. Each limit here was found by a file that took minutes or gigabytes without it.

ITEM = b"\xfe\xff\x00\xe0\x00\x00\x00\x00"
IDENTITY, ROWS = b"\x08\x00\x16\x00", b"\x28\x00\x10\x00"


def test_millions_of_elements_are_refused() -> None:
    element = struct.pack("<HH2sH", 0x0009, 0x0010, b"LO", 0)
    with pytest.raises(Unreadable, match="far more elements"):
        decode(before_element(dicom(DEEP), IDENTITY, element * 1_000_000))


@pytest.mark.parametrize("kind", [b"\x28\x00\x00\x30SQ", b"\x09\x00\x10\x10UN", b"\x08\x00\x40\x11SQ"])
def test_millions_of_empty_items_are_refused(kind: bytes) -> None:
    with pytest.raises(Unreadable, match="far more elements"):
        decode(before_element(dicom(DEEP), IDENTITY, kind + b"\0\0\xff\xff\xff\xff" + ITEM * 1_000_000))


@pytest.mark.parametrize("count", [1000, 1_000_000])
def test_a_table_of_many_items_is_refused(count: int) -> None:
    sequence = b"\x28\x00\x00\x30SQ\0\0" + struct.pack("<I", 8 * count) + ITEM * count
    with pytest.raises(Unreadable, match="far more elements"):
        decode(before_element(dicom(DEEP), IDENTITY, sequence))


def test_sequences_nested_without_end_are_refused() -> None:
    nested = b"\x08\x00\x40\x11SQ\0\0\xff\xff\xff\xff" + ITEM[:4] + b"\xff\xff\xff\xff"
    with pytest.raises(Unreadable, match="damaged"):
        decode(before_element(dicom(DEEP), IDENTITY, nested * 100_000))


def test_a_picture_in_thousands_of_pieces_is_refused() -> None:
    data = dicom(encapsulate([b"\xff\x4f\xff\x51"]), JPEG2000Lossless)
    pieces = data[: data.index(b"\xe0\x7f\x10\x00")] + b"\xe0\x7f\x10\x00OB\0\0\xff\xff\xff\xff" + ITEM * 20_000
    with pytest.raises(Unreadable, match="too many pieces"):
        decode(pieces + b"\xfe\xff\xdd\xe0\0\0\0\0")


def test_what_is_deflated_unpacks_no_further_than_allowed() -> None:
    data = dicom(np.zeros((1000, 1000), np.uint16), DeflatedExplicitVRLittleEndian)
    assert len(data) < 10_000
    assert decode(data).pixels.shape == (1000, 1000)
    with pytest.raises(Unreadable, match="unpacks to far more"):
        decode(data, Limits(inflated_bytes=100_000))


def test_rows_and_columns_are_limited_before_unpacking() -> None:
    with pytest.raises(Unreadable, match="65000 x 65000 pixels and the limit is 64 million"):
        decode(dicom(bytes(1000), Rows=65_000, Columns=65_000))
    colours = {"SamplesPerPixel": 3, "PlanarConfiguration": 0, "PhotometricInterpretation": "RGB"}
    with pytest.raises(Unreadable, match="5000 x 5000 pixels and the limit is 16 million"):
        decode(dicom(bytes(1000), Rows=5000, Columns=5000, **colours))


@pytest.mark.parametrize("size", [(60_000, 60_000), (65, 64)])
@pytest.mark.parametrize("name", ["MR_small_jp2klossless.dcm", "MR_small_jpeg_ls_lossless.dcm"])
def test_a_stream_that_claims_another_size_is_refused(name: str, size: tuple[int, int]) -> None:
    data = real(name)
    if "jp2k" in name:
        at = data.index(b"\xff\x4f\xff\x51") + 8
        claimed = data[:at] + struct.pack(">2I", size[1], size[0]) + data[at + 8 :]
    else:
        at = data.index(b"\xff\xf7", data.index(b"\xff\xd8")) + 5
        claimed = data[:at] + struct.pack(">2H", *size) + data[at + 4 :]
    with pytest.raises(Unreadable, match=r"limit is 64 million|contradicts itself"):
        decode(claimed)


def run_lengths(segment: bytes) -> bytes:
    """An RLE frame of 16 bits: header and the same segment twice (PS3.5, annex G)."""
    return struct.pack("<16I", 2, 64, 64 + len(segment), *[0] * 13) + segment * 2


def test_run_lengths_that_look_like_the_start_of_another_stream_are_read() -> None:
    dataset = pydicom.dcmread(io.BytesIO(real("RG1_UNCR.dcm")))
    plain = decode(real("RG1_UNCR.dcm")).pixels
    dataset.compress(RLELossless)
    # This radiograph's run lengths hold what JPEG 2000 begins with.
    assert b"\xff\x4f\xff\x51" in dataset.PixelData
    packed = io.BytesIO()
    dataset.save_as(packed)
    assert np.array_equal(decode(packed.getvalue()).pixels, plain)


def test_run_lengths_that_unpack_to_too_much_are_refused() -> None:
    assert decode(dicom(encapsulate([run_lengths(b"\x81\x07" * 32)]), RLELossless)).pixels.shape == (64, 64)
    with pytest.raises(Unreadable, match="contradicts itself"):
        decode(dicom(encapsulate([run_lengths(b"\x81\x07" * 100_000)]), RLELossless))
    # Few enough to be tried: the decoder panics, which is not even an Exception.
    with pytest.raises(Unreadable, match="damaged"):
        decode(dicom(encapsulate([run_lengths(b"\x81\x07" * 4000)]), RLELossless))


def test_compressed_nonsense_is_refused() -> None:
    for syntax in (JPEG2000Lossless, JPEGLSLossless, RLELossless):
        for frame in (b"??", b"nonsense" * 9, b"\xff\xd8\xff\xff\xff\xff"):
            with pytest.raises(Unreadable, match="damaged"):
                decode(dicom(encapsulate([frame]), syntax))


def test_what_streams_claim() -> None:
    jpeg, jpeg2000 = (codec(f"1.2.840.10008.1.2.4.{number}") for number in (50, 90))
    assert jpeg is not None and jpeg2000 is not None
    header = b"\xff\xd8\xff\xe0\x00\x04ab\xff\xff\xc1\x00\x0b\x08\x01\x02\x03\x04\x01" + bytes(9)
    assert jpeg.inspect(header) == Stream(0x102, 0x304, 1, 8)
    assert jpeg.inspect(b"\xff\xd8\xff\xda\x00\x04") is None
    assert jpeg.inspect(b"\xff\xd8" + bytes(20)) is None
    siz = b"\xff\x4f\xff\x51\x00\x29\x00\x00" + struct.pack(">8IHB", 70, 50, 10, 20, 0, 0, 0, 0, 1, 11)
    assert jpeg2000.inspect(b"jp2 box" + siz) == Stream(30, 60, 1, 12)


def element(tag: tuple[int, int], vr: bytes, value: bytes) -> bytes:
    """An element with the VR's long form of length, explicit and little endian."""
    return struct.pack("<2H", *tag) + vr + struct.pack("<HI", 0, len(value)) + value


@pytest.mark.parametrize("vr", [b"UC", b"UV", b"SQ", b"UT", b"UR"])
def test_pixels_that_call_themselves_something_else_are_read_as_pixels(vr: bytes) -> None:
    plain = dicom(DEEP)
    at = plain.index(b"\xe0\x7f\x10\x00OW")
    changed = plain[: at + 4] + vr + plain[at + 6 :]
    assert np.array_equal(decode(changed).pixels, decode(plain).pixels)


@pytest.mark.parametrize(
    ("tag", "vr", "value"),
    [
        ((0x0008, 0x0005), b"UC", b"\\" * 3_000_000),  # character sets
        ((0x0028, 0x1050), b"UC", b"1\\" * 1_000_000),  # centres of windows
        ((0x0028, 0x1052), b"UV", b"\1" * 3_000_000),  # rescale intercepts
        ((0x0008, 0x0060), b"SQ", b"\xfe\xff\x00\xe0\0\0\0\0" * 400_000),  # modality
    ],
)
def test_no_element_becomes_millions_of_objects(tag: tuple[int, int], vr: bytes, value: bytes) -> None:
    data = before_element(dicom(DEEP), b"\x28\x00\x02\x00", element(tag, vr, value))
    tracemalloc.start()
    try:
        with contextlib.suppress(Unreadable):
            assert decode(data).pixels.shape == DEEP.shape
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # The file three times, the pixels, and no object of 30 bytes or more for each of its parts.
    assert peak < 4 * len(data) + 4_000_000


def test_file_meta_data_without_end_are_refused() -> None:
    plain = dicom(DEEP)
    # An unknown VR makes pydicom take the rest for implicit, where a length has four bytes.
    bomb = b"\x02\x00\x00\x00" + struct.pack("<I", 3_000_000) + bytes(3_000_000)
    with pytest.raises(Unreadable):
        decode(plain[:132] + bomb + plain[132:])


def test_a_cut_file_is_not_said_to_hold_no_picture() -> None:
    packed = real("MR_small_jp2klossless.dcm")
    with pytest.raises(Unreadable, match="cut short"):
        decode(packed[:-1000])


def test_more_frames_than_the_file_admits_are_a_sentence() -> None:
    dataset = pydicom.dcmread(io.BytesIO(real("SC_rgb_rle_2frame.dcm")))
    del dataset.NumberOfFrames
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    with pytest.raises(Unreadable, match="contradicts itself"):
        decode(buffer.getvalue())
