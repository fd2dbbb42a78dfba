"""The same pixels give the same picture in every format, depth and syntax, and damage is refused or does not show."""

from __future__ import annotations

import contextlib
import io
import zlib
from functools import cache

import numpy as np
import pytest
import tifffile

from model.errors import Unreadable
from model.messages import Code
from model.reading import bundle
from model.reading.radiograph import Radiograph, decode, to_input
from model.reading.reader import Reader
from scripts.fuzz import formats
from tests.files.builders import encode, ramp, real

SIDE = 224
# Bytes at the end of a file that hold no pixels: PNG's last chunk, a marker, padding.
HARMLESS_TAIL = 12


@cache
def grey() -> np.ndarray:
    """The sample radiograph, small, in 8 bits."""
    return np.rint(to_input(decode(real("RG1_UNCR.dcm")).pixels, SIDE)[0, :, :, 0]).astype(np.uint8)


@cache
def files() -> dict[str, bytes]:
    return {**formats.pictures(grey()), **formats.dicom_files(grey())}


NAMES = [*formats.pictures(ramp(80, 64)), *formats.dicom_files(ramp(80, 64))]


@pytest.mark.parametrize("name", NAMES)
def test_the_picture_is_the_same(name: str) -> None:
    pixels = decode(files()[name]).pixels
    if "tiles" in name:
        pixels = pixels[9 : 9 + SIDE, 9 : 9 + SIDE]
    difference = np.abs(pixels - grey())
    # Half a level where levels of 8 bits became ranges of more, and what rounding adds.
    assert difference.mean() < 2 if "lossy" in name else difference.max() <= 1.01


def test_the_scores_are_the_same() -> None:
    reader = Reader(bundle.load())

    def scores(pixels: np.ndarray) -> np.ndarray:
        reading = reader.read(Radiograph(np.asarray(pixels, np.float32), "PNG", ""), examine=False)
        return np.array(list(reading.scores.values()) or [reading.decision == "refused"] * 3, float)

    plain = scores(grey())
    for name, data in files().items():
        if "tiles" not in name and "lossy" not in name:
            assert np.abs(scores(decode(data).pixels) - plain).max() < 0.02, name


@pytest.mark.parametrize("name", NAMES)
def test_a_file_that_is_cut_short_is_refused_or_whole(name: str) -> None:
    data = files()[name]
    whole = decode(data).pixels
    for length in (int(len(data) * share) for share in (0.6, 0.8, 0.95, 0.99)):
        with pytest.raises(Unreadable) as refusal:
            decode(data[:length])
        assert refusal.value.message.code in (Code.FILE_DAMAGED, Code.FILE_TRUNCATED)
    for missing in range(1, HARMLESS_TAIL + 1):
        with contextlib.suppress(Unreadable):
            # All but a last block of 12-bit JPEG, which tells no warnings.
            assert np.mean(decode(data[:-missing]).pixels != whole) < (0.01 if "12 lossy" in name else 1e-9)


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("png") or "deflate" in name])
def test_a_wrong_bit_under_a_checksum_is_seen(name: str) -> None:
    data = bytearray(files()[name])
    start = data.index(b"IDAT") + 4 if name.startswith("png") else len(data) // 3
    for place in np.linspace(start, len(data) - 40, 12).astype(int):
        data[place] ^= 0x10
        if "dicom" not in name:
            with pytest.raises(Unreadable):
                decode(bytes(data))
        data[place] ^= 0x10


