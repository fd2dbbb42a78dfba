"""One file over HTTPS from a public host that this app knows, within limits of size and time, into memory."""

from __future__ import annotations

import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from email.message import Message
from typing import IO
from urllib.parse import urlsplit

from interface.core.language import mark
from model import __version__

# github.com sends on to the second one.
HOSTS = frozenset({"github.com", "raw.githubusercontent.com"})
CHUNK = 65_536  # bytes
NO_NETWORK = mark(
    "{host} can't be reached from this server: there is no network here, or a firewall lies between. The sample "
    "radiograph on the page *Read* needs none, and a picture that you have can be dropped there."
)
SLOW = mark("{host} took too long to answer: try again later.")
GONE = mark("{host} did not give the file out (HTTP {status}): try again later, or get it from its page.")
CUT = mark("The connection to {host} broke off before the whole file had come: try again.")
ELSEWHERE = mark(
    "{host} wanted to send this server on to another place, which is not on its list: nothing was fetched."
)
TOO_LONG = mark("{host} sent more than the file has, so it was not opened: the file was changed.")


@dataclass(frozen=True)
class Rules:
    """Whom to ask, and how long.

    Attributes:
        hosts: that may be asked, or be sent on to.
        schemes: of addresses that may be asked.
        silence: seconds that a host may say nothing.
        patience: seconds for the whole file.
    """

    hosts: frozenset[str] = HOSTS
    schemes: frozenset[str] = frozenset({"https"})
    silence: float = 10.0
    patience: float = 60.0

    def allow(self, url: str) -> bool:
        """Whether an address may be asked."""
        parts = urlsplit(url)
        return parts.scheme in self.schemes and parts.hostname in self.hosts and not parts.username


PUBLIC = Rules()


class Unfetched(Exception):
    """Why there is no file, as a sentence for the visitor.

    Args:
        sentence: in English, marked for the catalogues.
        values: for its placeholders.
    """

    def __init__(self, sentence: str, **values: object) -> None:
        super().__init__(sentence.format(**values))
        self.sentence = sentence
        self.values = values


class _Onwards(urllib.request.HTTPRedirectHandler):
    """Follows a host to another place only where that may be asked too."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> urllib.request.Request | None:
        if not self.rules.allow(newurl):
            raise Unfetched(ELSEWHERE, host=urlsplit(req.full_url).hostname)
        return super().redirect_request(req, fp, code, msg, headers, newurl)  # type: ignore[arg-type]


def download(url: str, most: int, rules: Rules = PUBLIC, progress: Callable[[int], None] | None = None) -> bytes:
    """Get a file.

    Args:
        url: its address.
        most: bytes that it may have.
        rules: whom to ask and how long.
        progress: is told how many bytes have come.

    Returns:
        The whole file, not yet looked at.

    Raises:
        Unfetched: it could not be had; the message is a sentence.
    """
    host = urlsplit(url).hostname or ""
    if not rules.allow(url):
        raise Unfetched(ELSEWHERE, host=host)
    request = urllib.request.Request(
        url, headers={"User-Agent": f"chest-xray-reader/{__version__}", "Accept-Encoding": "identity"}
    )
    try:
        with urllib.request.build_opener(_Onwards(rules)).open(request, timeout=rules.silence) as answer:
            return _read(answer, host, most, time.monotonic() + rules.patience, progress)
    except urllib.error.HTTPError as error:
        error.close()
        # urllib follows to no file of this machine, and not for ever in a circle.
        raise Unfetched(ELSEWHERE if error.code < 400 else GONE, host=host, status=error.code) from None
    except TimeoutError:
        raise Unfetched(SLOW, host=host) from None
    except urllib.error.URLError as error:
        raise Unfetched(SLOW if isinstance(error.reason, TimeoutError) else NO_NETWORK, host=host) from None
    except (http.client.HTTPException, OSError):
        raise Unfetched(CUT, host=host) from None


def _read(
    answer: http.client.HTTPResponse, host: str, most: int, until: float, progress: Callable[[int], None] | None
) -> bytes:
    data = bytearray()
    while chunk := answer.read1(CHUNK):
        data += chunk
        if len(data) > most:
            raise Unfetched(TOO_LONG, host=host)
        if time.monotonic() > until:
            raise TimeoutError
        if progress is not None:
            progress(len(data))
    # What the host said was to come, less what has.
    if answer.length:
        raise Unfetched(CUT, host=host)
    return bytes(data)
