"""Files behind URLs, such as s3:// and gs://, through fsspec: listed and fetched, never put on this machine's disk."""

from __future__ import annotations

import io
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, BinaryIO, TypeVar

from model.errors import RemoteError, Unreadable
from model.files.formats import MEGA, Limits
from model.messages import Code, Message

# One letter before "://" would be a Windows drive.
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.:-]+://")
_PASSWORD = re.compile(r"[^:]+://[^/@]*:[^/@]*@")
_PACKAGES = {"s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs"}
# Most radiographs come with one request, and a large archive is gone through in parts of this size.
_BLOCK = 8 * MEGA
# After these seconds a request that failed is made again; the libraries have retries of their own before that.
WAITS = [1.0, 4.0]

Value = TypeVar("Value")


@dataclass(frozen=True)
class RemoteFile:
    """What a URL names, with the parts of `pathlib.Path` that a list of files needs."""

    url: str

    @property
    def name(self) -> str:
        """The last part of the URL."""
        return PurePosixPath(self.url).name

    @property
    def stem(self) -> str:
        """The last part without its ending."""
        return PurePosixPath(self.url).stem

    @property
    def suffix(self) -> str:
        """The ending of the last part."""
        return PurePosixPath(self.url).suffix

    @property
    def parent(self) -> RemoteFile:
        """What the file lies in."""
        return RemoteFile(self.url.rstrip("/").rpartition("/")[0])

    def __truediv__(self, name: str) -> RemoteFile:
        """A file below."""
        return RemoteFile(f"{self.url.rstrip('/')}/{name.lstrip('/')}")

    def __str__(self) -> str:
        """The URL."""
        return self.url


def is_url(name: str) -> bool:
    """Whether a name is the URL of a storage and no path."""
    return _URL.match(name) is not None


def check(file: RemoteFile) -> None:
    """Find out whether a URL can be asked for at all, without asking.

    Raises:
        RemoteError: a package is missing, or the URL is of no kind that is read.
    """
    _filesystem(file)


def is_folder(file: RemoteFile) -> bool:
    """Whether there is something below a URL.

    Raises:
        RemoteError: the storage does not answer.
    """
    filesystem, path = _filesystem(file)
    try:
        return file.url.endswith("/") or bool(_insist(lambda: filesystem.isdir(path), file))
    except PermissionError as error:
        raise broken(file, error) from None


def below(top: RemoteFile, leave_out: frozenset[object] = frozenset()) -> Iterator[RemoteFile]:
    """The files below a URL in the order in which a folder is gone through, without hidden ones.

    Args:
        top: what to look below. One level of it is in memory at a time.
        leave_out: files and folders that are passed over.

    Yields:
        Files.

    Raises:
        RemoteError: the storage does not answer: to go on would leave out files without a word.
    """
    filesystem, path = _filesystem(top)
    try:
        entries = _insist(lambda: list(filesystem.ls(path, detail=True)), top)
    except FileNotFoundError:
        yield top  # loading it says that there is none
        return
    except PermissionError as error:
        raise broken(top, error) from None
    folders = []
    for entry in sorted(entries, key=lambda entry: str(entry["name"])):
        # A storage of objects may hold an empty one that stands for the folder itself.
        name = str(entry["name"]).rstrip("/").rpartition("/")[2]
        file = top / name
        if not name or name.startswith(".") or file in leave_out or str(entry["name"]).strip("/") == path.strip("/"):
            continue
        if entry["type"] == "directory":
            folders.append(file)
        elif name.upper() != "DICOMDIR":
            yield file
    for folder in folders:
        yield from below(folder, leave_out)


def text(file: RemoteFile) -> io.TextIOWrapper:
    """Open a table, to be read from its beginning to its end in parts.

    Raises:
        RemoteError: the storage does not answer.
        OSError: there is no such file, or it may not be read.
    """
    return io.TextIOWrapper(open_file(file), encoding="utf-8-sig", errors="surrogateescape", newline="")


def open_file(file: RemoteFile) -> BinaryIO:
    """Open a file, to be read in parts.

    Raises:
        RemoteError: the storage does not answer.
        FileNotFoundError, PermissionError: there is no such file, or it may not be read.
    """
    filesystem, path = _filesystem(file)
    opened: BinaryIO = _insist(lambda: filesystem.open(path, "rb", block_size=_BLOCK), file)
    return opened


def load(file: RemoteFile, limits: Limits) -> bytes:
    """Fetch a file, unless it is too long.

    Args:
        file: to fetch.
        limits: of its bytes.

    Raises:
        Unreadable: there is no such file, it may not be read, or it is longer than the limit.
        RemoteError: the storage does not answer.
    """
    try:
        filesystem, path = _filesystem(file)
        data: bytes = _insist(lambda: _fetch(filesystem, path, limits), file)
    except FileNotFoundError:
        raise Unreadable(Message(Code.FILE_MISSING)) from None
    except PermissionError:
        raise Unreadable(Message(Code.FILE_NOT_OPENED, reason="Permission denied")) from None
    return data


def broken(file: RemoteFile, error: Exception) -> RemoteError:
    """What to say where a storage fails; its own messages may hold keys and signed addresses, so its name has to do."""
    return RemoteError(
        f"The storage of {file} does not answer as it should ({type(error).__name__}): check the network and the "
        "credentials, then run it again with --resume."
    )


def _fetch(filesystem: Any, path: str, limits: Limits) -> bytes:
    with filesystem.open(path, "rb", block_size=_BLOCK) as opened:
        # Before reading: a disc image of many gigabytes must not fill the memory only to be refused.
        limits.check_bytes(getattr(opened, "size", None) or 0, dicom=True)
        # Not every storage tells a length, and none has to tell the truth.
        data = bytes(opened.read(limits.dicom_bytes + 1))
        limits.check_bytes(len(data), dicom=True)
        return data


def _filesystem(file: RemoteFile) -> tuple[Any, str]:
    """The file system of fsspec for a URL, and the URL as that calls it; fsspec keeps one a kind and account."""
    protocol = file.url.partition("://")[0].lower()
    if "::" in file.url:
        raise RemoteError(f"{file} is a chain of URLs, which may put files on this machine's disk: name one alone.")
    if _PASSWORD.match(file.url):
        raise RemoteError("The URL holds a password, which would stand in every line: set it in the environment.")
    try:
        from fsspec.core import url_to_fs
    except ImportError:
        raise RemoteError(_install(protocol)) from None
    try:
        # What was listed is not kept: it would grow with the archive.
        filesystem, path = url_to_fs(file.url, use_listings_cache=False)
    except ImportError:
        raise RemoteError(_install(protocol)) from None
    except Exception as error:
        raise RemoteError(f"{file} is no URL that can be read ({type(error).__name__}): check it.") from None
    return filesystem, str(path)


def _install(protocol: str) -> str:
    needed = f"fsspec and {_PACKAGES[protocol]}" if protocol in _PACKAGES else "fsspec and its driver"
    extra = f" and `pip install {_PACKAGES[protocol]}`" if protocol in _PACKAGES else ""
    return f"To read {protocol}:// needs the packages {needed}: `pip install -r requirements/archive.txt`{extra}."


def _insist(action: Callable[[], Value], file: RemoteFile) -> Value:
    """Do it again after a failure that may pass; what a file itself is to blame for goes on."""
    for wait in (*WAITS, None):
        try:
            return action()
        except (FileNotFoundError, PermissionError, Unreadable):
            raise
        except Exception as error:
            if wait is None:
                raise broken(file, error) from None
            time.sleep(wait)
    raise AssertionError("the last wait is None")
