"""PNG, JPEG, TIFF, WebP and BMP -> grey. Each decoder checks what its format lets it check, and reports damage."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from model.errors import Unreadable
from model.files.formats import Limits
from model.files.pictures import grey, jpeg, jpeg_headers, tiff
from model.files.pictures.picture import Picture, check_memory, from_channels, to_grey
from model.files.warnings_filter import quiet
from model.messages import Code, Message

ORIENTATION = 0x0112
_SEVERAL = Message(Code.SEVERAL_PICTURES)
_EXIF, _APP1 = b"Exif\0\0", 0xE1
# Damaged files after which a PNG is looked at before it is decoded, and how many there were.
_MOST_PNG_FAILURES = 200
_png_failures = 0
# First column and row, and steps to the next, of the seven passes of an interlaced picture (PNG, section 8.2).
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
# Samples a pixel by PNG's colour type; palettes may get an alpha channel.
_PNG_SAMPLES = {0: 1, 2: 3, 3: 4, 4: 2, 6: 4}
_LONGEST_WALK = 100_000
# Of lossy and lossless code: libwebp notices that so many are missing, whatever they hold.
_WEBP_LAST_BYTES = {b"VP8 ": 4, b"VP8L": 3}


def decode(data: bytes, kind: str, limits: Limits) -> tuple[NDArray[np.float32], list[Message]]:
    """Decode a picture file.

    Args:
        data: the file.
        kind: its format as `formats.sniff` tells it; no other decoder is tried.
        limits: checked against the header before pixels are unpacked.

    Returns:
        (H, W) float32 grey from 0 to 255 and notes.

    Raises:
        Unreadable: a limit is exceeded, or the file is of a kind that can't be read. The decoders' exceptions, which
            mean that it is damaged, pass through.
    """
    with quiet():
        return to_grey(_DECODERS[kind](data, limits))


def _png(data: bytes, limits: Limits) -> Picture:
    global _png_failures
    from imagecodecs import png_decode

    chunks = dict(_chunks(data))
    header = chunks[b"IHDR"]
    width, height = int.from_bytes(header[:4], "big"), int.from_bytes(header[4:8], "big")
    check_memory(limits, height, width, _PNG_SAMPLES.get(header[9], 4) * (2 if header[8] == 16 else 1))
    if _png_failures >= _MOST_PNG_FAILURES:
        _check_png(data, header)
    try:
        # libpng compares the checksums of IDAT chunks and of the compressed stream.
        picture = from_channels(png_decode(data))
    except Exception:
        _png_failures += 1
        raise
    picture.full_size = height, width
    picture.orientation = _orientation(chunks.get(b"eXIf", b""))
    if int.from_bytes(chunks.get(b"acTL", b"")[:4], "big") > 1:
        picture.notes.append(_SEVERAL)
    return picture


def _check_png(data: bytes, header: bytes) -> None:
    """Find damage before imagecodecs does, which keeps some kilobytes for each damaged PNG for good.

    It takes half as long as decoding, so it is done only where many were damaged before.

    Raises:
        ValueError: a checksum is wrong, or the rows are not as the header says. zlib's errors pass through.
    """
    width, height, bits, colour = struct.unpack(">IIBB", header[:10])
    depth = bits * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    passes = _ADAM7 if header[12] == 1 else ((0, 0, 1, 1),)
    sides = [(-(-(height - y) // down), -(-(width - x) // right)) for x, y, right, down in passes]
    rows = [(count, 1 + (columns * depth + 7) // 8) for count, columns in sides if count > 0 and columns > 0]
    stream, at = [], 8
    while data[at + 4 : at + 8] and (name := data[at + 4 : at + 8]) != b"IEND":
        end = at + 8 + int.from_bytes(data[at : at + 4], "big")
        if zlib.crc32(data[at + 4 : end]) != int.from_bytes(data[end : end + 4], "big"):
            raise ValueError("a wrong checksum")
        stream += [data[at + 8 : end]] if name == b"IDAT" else []
        at = end + 4
    size = sum(count * length for count, length in rows)
    inflater = zlib.decompressobj()
    unpacked = np.frombuffer(inflater.decompress(b"".join(stream), size + 1), np.uint8)
    if len(unpacked) < size or (len(unpacked) == size and not inflater.eof):
        raise ValueError("the compressed rows end too early")
    at = 0
    for count, length in rows:
        if unpacked[at : at + count * length : length].max() > 4:
            raise ValueError("a row has a filter that there is not")
        at += count * length


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """A PNG file's chunks by name (PNG, section 5.3), but for the pixels."""
    at = 8
    for _ in range(_LONGEST_WALK):
        length, name = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        if len(name) < 4:
            return
        if name != b"IDAT":
            yield name, data[at + 8 : at + 8 + length]
        at += 12 + length


