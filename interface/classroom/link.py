"""The way into a room: its link, also with several replicas behind a proxy, and the QR code of the link."""

from __future__ import annotations

import io
from collections.abc import Mapping
from urllib.parse import urlencode, urlsplit

ROOM, LECTURER, STUDENT, PROJECTOR = "room", "lecturer", "student", "projector"
# The cookie by which the proxy of deploy/Caddyfile leads a visitor back to a replica. A room lives in one replica's
# memory, so the link carries the lecturer's cookie, and the proxy gives it to whoever opens the link.
REPLICA = "reader"
OTHER = "other"
LOCAL = ("localhost", "127.0.0.1", "::1")


def to_room(url: str, code: str, cookies: Mapping[str, str]) -> str:
    """The link for students.

    Args:
        url: of the page, as the lecturer's browser has it.
        code: of the room.
        cookies: of the lecturer's browser.

    Returns:
        An absolute address.
    """
    query = {ROOM: code}
    if replica := cookies.get(REPLICA):
        query[REPLICA] = replica
    return f"{url}?{urlencode(query)}"


def elsewhere(code: str, cookies: Mapping[str, str]) -> str | None:
    """A relative link that looks for a room on another replica; None where there is no proxy with several."""
    return f"?{urlencode({ROOM: code, REPLICA: OTHER})}" if cookies.get(REPLICA) else None


def is_local(url: str) -> bool:
    """Whether an address works on this computer alone."""
    return urlsplit(url).hostname in LOCAL


def qr_code(link: str) -> bytes:
    """A link as a QR code (ISO/IEC 18004), PNG, black on white with the quiet zone of four modules."""
    # Here and not above: a student's page needs none.
    import segno

    buffer = io.BytesIO()
    segno.make(link, error="m", micro=False).save(buffer, kind="png", scale=10, border=4)
    return buffer.getvalue()
