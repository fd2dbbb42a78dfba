"""ZIP archives: good ones become their pictures, hostile ones become sentences."""

from __future__ import annotations

import io
import struct
import tracemalloc
import unicodedata
import zipfile
import zlib
from dataclasses import replace
from typing import Any

import pytest

from model.errors import Unreadable
from model.files.formats import DEFAULT_LIMITS, MEGA
from model.files.zip import ArchiveLimits, clean, is_archive, members
from model.reading.radiograph import decode
from tests.files.builders import encode, ramp

PICTURE = encode(ramp(), "PNG")


# As a server has them that many share.
STRICT = ArchiveLimits(members=500, bytes=4000 * MEGA, table_bytes=MEGA)


def packed(*files: tuple[str, bytes], how: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", how) as archive:
        for name, data in files:
            archive.writestr(name, data)
    return buffer.getvalue()


def outcomes(data: bytes, limits: ArchiveLimits = STRICT) -> list[tuple[str, bytes | str]]:
    """Names with contents or sentences."""
    found: list[tuple[str, bytes | str]] = []
    for name, load in members("class.zip", io.BytesIO(data), limits):
        try:
            found.append((name, load()))
        except Unreadable as error:
            found.append((name, str(error)))
    sentences = [outcome for _, outcome in found if isinstance(outcome, str)]
    assert all(sentence.endswith(".") and sentence[0].isupper() for sentence in sentences)
    return found


def only_sentence(data: bytes, limits: ArchiveLimits = STRICT) -> str:
    ((_, sentence),) = outcomes(data, limits)
    assert isinstance(sentence, str)
    return sentence


@pytest.mark.parametrize("how", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_pictures_come_in_order_and_what_is_no_picture_of_the_user_is_skipped(how: int) -> None:
    hidden = [("__MACOSX/._b.png", b"x"), (".DS_Store", b"x"), ("a/.git/c.png", b"x"), ("empty/", b"")]
    found = outcomes(packed(("b.png", PICTURE), *hidden, ("deep/er/a.png", PICTURE), ("notes.txt", b"hi"), how=how))
    assert found == [("b.png", PICTURE), ("a.png", PICTURE), ("notes.txt", b"hi")]
    assert decode(PICTURE).pixels.shape == (80, 60)


def test_an_archive_is_told_by_its_content() -> None:
    assert is_archive(packed(("a.png", PICTURE)))
    assert is_archive(packed())
    assert not is_archive(PICTURE + packed(("a.png", PICTURE)))


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("/abs/olute.png", "olute.png"),
        ("C:\\scans\\one.dcm", "one.dcm"),
        ("evil\u202egnp.exe", "evilgnp.exe"),
        ("a\x1b[2J\nb.png", "a[2Jb.png"),
        ("x" * 300, "x" * 99 + "…"),
        ("Röntgen 胸.png", "Röntgen 胸.png"),
        ("\x01\x02", ""),
        ("..\\..\\", ".."),
    ],
)
def test_names_are_bare_and_harmless(name: str, shown: str) -> None:
    assert clean(name) == shown


def test_members_that_climb_out_are_read_under_their_bare_name() -> None:
    found = outcomes(packed(("../../../tmp/x.png", PICTURE), ("\x01/\x02", PICTURE)))
    assert found == [("x.png", PICTURE), ("file 2", PICTURE)]


def test_a_bad_member_is_a_sentence_and_the_others_go_on() -> None:
    data = bytearray(packed(("a.png", PICTURE), ("b.png", PICTURE[::-1]), ("c.png", PICTURE), how=zipfile.ZIP_STORED))
    data[data.index(PICTURE[::-1]) + 9] ^= 1
    found = dict(outcomes(bytes(data)))
    assert found["a.png"] == found["c.png"] == PICTURE
    assert "damaged" in str(found["b.png"])


def test_a_bomb_is_refused_before_it_is_unpacked() -> None:
    bomb = packed(("bomb.png", bytes(60_000_000)), ("good.png", PICTURE))
    tracemalloc.start()
    found = outcomes(bomb)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "far more than it takes" in str(found[0][1])
    assert found[1] == ("good.png", PICTURE)
    assert peak < 5_000_000


def test_a_member_that_claims_to_be_small_is_not_unpacked_beyond_that() -> None:
    data = bytearray(packed(("a.png", bytes(4_000_000))))
    for signature, place in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = data.index(signature) + place
        data[at : at + 4] = struct.pack("<I", 1000)
    assert "damaged" in only_sentence(bytes(data))


def test_members_have_the_limit_of_single_files_and_a_sum() -> None:
    limits = ArchiveLimits(member=replace(DEFAULT_LIMITS, dicom_bytes=len(PICTURE)), bytes=2 * len(PICTURE))
    assert "limit is" in only_sentence(packed(("a.png", PICTURE + b"x")), limits)
    found = outcomes(packed(*((f"{n}.png", PICTURE) for n in range(3))), limits)
    assert [data for _, data in found[:2]] == [PICTURE, PICTURE]
    assert "more than can be read at once" in str(found[2][1])


def test_more_members_than_a_batch_takes_are_left_out() -> None:
    found = outcomes(packed(*((f"{n}.png", PICTURE) for n in range(5))), ArchiveLimits(members=3))
    assert [name for name, _ in found] == ["0.png", "1.png", "2.png", "class.zip"]
    assert "2 were left out" in str(found[3][1])


