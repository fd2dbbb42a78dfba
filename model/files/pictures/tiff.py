"""TIFF and BigTIFF (TIFF 6.0): the page that is the picture, whatever the kind of its numbers."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.errors import Unreadable
from model.files.formats import Limits
from model.files.pictures import jpeg
from model.files.pictures.picture import Picture, check_memory
from model.messages import Code, Message

# tifffile logs what it thinks of a file, and may quote it.
logging.getLogger("tifffile").setLevel(logging.CRITICAL + 1)

_MOST_PAGES = 64
_MOST_ENTRIES = 512
# Of all values of a directory together: the places of a large picture's strips take some thousand bytes.
_LARGEST_DIRECTORY = 4_000_000
# Bytes of a value by its type (TIFF 6.0, section 2; BigTIFF).
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_WIDTH, _LENGTH, _SUBFILE, _OLD_SUBFILE, _ORIENTATION, _SUBIFDS = 256, 257, 254, 255, 274, 330
_REDUCED, _MASK = 1, 4
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _INKS, _YCBCR, _LAB = 0, 1, 2, 3, 5, 6, 8
_SAMPLES = {_WHITE_IS_ZERO: 1, _BLACK_IS_ZERO: 1, _RGB: 3, _PALETTE: 1, _INKS: 4, _YCBCR: 3, _LAB: 3}
_LZW, _JPEG, _PACKBITS = 5, 7, 32773
_COMPRESSIONS = (1, 2, 3, 4, _LZW, _JPEG, 8, _PACKBITS, 32946, 50000)
_UNASSOCIATED_ALPHA = 2


@dataclass(frozen=True)
class _Directory:
    """A page: where its directory starts, its tags' numbers, and whether it lies in the main chain."""

    offset: int
    tags: dict[int, int]
    in_chain: bool

    @property
    def pixels(self) -> int:
        return self.tags.get(_WIDTH, 0) * self.tags.get(_LENGTH, 0)

    @property
    def is_picture(self) -> bool:
        """No reduced copy and no transparency mask."""
        return not self.tags.get(_SUBFILE, 0) & (_REDUCED | _MASK) and self.tags.get(_OLD_SUBFILE, 1) != 2


def decode(data: bytes, limits: Limits) -> Picture:
    """Decode the page that is the picture.

    Args:
        data: the file.
        limits: checked against the page's header before pixels are unpacked.

    Returns:
        The picture.

    Raises:
        Unreadable: a limit is exceeded, the file is cut short, or of a kind that can't be read. tifffile's
            exceptions, which mean that it is damaged, pass through.
    """
    import tifffile

    pages = [page for page in _directories(data) if page.pixels]
    if not pages:
        raise ValueError("no page with a size")
    chosen = _choose(pages)
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        file.filehandle.seek(chosen.offset)
        page: Any = tifffile.TiffPage(file, 0)
        channels = _unpack(page, data, limits)
        picture = _interpret(page, channels)
    picture.full_size = page.imagelength, page.imagewidth
    picture.orientation = chosen.tags.get(_ORIENTATION, 1)
    if sum(page.in_chain and page.is_picture for page in pages) > 1:
        picture.notes.append(Message(Code.SEVERAL_PICTURES))
    return picture


def _choose(pages: list[_Directory]) -> _Directory:
    """The first page that is no reduced copy, unless it is so small that it must be one."""
    pictures = [page for page in pages if page.is_picture] or [max(pages, key=lambda page: page.pixels)]
    largest = max(pictures, key=lambda page: page.pixels)
    first = pictures[0]
    return largest if 4 * first.pixels < largest.pixels else first


def _directories(data: bytes) -> Iterator[_Directory]:
    """The pages in the order of the chain, and after it the sub-directories."""
    order: Any = "little" if data[:2] == b"II" else "big"
    big = data[2:4] in (b"+\0", b"\0+")
    pointer, counter = (8, 8) if big else (4, 2)

    def number(at: int, size: int) -> int:
        return int.from_bytes(data[at : at + size], order)

    waiting = [(number(8 if big else 4, pointer), True)]
    seen: set[int] = set()
    while waiting and len(seen) < _MOST_PAGES:
        offset, in_chain = waiting.pop(0)
        if offset in seen or not 0 < offset < len(data) - counter:
            continue
        seen.add(offset)
        count, width = number(offset, counter), 20 if big else 12
        if count > _MOST_ENTRIES:
            raise Unreadable(Message(Code.TIFF_TOO_MUCH))
        tags: dict[int, int] = {}
        below: list[int] = []
        total = 0
        for at in range(offset + counter, offset + counter + count * width, width):
            tag, kind, values = number(at, 2), number(at + 2, 2), number(at + 4, pointer)
            size, place = _SIZES.get(kind, 1), at + 4 + pointer
            total += size * values
            if size * values > pointer:
                place = number(place, pointer)
            tags[tag] = number(place, size)
            if tag == _SUBIFDS:
                below = [number(place + step * size, size) for step in range(min(values, _MOST_PAGES))]
        if total > _LARGEST_DIRECTORY:
            raise Unreadable(Message(Code.TIFF_TOO_MUCH))
        yield _Directory(offset, tags, in_chain)
        following = number(offset + counter + count * width, pointer) if in_chain else 0
        waiting = [(following, True), *waiting, *((sub, False) for sub in below)]


