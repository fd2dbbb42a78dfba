"""PNG, JPEG, TIFF, WebP and BMP in all the ways that they are stored."""

from __future__ import annotations

import hashlib
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from model.errors import Unreadable
from model.files.formats import Limits
from model.files.pictures import grey
from model.messages import Code, Message
from model.reading.radiograph import decode
from tests.files.builders import encode, ramp

KINDS = ["PNG", "JPEG", "TIFF", "WebP", "BMP"]
STRETCHED = Message(Code.RANGE_STRETCHED)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP"])
@pytest.mark.parametrize("mode", ["L", "P", "RGB"])
def test_eight_bits_of_grey_stay_as_they_are(kind: str, mode: str) -> None:
    data = encode(Image.fromarray(ramp()).convert(mode), kind)
    found = decode(data)
    assert np.array_equal(found.pixels, ramp())
    assert found.pixels.dtype == np.float32
    assert found.sha256 == hashlib.sha256(data).hexdigest()
    assert found.notes == ()


@pytest.mark.parametrize(("kind", "options"), [("JPEG", {"quality": 95}), ("WebP", {"quality": 95})])
def test_lossy_pictures_are_nearly_as_they_were(kind: str, options: dict[str, int]) -> None:
    found = decode(encode(Image.fromarray(ramp()).convert("RGB"), kind, **options))
    assert np.abs(found.pixels - ramp()).mean() < 2
    assert found.notes == ()


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_deflate", "packbits", "tiff_adobe_deflate"])
def test_tiff_compressions(compression: str) -> None:
    assert np.array_equal(decode(encode(ramp(), "TIFF", compression=compression)).pixels, ramp())


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP"])
def test_one_bit(kind: str) -> None:
    found = decode(encode(Image.fromarray(ramp() > 100), kind))
    assert np.array_equal(found.pixels, 255 * (ramp() > 100))


def test_colours_are_dropped_with_a_note() -> None:
    picture = np.dstack([ramp(), 255 - ramp(), np.full_like(ramp(), 90)])
    found = decode(encode(picture, "PNG"))
    # ITU-R BT.601.
    assert np.abs(found.pixels - picture @ [0.299, 0.587, 0.114]).max() < 1
    assert found.notes == (Message(Code.COLOURS_DROPPED),)


def test_a_faint_tint_is_no_colour() -> None:
    tinted = np.dstack([ramp(), np.clip(ramp() + 12.0, 0, 255).astype(np.uint8), ramp()])
    assert decode(encode(tinted, "PNG")).notes == ()


@pytest.mark.parametrize("mode", ["LA", "RGBA", "PA"])
def test_transparent_parts_become_black(mode: str) -> None:
    picture = Image.fromarray(ramp()).convert(mode)
    alpha = np.full(ramp().shape, 255, np.uint8)
    alpha[:, :30] = 0
    picture.putalpha(Image.fromarray(alpha))
    found = decode(encode(picture, "TIFF" if mode == "PA" else "PNG"))
    assert np.array_equal(found.pixels[:, 30:], ramp()[:, 30:])
    assert found.pixels[:, :30].max() == 0
    assert found.notes == (Message(Code.TRANSPARENCY_DROPPED),)


def test_full_opacity_is_not_worth_a_note() -> None:
    assert decode(encode(Image.fromarray(ramp()).convert("RGBA"), "PNG")).notes == ()


def test_a_transparent_palette_entry() -> None:
    picture = Image.fromarray(ramp()).convert("P")
    brightest = int(ramp().max())
    found = decode(encode(picture, "PNG", transparency=brightest))
    assert found.pixels[ramp() == brightest].max() == 0
    assert np.array_equal(found.pixels[ramp() != brightest], ramp()[ramp() != brightest])