def test_a_table_of_a_hundred_thousand_names_is_not_parsed() -> None:
    entry = b"PK\x01\x02" + bytes(42)
    table = entry * 100_000
    end = b"PK\x05\x06" + struct.pack("<4H2IH", 0, 0, 65535, 65535, len(table), 0, 0)
    assert "far too many" in only_sentence(b"PK\x03\x04" + table + end)


def test_a_small_zip64_as_streaming_programs_write_it_is_read() -> None:
    plain = packed(("a.png", PICTURE))
    at = plain.rfind(b"PK\x05\x06")
    count, size, start = struct.unpack("<HII", plain[at + 10 : at + 20])
    record = b"PK\x06\x06" + struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, count, count, size, start)
    zip64 = plain[:at] + record + b"PK\x06\x07" + struct.pack("<IQI", 0, at, 1) + plain[at:]
    assert outcomes(zip64, STRICT) == [("a.png", PICTURE)]
    lying = record[:40] + struct.pack("<Q", 10**9) + record[48:]
    assert "far too many" in only_sentence(zip64.replace(record, lying))


class _Pipe(io.RawIOBase):
    """What can only be written on, as standard output and an HTTP answer are."""

    def __init__(self) -> None:
        super().__init__()
        self.data = b""

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        self.data += bytes(data)
        return len(data)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("zip64", [False, True])
def test_an_archive_that_was_written_to_a_pipe_is_read(method: int, zip64: bool) -> None:
    """Sizes follow the pictures, in 8 bytes each where the writer could not know that 4 would do (APPNOTE, 4.3.9)."""
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w", method) as archive, archive.open("a.png", "w", force_zip64=zip64) as member:
        member.write(PICTURE)
    assert outcomes(pipe.data, STRICT) == [("a.png", PICTURE)]


def with_zip64(wide: tuple[str, ...], before: bytes = b"", after: bytes = b"") -> bytes:
    """An archive of one picture whose table gives these of size, packed and start as ZIP64 (APPNOTE, 4.5.3)."""
    size, crc = len(PICTURE), zlib.crc32(PICTURE)
    local = struct.pack("<4sHHHHHIIIHH", b"PK\3\4", 45, 0, 0, 0, 0, crc, size, size, 5, 0) + b"a.png" + PICTURE
    values = {"size": size, "packed": size, "start": 0}
    extra = b"".join(struct.pack("<Q", values[name]) for name in wide)
    extra = struct.pack("<HH", 1, len(extra)) + extra if wide else b""
    packed_size, full_size, start = (
        0xFFFFFFFF if name in wide else values[name] for name in ("packed", "size", "start")
    )
    table = struct.pack(
        "<4sHHHHHHIIIHHHHHII",
        b"PK\1\2",
        45,
        45,
        0,
        0,
        0,
        0,
        crc,
        packed_size,
        full_size,
        5,
        len(extra),
        0,
        0,
        0,
        0,
        start,
    )
    table += b"a.png" + extra
    at = len(local)
    record = struct.pack("<4sQHHIIQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, 1, 1, len(table), at)
    locator = struct.pack("<4sIQI", b"PK\6\7", 0, at + len(table), 1)
    end = struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, len(after))
    return before + local + table + record + locator + end + after


@pytest.mark.parametrize("wide", [(), ("size", "packed"), ("start",), ("size", "packed", "start")])
@pytest.mark.parametrize(("before", "after"), [(b"", b""), (b"#!/bin/sh\n" * 9, b""), (b"", b"made by a program")])
def test_zip64_of_every_writer_is_read(wide: tuple[str, ...], before: bytes, after: bytes) -> None:
    assert outcomes(with_zip64(wide, before, after), STRICT) == [("a.png", PICTURE)]


def test_names_that_macos_writes_without_saying_that_they_are_utf_8() -> None:
    name = "Röntgen Thorax 胸.png"
    mac = unicodedata.normalize("NFD", name).encode()
    flagless = packed(("x" * len(mac), PICTURE)).replace(b"x" * len(mac), mac)
    assert outcomes(flagless, STRICT) == [(name, PICTURE)]


def test_zip64_and_many_files_are_read_where_the_caller_allows_them(monkeypatch: pytest.MonkeyPatch) -> None:
    many = [(f"{n}.png", PICTURE) for n in range(501)]
    # Python writes the ZIP64 records from this number of files on.
    monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 500)
    archive = packed(*many)
    assert outcomes(archive, ArchiveLimits()) == many
    assert "far too many" in only_sentence(archive, ArchiveLimits(table_bytes=500))


def test_a_password_an_inner_archive_and_an_unusual_packing_are_sentences() -> None:
    locked = bytearray(packed(("a.png", PICTURE)))
    for signature, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        locked[locked.index(signature) + place] |= 1
    assert "password" in only_sentence(bytes(locked))
    assert "in a ZIP archive" in only_sentence(packed(("inner.png", packed(("a.png", PICTURE)))))
    assert "unusual way" in only_sentence(packed(("a.png", PICTURE), how=zipfile.ZIP_LZMA))
    assert "office document" in only_sentence(packed(("[Content_Types].xml", b"<x/>"), ("word/a.png", PICTURE)))
    assert "empty" in only_sentence(packed(("folder/", b"")))


def test_every_way_to_cut_or_flip_an_archive_ends_in_a_picture_or_a_sentence() -> None:
    data = packed(("a.png", PICTURE), ("b/c.png", PICTURE))
    for end in range(4, len(data), 7):
        assert outcomes(data[:end])
    table = data.index(b"PK\x01\x02")
    for at in [*range(60), *range(table, len(data))]:
        changed = bytearray(data)
        changed[at] ^= 0xFF
        assert outcomes(bytes(changed)) or not changed.startswith(b"PK")