def _unpack(page: Any, data: bytes, limits: Limits) -> NDArray[Any]:
    """(H, W, samples) of the numbers as they are stored."""
    bits = page.bitspersample
    if page.photometric not in _SAMPLES:
        raise Unreadable(Message(Code.TIFF_UNSUPPORTED, what=Code.HAS_ODD_COLOURS))
    if page.compression not in _COMPRESSIONS:
        raise Unreadable(Message(Code.TIFF_UNSUPPORTED, what=Code.TIFF_COMPRESSION))
    if page.dtype is None or page.dtype.kind not in "biuf" or page.imagedepth != 1:
        raise Unreadable(Message(Code.TIFF_UNSUPPORTED, what=Message(Code.TIFF_NUMBERS, bits=str(bits))))
    check_memory(limits, page.imagelength, page.imagewidth, page.samplesperpixel * page.dtype.itemsize)
    places = list(zip(page.dataoffsets, page.databytecounts, strict=False))
    if not places or any(count < 1 or start + count > len(data) for start, count in places):
        raise Unreadable(Message(Code.FILE_TRUNCATED, kind="TIFF"))
    if page.compression == _JPEG:
        # tifffile's decoder fills up what is missing; this one does not.
        tables = page.jpegtables or b""
        for start, count in places:
            segment = data[start : start + count]
            jpeg.decode(tables[:-2] + segment[2:] if tables else segment)
    elif page.compression in (_LZW, _PACKBITS):
        _check_lengths(page, [data[start : start + count] for start, count in places])
    pixels = np.asarray(page.asarray(maxworkers=1))
    if page.planarconfig == 2 and page.samplesperpixel > 1:
        pixels = np.moveaxis(pixels, 0, -1)
    return pixels.reshape(page.imagelength, page.imagewidth, page.samplesperpixel)


def _check_lengths(page: Any, segments: list[bytes]) -> None:
    """See that strips or tiles unpack to what they should: neither compression has a checksum.

    Raises:
        ValueError: one does not.
    """
    from imagecodecs import lzw_decode, packbits_decode

    samples = page.samplesperpixel if page.planarconfig == 1 else 1
    rows, width = (page.tilelength, page.tilewidth) if page.is_tiled else (page.rowsperstrip, page.imagewidth)
    a_row = (width * samples * int(page.bitspersample) + 7) // 8
    # The last strip may be as high as the others.
    lowest = rows if page.is_tiled else (page.imagelength - 1) % rows + 1
    for number, segment in enumerate(segments):
        unpacked = len((lzw_decode if page.compression == _LZW else packbits_decode)(segment))
        is_last = page.is_tiled or number % -(-page.imagelength // rows) == -(-page.imagelength // rows) - 1
        if unpacked != rows * a_row and not (is_last and unpacked == lowest * a_row):
            raise ValueError("a strip or tile is not as long as it should be")


def _interpret(page: Any, channels: NDArray[Any]) -> Picture:
    """Channels -> grey or RGB, and alpha."""
    photometric, bits = page.photometric, page.bitspersample
    count = _SAMPLES[photometric]
    if channels.shape[2] < count:
        raise ValueError("too few samples a pixel")
    values = channels[..., :count] if count > 1 else channels[..., 0]
    extra = page.extrasamples[:1]
    alpha = channels[..., count] if channels.shape[2] > count and tuple(extra) == (_UNASSOCIATED_ALPHA,) else None
    if photometric == _PALETTE:
        colours = np.asarray(page.colormap)
        # Tables of 16 bits hold values of 8 now and then.
        colours = (colours >> 8 if colours.max() > 255 else colours).astype(np.uint8)
        return Picture(colours.T[values], alpha)
    if values.dtype == bool:
        values = values * np.uint8(255)
    elif values.dtype == np.uint8 and isinstance(bits, int) and bits < 8:
        values = values * np.uint8(255 // (2**bits - 1))
    elif values.dtype == np.float16:
        values = values.astype(np.float32)
    if photometric == _INKS:
        full = np.float32(np.iinfo(values.dtype).max)
        paper = (full - values[..., :3]) * (1 - values[..., 3:] / full)
        values = np.rint(paper).astype(values.dtype)
    elif photometric == _LAB or (photometric == _YCBCR and page.compression != _JPEG):
        values = values[..., 0]  # lightness
    return Picture(values, alpha, white_is_zero=photometric == _WHITE_IS_ZERO)
