"""Add a public radiograph to the gallery of the page Data: `python -m scripts.pin_gallery URL --title ...`.

It fetches the file, makes sure that the reader accepts it as a frontal chest radiograph, and writes it down in
interface/gallery/entries.json with its SHA-256. Look at the picture yourself too, and at its licence.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from interface.gallery import cards, store
from interface.gallery.download import PUBLIC, Rules, Unfetched, download
from model.errors import Unreadable
from model.reading import bundle
from model.reading.card import chosen
from model.reading.radiograph import decode
from model.reading.reader import REFUSED, Reader

# What does not change under an address: a commit of a repository, or a file of a release.
PINNED = re.compile(r"/[0-9a-f]{40}/|/releases/download/[^/]+/")


def arguments(given: Sequence[str] | None) -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m scripts.pin_gallery", description=__doc__)
    parser.add_argument("url", help="https address of the file at a commit (40 hexadecimal digits) or a release")
    parser.add_argument("--title", required=True, help="short name of its own, such as Hannover 2168a917")
    parser.add_argument("--credit", required=True, help="whom the licence asks to name")
    parser.add_argument("--licence", required=True, help='short name, such as "CC BY 3.0"')
    parser.add_argument("--licence-url", required=True, help="where the licence stands")
    parser.add_argument("--page", required=True, help="where its makers offer it")
    parser.add_argument("--view", choices=sorted(cards.VIEWS), default="", help="as its makers say")
    parser.add_argument("--label", choices=sorted(cards.LABELS), default="none", help="as its makers say")
    parser.add_argument("--list", type=Path, default=store.LIST, help="the file to add it to")
    return parser.parse_args(given)


def checked(data: bytes) -> None:
    """Read a file as the app will.

    Args:
        data: the whole file.

    Raises:
        Unreadable: it is no picture, or the input check refuses it; the message is a sentence.
    """
    reading = Reader(bundle.load(chosen())).read(decode(data))
    if reading.decision == REFUSED:
        raise Unreadable(reading.reasons[0])


def main(given: Sequence[str] | None = None, rules: Rules = PUBLIC) -> int:
    """Fetch, check and write down.

    Args:
        given: the command line, by default the program's own.
        rules: whom to ask; the app itself asks those of `interface.gallery.download.PUBLIC` alone.

    Returns:
        0, or 1 where it was not added; a line says why.
    """
    asked = arguments(given)
    try:
        for url in (asked.url, asked.licence_url, asked.page):
            if not url.startswith(tuple(f"{scheme}://" for scheme in rules.schemes)):
                raise ValueError(f"{url} is no address of {' or '.join(sorted(rules.schemes))}.")
        if not PINNED.search(asked.url):
            raise ValueError("The address may change: give the file at a commit (40 hexadecimal digits) or a release.")
        listed = store.listed(asked.list)
        data = download(asked.url, store.MOST_BYTES, rules)
        sha256 = hashlib.sha256(data).hexdigest()
        if any(sha256 == picture.sha256 for picture in listed):
            raise ValueError("This picture is in the gallery already.")
        checked(data)
    except (Unfetched, Unreadable, ValueError) as error:
        print(f"Not added. {error}", file=sys.stderr)
        return 1
    new = store.Picture(
        title=asked.title,
        url=asked.url,
        sha256=sha256,
        bytes=len(data),
        credit=asked.credit,
        licence=asked.licence,
        licence_url=asked.licence_url,
        page=asked.page,
        view=asked.view,
        label=asked.label,
    )
    entries = [asdict(picture) for picture in (*listed, new)]
    asked.list.write_text(json.dumps(entries, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print(
        f"Added {asked.title}: {len(data)} bytes, SHA-256 {sha256}. Look at it on the page Data before you commit it."
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