@pytest.mark.parametrize("first", [(9, 11), (20, 5)])
@pytest.mark.parametrize("levels", [-20, 25])
def test_a_shift_of_all_blocks_after_one_is_seen_in_jpeg(first: tuple[int, int], levels: int) -> None:
    """What one wrong bit in the difference of a block's mean does, and libjpeg can't notice (T.81, F.1.1.5.1)."""
    shifted = grey().astype(int)
    order = np.arange(SIDE // 8)[:, None] * (SIDE // 8) + np.arange(SIDE // 8)
    shifted[np.kron(order >= first[0] * (SIDE // 8) + first[1], np.ones((8, 8), bool))] += levels
    picture = np.clip(shifted, 0, 255).astype(np.uint8)
    for stream in (encode(picture, "JPEG", quality=95), encode(picture, "JPEG", quality=60, progressive=True)):
        for file in (stream, formats.dicom(picture, 8, ".4.50", stream)):
            with pytest.raises(Unreadable) as refusal:
                decode(file)
            assert refusal.value.message.code == Code.FILE_DAMAGED


@pytest.mark.parametrize("rows", [slice(0, 80), slice(80, 160), slice(160, None)])
def test_bars_labels_and_halves_of_a_picture_are_no_damage_to_jpeg(rows: slice) -> None:
    """Real steps along blocks: one exposure beside another, a frame, a label in a corner."""
    for columns in (slice(None), slice(0, 96), slice(40, 128)):
        for change in (lambda x: x // 2, lambda x: np.minimum(x + 40, 255), lambda x: x * 0 + 255):
            picture = grey().copy()
            picture[rows, columns] = change(picture[rows, columns])
            decode(encode(picture, "JPEG", quality=95))


def test_lossless_jpeg_of_samples_beyond_their_precision_is_damaged() -> None:
    samples = formats.deep(grey(), 12)
    samples[100] += 4000
    with pytest.raises(Unreadable) as refusal:
        decode(formats.dicom(samples, 12, ".4.70", lossless_jpeg(samples, 12, False)))
    assert refusal.value.message.code == Code.FILE_DAMAGED


def test_lossless_jpeg_whose_differences_wrap() -> None:
    """Encoders that hold samples as signed numbers rely on T.81's arithmetic modulo 65536 (pylibjpeg-libjpeg, 90)."""
    for bits in (8, 10, 12, 16):
        samples = grey() if bits == 8 else formats.deep(grey(), bits)
        elements = {} if bits == 8 else {"WindowCenter": str(2 ** (bits - 1)), "WindowWidth": str(2**bits)}
        for wraps in (False, True):
            stream = lossless_jpeg(samples, bits, wraps)
            pixels = decode(formats.dicom(samples, bits, ".4.70", stream, **elements)).pixels
            assert np.abs(pixels - grey()).max() <= 1
            with pytest.raises(Unreadable):
                decode(formats.dicom(samples, bits, ".4.70", stream[: len(stream) * 9 // 10], **elements))


def lossless_jpeg(samples: np.ndarray, precision: int, wraps: bool) -> bytes:
    """Process 14, predictor 1 (ITU-T T.81, annex H), with 17 Huffman codes of five bits."""
    x = samples.astype(np.int64)
    x = np.where(x >= 1 << (precision - 1), x - (1 << precision), x) if wraps else x
    prediction = np.empty_like(x)
    prediction[0, 0], prediction[:, 1:], prediction[1:, 0] = 1 << (precision - 1), x[:, :-1], x[:-1, 0]
    difference = (x - prediction + 32768) % 65536 - 32768
    code = []
    for value in difference.ravel().tolist():
        size = abs(value).bit_length()
        code.append(f"{size:05b}")
        if 0 < size < 16:
            code.append(f"{value if value > 0 else value + (1 << size) - 1:0{size}b}")
    bits = "".join(code)
    packed = int(bits + "1" * (-len(bits) % 8), 2).to_bytes(-(-len(bits) // 8), "big").replace(b"\xff", b"\xff\0")
    table = bytes([0, 0, 0, 0, 0, 17, *[0] * 11, *range(17)])
    sides = b"".join(side.to_bytes(2, "big") for side in samples.shape)
    return (
        b"\xff\xd8\xff\xc4" + (2 + len(table)).to_bytes(2, "big") + table
        + b"\xff\xc3\0\x0b" + bytes([precision]) + sides + b"\1\1\x11\0"
        + b"\xff\xda\0\x08\1\1\0\1\0\0" + packed + b"\xff\xd9"
    )  # fmt: skip


def test_a_frame_that_lost_its_end_marker_alone_is_read() -> None:
    stream = encode(grey(), "JPEG", quality=95)
    whole = decode(formats.dicom(grey(), 8, ".4.50", stream)).pixels
    assert np.array_equal(decode(formats.dicom(grey(), 8, ".4.50", stream[:-2])).pixels, whole)


def test_a_deflated_frame() -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    stream = packer.compress(grey().tobytes()) + packer.flush()
    assert np.array_equal(decode(formats.dicom(grey(), 8, ".8.1", stream)).pixels, grey())
    with pytest.raises(Unreadable):
        decode(formats.dicom(grey(), 8, ".8.1", stream[: len(stream) // 2]))


@pytest.mark.parametrize("first_is_marked", [True, False])
def test_a_tiff_whose_first_page_is_a_thumbnail(first_is_marked: bool) -> None:
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as writer:
        writer.write(grey()[::4, ::4], subfiletype=int(first_is_marked), metadata=None)
        writer.write(grey(), metadata=None)
    assert np.array_equal(decode(buffer.getvalue()).pixels, grey())


def test_a_tiff_whose_picture_lies_in_a_sub_directory() -> None:
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as writer:
        writer.write(grey()[::4, ::4], subfiletype=1, subifds=1, metadata=None)
        writer.write(grey(), metadata=None)
    found = decode(buffer.getvalue())
    assert np.array_equal(found.pixels, grey())
    assert found.notes == ()


def test_what_is_whole_but_unknown_is_named() -> None:
    def message(data: bytes) -> str:
        with pytest.raises(Unreadable) as refusal:
            decode(data)
        return str(refusal.value)

    buffer = io.BytesIO()
    tifffile.imwrite(buffer, grey().astype(np.complex64), metadata=None)
    assert "numbers of an unusual kind" in message(buffer.getvalue())
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, grey(), compression="jpeg2000", metadata=None)
    assert "compressed in an unusual way" in message(buffer.getvalue())
    assert "JPEG XL" in message(formats.dicom(grey(), 8, ".4.110", b"\xff\x0a" + bytes(40)))
    assert "video" in message(formats.dicom(grey(), 8, ".4.102", bytes(40)))
    assert "bits" in message(formats.dicom(grey(), 8, ".1", BitsAllocated=12))
    assert "no size" in message(formats.dicom(grey(), 8, ".1", Rows=None))
    assert "SVG" in message(b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>')
    assert "WADO-RS" in message(b"--boundary\r\nContent-Type: application/dicom\r\n\r\n" + bytes(200))
    assert "JPEG-LS" in message(b"\xff\xd8\xff\xf7\0\x0b\x08\0\x80\0\x80\1\1\x11\0" + bytes(40))


@pytest.mark.parametrize("spelling", ["monochrome2", "MONOCHROME", "MONOCHROME 2", "GRAYSCALE"])
def test_a_misspelt_photometric_interpretation_is_grey(spelling: str) -> None:
    file = formats.dicom(grey(), 8, ".1").replace(b"MONOCHROME2 ", spelling.encode().ljust(12))
    assert np.array_equal(decode(file).pixels, grey())