def test_cmyk_and_lab() -> None:
    inks = np.dstack([np.zeros((*ramp().shape, 3), np.uint8), 255 - ramp()])
    found = decode(encode(Image.fromarray(inks, "CMYK"), "JPEG", quality=95))
    assert np.abs(found.pixels - ramp()).mean() < 2
    lab = Image.fromarray(np.dstack([ramp(), np.full_like(ramp(), 128), np.full_like(ramp(), 128)]), "LAB")
    assert np.array_equal(decode(encode(lab, "TIFF")).pixels, ramp())


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_twelve_bits_in_sixteen_are_the_picture_of_eight(kind: str) -> None:
    found = decode(encode(ramp().astype(np.uint16) * 16, kind))
    assert np.abs(found.pixels - ramp()).max() < 1
    assert found.notes == (STRETCHED,)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_that_use_little_of_their_range_fill_the_grey_range(kind: str) -> None:
    found = decode(encode(ramp().astype(np.uint16) * 9 + 20_000, kind))
    expected = 255.0 * ramp() / ramp().max()
    assert np.abs(found.pixels - expected).max() < 4  # 0.1 % at each end is clipped
    assert found.pixels.min() == 0 and found.pixels.max() == 255
    assert found.notes == (STRETCHED,)


def test_a_bright_marker_does_not_darken_sixteen_bits() -> None:
    deep = np.tile(ramp(), (4, 4)).astype(np.uint16) * 16
    deep[5:9, 5:9] = 65535
    assert decode(encode(deep, "PNG")).pixels.mean() > 100


def test_sixteen_bits_with_white_as_zero() -> None:
    deep = ramp().astype(np.uint16) * 100
    usual = decode(encode(deep, "TIFF")).pixels
    assert np.allclose(decode(encode(deep, "TIFF", tiffinfo={262: 0})).pixels, 255 - usual)


def test_big_endian_sixteen_bits() -> None:
    deep = ramp().astype(np.uint16) * 200
    image = Image.frombytes("I;16B", (60, 80), deep.astype(">u2").tobytes())
    assert np.allclose(decode(encode(image, "TIFF")).pixels, decode(encode(deep, "TIFF")).pixels)


@pytest.mark.parametrize("offset", [0.0, -5.0, 1e6])
def test_floating_point_with_what_is_no_number(offset: float) -> None:
    values = (ramp() / 255 * 100 + offset).astype(np.float32)
    values[3, 3], values[4, 4], values[5, 5] = np.nan, np.inf, -np.inf
    pixels = decode(encode(values, "TIFF")).pixels
    assert (pixels[3, 3], pixels[4, 4], pixels[5, 5]) == (0, 255, 0)
    rest = np.isfinite(values)
    assert np.abs(pixels - 255.0 * ramp() / ramp().max())[rest].max() < 4


def test_thirty_two_bit_integers_and_a_picture_without_contrast() -> None:
    assert decode(encode(Image.fromarray(ramp().astype(np.int32) * 70_000), "TIFF")).pixels.max() == 255
    assert decode(encode(np.full((40, 40), 7000, np.uint16), "PNG")).pixels.max() == 0


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WebP"])
@pytest.mark.parametrize(("orientation", "turns"), [(3, 2), (6, 3), (8, 1)])
def test_the_orientation_that_a_file_asks_for(kind: str, orientation: int, turns: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    lossless = {"lossless": True} if kind == "WebP" else {}
    found = decode(encode(ramp(), kind, exif=exif, **lossless))
    assert np.abs(found.pixels - np.rot90(ramp(), turns)).max() < 4
    assert found.notes == (Message(Code.TURNED_UPRIGHT),)


def test_damaged_exif_does_not_lose_the_picture() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encode(ramp(), "JPEG", exif=exif)
    at = data.index(b"Exif\0\0")
    damaged = data[: at + 6] + b"\xff" * 12 + data[at + 18 :]
    assert decode(damaged).pixels.shape == ramp().shape


@pytest.mark.parametrize("kind", ["TIFF", "WebP", "PNG"])
def test_of_several_pictures_the_first_is_read(kind: str) -> None:
    frames = [Image.fromarray(ramp()), Image.fromarray(255 - ramp())]
    options = {"lossless": True} if kind == "WebP" else {}
    found = decode(encode(frames[0], kind, save_all=True, append_images=frames[1:], **options))
    assert np.array_equal(found.pixels, ramp())
    assert found.notes == (Message(Code.SEVERAL_PICTURES),)


def test_a_phones_second_picture_is_no_animation() -> None:
    frames = [Image.fromarray(ramp()), Image.fromarray(255 - ramp())]
    found = decode(encode(frames[0], "MPO", save_all=True, append_images=frames[1:]))
    assert found.format == "JPEG"
    assert np.abs(found.pixels - ramp()).max() < 6
    assert found.notes == ()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("share", [0.05, 0.5, 0.9])
def test_what_is_cut_short_is_refused_in_a_sentence(kind: str, share: float) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (200, 200)).astype(np.uint8)
    data = encode(noise, kind)
    with pytest.raises(Unreadable, match=r"cut short|damaged") as refusal:
        decode(data[: int(len(data) * share)])
    assert refusal.value.__cause__ is None  # nothing of the decoder's own message goes on