def _jpeg(data: bytes, limits: Limits) -> Picture:
    frame = jpeg_headers.frame(data)
    if frame is None:
        raise ValueError("no JPEG frame header")
    if frame.process == jpeg_headers.JPEG_LS:
        raise Unreadable(Message(Code.FORMAT_OTHER, what=Code.A_JPEG_LS, advice=Code.SAVE_AS_PNG))
    check_memory(limits, frame.height, frame.width, frame.components * (2 if frame.precision > 8 else 1))
    # A JPEG decoder halves a picture and saves time.
    large = frame.precision == 8 and frame.height * frame.width > grey.WORKING_PIXELS
    pixels = jpeg.decode(data, halve=large)
    if frame.components == 4:
        # Inks are stored inverted, as Adobe does.
        pixels = (pixels[..., :3] * (pixels[..., 3:] / np.float32(255)) + np.float32(0.5)).astype(np.uint8)
    if frame.precision < 8:
        pixels = pixels.astype(np.uint16)
    picture = from_channels(pixels)
    picture.full_size = frame.height, frame.width
    exif = (
        content for marker, content, _ in jpeg_headers.segments(data) if marker == _APP1 and content.startswith(_EXIF)
    )
    picture.orientation = _orientation(next(exif, b""))
    return picture


def _with_pillow(kind: str) -> Callable[[bytes, Limits], Picture]:
    def read(data: bytes, limits: Limits) -> Picture:
        try:
            image = Image.open(io.BytesIO(data), formats=[kind.upper()])
        except Image.DecompressionBombError:
            raise Unreadable(Message(Code.PICTURE_FAR_TOO_LARGE)) from None
        with image:
            # The decoder of WebP holds four copies of the picture.
            allowed = replace(limits, pixels=limits.pixels // 4) if kind == "WebP" else limits
            allowed.check_shape(image.height, image.width)
            image.load()
            if kind == "WebP":
                _check_webp(data)
            mode = "RGBA" if image.has_transparency_data else "L" if image.mode in ("1", "L") else "RGB"
            picture = from_channels(np.asarray(image.convert(mode)))
            picture.full_size = image.height, image.width
            if getattr(image, "is_animated", False):
                picture.notes.append(_SEVERAL)
            picture.orientation = _orientation(image.info.get("exif", b""))
        return picture

    return read


def _check_webp(data: bytes) -> None:
    """See that a WebP picture takes all of its code, as WebP has no checksums: without the last bytes it must fail.

    Raises:
        ValueError: it does not.
    """
    name, code = next(((name, code) for name, code in _riff_chunks(data) if name in _WEBP_LAST_BYTES), (b"VP8 ", b""))
    code = code[: -_WEBP_LAST_BYTES[name]]
    body = b"WEBP" + name + len(code).to_bytes(4, "little") + code + b"\0" * (len(code) % 2)
    shorter = b"RIFF" + len(body).to_bytes(4, "little") + body
    try:
        Image.open(io.BytesIO(shorter), formats=["WEBP"]).load()
    except Exception:  # whichever; the one that is wanted
        return
    if code:
        raise ValueError("the picture does not take all of its code")


def _riff_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The chunks of a WebP file by name (RFC 9649, section 2.3); those of an animation's frames are not opened."""
    at = 12
    for _ in range(_LONGEST_WALK):
        name, length = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        if len(name) < 4:
            return
        yield name, data[at + 8 : at + 8 + length]
        at += 8 + length + length % 2


def _orientation(exif: bytes) -> int:
    """EXIF's Orientation; 1, which is upright, where it is missing or damaged."""
    try:
        tags = Image.Exif()
        tags.load(exif)
        return int(tags.get(ORIENTATION, 1))
    except Exception:  # damaged EXIF says nothing about the pixels
        return 1


_DECODERS: dict[str, Callable[[bytes, Limits], Picture]] = {
    "PNG": _png,
    "JPEG": _jpeg,
    "TIFF": tiff.decode,
    "WebP": _with_pillow("WebP"),
    "BMP": _with_pillow("BMP"),
}
