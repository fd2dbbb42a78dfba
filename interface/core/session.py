"""What one session has read: kept while the page is open, bounded, never shared between sessions."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import PurePath
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the first page asks for the shelf before anything heavy is imported
    import numpy as np
    from numpy.typing import NDArray

    from model.messages import Message
    from model.reading.radiograph import Radiograph
    from model.reading.reader import Reading

# A session keeps no more than this many pictures: about 15 MB at most.
MOST_ITEMS = 24


@dataclass(frozen=True)
class Read:
    """A file that was read.

    Attributes:
        name: the file's own name, for this session's eyes only.
        packed: the picture for display as a PNG, less than half as large as its pixels.
        seen: (S, S) uint8, the picture as the network received it.
        reading: what the network made of it.
        spacing: millimetres between the centres of two pixels of `picture`; None where the file does not say.
        thumbnail: the picture as a small JPEG.
    """

    name: str
    packed: bytes
    seen: NDArray[np.uint8]
    reading: Reading
    spacing: float | None = None
    thumbnail: bytes = b""

    @property
    def picture(self) -> NDArray[np.uint8]:
        """(H, W) uint8 grey for display, no side above `images.LONGEST_SIDE`; unpacked anew each time."""
        # Here and not above: the first page asks for the shelf before anything heavy is imported.
        import cv2
        import numpy as np

        return np.asarray(cv2.imdecode(np.frombuffer(self.packed, np.uint8), cv2.IMREAD_GRAYSCALE), np.uint8)

    @property
    def stem(self) -> str:
        """The name without folders and ending, for the files to download."""
        return PurePath(self.name.replace("\\", "/")).stem or "radiograph"


@dataclass(frozen=True)
class Refused:
    """A file that was not read, and why.

    Attributes:
        name: the file's own name.
        error: why.
        mended: the picture turned or inverted so that it could be read; None where that does not help.
    """

    name: str
    error: Message
    mended: Radiograph | None = None


Item = Read | Refused


@dataclass
class Shelf:
    """Items in the order of arrival.

    Attributes:
        items: by the upload's id.
        left_out: how many of the files that came last were more than a session keeps.
    """

    items: dict[str, Item] = field(default_factory=dict)
    left_out: int = 0

    def readings(self) -> dict[str, Read]:
        """What was read."""
        return {key: item for key, item in self.items.items() if isinstance(item, Read)}

    def refusals(self) -> dict[str, Refused]:
        """What was not."""
        return {key: item for key, item in self.items.items() if isinstance(item, Refused)}

    def put(self, key: str, item: Item) -> None:
        """Add an item; where the shelf is full the oldest makes room."""
        self.items.pop(key, None)
        while len(self.items) >= MOST_ITEMS:
            del self.items[next(iter(self.items))]
        self.items[key] = item