@pytest.fixture
def little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures of over 250,000 pixels count as very large, so that the test need not make one of 20 million."""
    monkeypatch.setattr(grey, "WORKING_PIXELS", 250_000)
    monkeypatch.setattr("model.files.pictures.picture._STRIP", 100_000)


@pytest.mark.usefixtures("little_memory")
@pytest.mark.parametrize("depth", [np.uint8, np.uint16, np.float32])
def test_very_large_pictures_are_averaged_down(depth: type) -> None:
    # 0.9 million pixels are 3.6 times too many, so squares of 2 x 2 become one; the odd row is left out.
    picture = ramp(901, 1002)
    found = decode(encode(picture.astype(depth), "TIFF"))
    expected = picture[:900].reshape(450, 2, 501, 2).mean(axis=(1, 3))
    assert found.pixels.shape == (450, 501)
    # What is not of 8 bits is stretched as well, and this picture has little in its extremes.
    assert np.abs(found.pixels - expected).max() < (1 if depth is np.uint8 else 8)
    assert found.notes[-1] == Message(Code.SCALED_DOWN)


@pytest.mark.usefixtures("little_memory")
def test_very_large_jpegs_are_halved_by_their_decoder() -> None:
    found = decode(encode(ramp(900, 1000), "JPEG"))
    assert found.pixels.shape == (450, 500)
    assert np.abs(found.pixels - ramp(900, 1000).reshape(450, 2, 500, 2).mean(axis=(1, 3))).max() < 4
    assert found.notes == (Message(Code.SCALED_DOWN),)


def test_webp_is_allowed_fewer_pixels_for_its_decoder_holds_four_copies() -> None:
    limits = Limits(pixels=4 * 64 * 64)
    assert decode(encode(ramp(64, 64), "WebP"), limits).pixels.shape == (64, 64)
    with pytest.raises(Unreadable, match="save it smaller"):
        decode(encode(ramp(64, 65), "WebP"), limits)
    assert decode(encode(ramp(64, 65), "PNG"), limits).pixels.shape == (64, 65)


def test_real_radiographs(shared_data: Path) -> None:
    for source in ("siim", "cohen", "mendeley", "nih"):
        path = sorted((shared_data / source).glob("*.jpg"))[0]
        found = decode(path.read_bytes())
        assert found.format == "JPEG"
        assert np.array_equal(found.pixels, np.asarray(Image.open(path).convert("L")))
        assert 20 < found.pixels.mean() < 220


def interlaced(values: np.ndarray) -> bytes:
    """A PNG in seven passes, which Pillow can't write (PNG, section 8.2)."""
    passes = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
    rows = b"".join(b"\0" + row.tobytes() for x, y, right, down in passes for row in values[y::down, x::right])
    header = struct.pack(">IIBBBBB", values.shape[1], values.shape[0], 8, 0, 0, 0, 1)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    parts = (
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def test_png_is_looked_at_first_where_many_were_damaged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Imagecodecs keeps memory for each damaged PNG; what it would refuse is refused before, and the rest is read."""
    values = ramp(45, 37)
    whole = [interlaced(values), encode(values, "PNG"), encode(values.astype(np.uint16) * 257, "PNG")]
    whole += [encode(Image.fromarray(values).convert(mode), "PNG") for mode in ("LA", "RGB", "RGBA", "P", "1")]
    plain = [decode(file).pixels for file in whole]
    monkeypatch.setattr("model.files.pictures.image._png_failures", 10**6)
    with monkeypatch.context() as without_decoder:
        without_decoder.setattr("imagecodecs.png_decode", None)
        for file in whole:
            for damaged in (file[:-40], file[: len(file) // 2], file.replace(b"IDAT", b"IDAT\1", 1)):
                with pytest.raises(Unreadable) as refusal:
                    decode(damaged)
                assert refusal.value.message.code == Code.FILE_DAMAGED
    for file, pixels in zip(whole, plain, strict=True):
        assert np.array_equal(decode(file).pixels, pixels)
