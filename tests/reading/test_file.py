"""The one way from a file to a reading."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from model.errors import Unreadable
from model.files.formats import Limits
from model.messages import Code, Message
from model.reading import bundle
from model.reading.card import DEFAULT_BUNDLE
from model.reading.reader import REFUSED, Reader, read_file
from tests.files.builders import real


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader(bundle.load(DEFAULT_BUNDLE))


def chest() -> bytes:
    return real("RG1_UNCR.dcm")


def test_a_file_is_hashed_once_whether_it_is_read_or_refused(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[int] = []
    sha256 = hashlib.sha256

    def counted(data: bytes = b"", **options: Any) -> Any:
        hashed.append(len(data))
        return sha256(data, **options)

    monkeypatch.setattr(hashlib, "sha256", counted)
    for data in (chest(), b"no picture at all", b"\x89PNG\r\n\x1a\n" + bytes(99)):
        hashed.clear()
        reading, radiograph = read_file(lambda data=data: data, reader)  # type: ignore[misc]
        assert reading.sha256 == sha256(data).hexdigest()
        assert hashed == [len(data)]
        assert (radiograph is None) == (reading.decision == REFUSED)


def test_what_can_not_be_loaded_or_is_over_the_limits_of_the_caller_is_a_refusal(reader: Reader) -> None:
    def missing() -> bytes:
        raise Unreadable(Message(Code.FILE_MISSING))

    reading, radiograph = read_file(missing, reader)
    assert (reading.reasons, reading.sha256, radiograph) == ((Message(Code.FILE_MISSING),), "", None)
    reading, _ = read_file(chest, reader, limits=Limits(pixels=100))
    assert [reason.code for reason in reading.reasons] == [Code.PICTURE_TOO_LARGE]
    assert read_file(chest, reader)[0].decision != REFUSED
