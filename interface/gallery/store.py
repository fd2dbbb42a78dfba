"""Public radiographs that a visitor may ask for: listed with their sums, fetched on a click, kept in memory alone.

Nothing is fetched before a click, and nothing that comes is looked into before its SHA-256 is the listed one.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent import futures
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from interface.core.language import mark
from interface.gallery.download import PUBLIC, Rules, Unfetched, download

LIST = Path(__file__).with_name("entries.json")
# No picture of the list is larger, as no upload is; and what a server keeps of them beside its sessions.
MOST_BYTES = 20_000_000
KEPT_BYTES = 24_000_000
CHANGED = mark(
    "What {host} sent is not the file that was checked for this gallery, so it was not opened: the file was changed, "
    "or a page of the network here came in its place."
)
# Beyond the patience of the rules, which does not count the time that the system takes to look up a host's name.
GRACE = 5.0  # seconds


@dataclass(frozen=True)
class Picture:
    """A radiograph of the list.

    Attributes:
        title: a short name of its own, in no language.
        url: https, pinned to a commit or a release.
        sha256: of the file, 64 hexadecimal digits.
        bytes: its length.
        credit: whom its licence asks to name.
        licence: its short name, such as "CC BY 3.0".
        licence_url: where the licence stands.
        page: where its makers offer it.
        view: "PA", "AP" or "" where it is not known.
        label: a key of `interface.gallery.cards.LABELS`.
        remark: a key of `interface.gallery.cards.REMARKS`, or "".
    """

    title: str
    url: str
    sha256: str
    bytes: int
    credit: str
    licence: str
    licence_url: str
    page: str
    view: str
    label: str
    remark: str = ""

    @property
    def name(self) -> str:
        """The name of the file."""
        return PurePosixPath(unquote(urlsplit(self.url).path)).name

    @property
    def host(self) -> str:
        """The place that is asked for it."""
        return urlsplit(self.url).hostname or ""


def listed(path: Path = LIST) -> list[Picture]:
    """The pictures of the list, in its order."""
    return [Picture(**entry) for entry in json.loads(path.read_text(encoding="utf-8"))]


def fetch(picture: Picture, rules: Rules = PUBLIC, progress: Callable[[int], None] | None = None) -> bytes:
    """Get a picture and compare it with the list.

    Args:
        picture: of the list.
        rules: whom to ask and how long.
        progress: is told how many bytes have come.

    Returns:
        The file, whose sum is the listed one.

    Raises:
        Unfetched: it could not be had, or is another file.
    """
    data = download(picture.url, picture.bytes, rules, progress)
    if len(data) != picture.bytes or hashlib.sha256(data).hexdigest() != picture.sha256:
        raise Unfetched(CHANGED, host=picture.host)
    return data


@dataclass
class Fetching:
    """A picture on its way, for all who asked for it.

    Attributes:
        picture: which one.
        received: bytes that have come so far.
        begun: `time.monotonic()` when it was asked for.
        future: the file, or Unfetched.
    """

    picture: Picture
    received: int = 0
    begun: float = field(default_factory=time.monotonic)
    future: Future[bytes] = field(default_factory=Future)

    def ready(self, seconds: float) -> bool:
        """Whether it has come or failed; waits for it up to some seconds."""
        return bool(futures.wait([self.future], seconds).done)


class Gallery:
    """What a server has fetched and is fetching; safe for all sessions at once.

    Args:
        rules: whom to ask and how long.
        room: how many bytes of pictures to keep.
    """

    def __init__(self, rules: Rules = PUBLIC, room: int = KEPT_BYTES) -> None:
        self.rules = rules
        self._room = room
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._running: dict[str, Fetching] = {}

    def begin(self, picture: Picture) -> Fetching:
        """Ask for a picture in a thread and return at once; who asks for the same meanwhile shares the answer."""
        with self._lock:
            if picture.sha256 in self._kept:
                self._kept.move_to_end(picture.sha256)
                kept = Fetching(picture, picture.bytes)
                kept.future.set_result(self._kept[picture.sha256])
                return kept
            running = self._running.get(picture.sha256)
            if running is None:
                running = self._running[picture.sha256] = Fetching(picture)
                threading.Thread(target=self._run, args=(running,), daemon=True).start()
            return running

    def is_late(self, fetching: Fetching) -> bool:
        """Whether it takes longer than any answer may, so that nobody should wait for it."""
        return time.monotonic() - fetching.begun > self.rules.patience + GRACE

    def _run(self, fetching: Fetching) -> None:
        picture = fetching.picture

        def progress(received: int) -> None:
            fetching.received = received

        data: bytes | None = None
        failure: BaseException | None = None
        try:
            data = fetch(picture, self.rules, progress)
        except BaseException as error:
            failure = error
        with self._lock:
            del self._running[picture.sha256]
            if data is not None:
                self._kept[picture.sha256] = data
                while sum(map(len, self._kept.values())) > self._room:
                    self._kept.popitem(last=False)
        # After the lock: whoever waits may ask for the next one at once.
        if failure is not None:
            fetching.future.set_exception(failure)
        elif data is not None:
            fetching.future.set_result(data)


# One a server, as the modules of a Streamlit app are.
SHARED = Gallery()
