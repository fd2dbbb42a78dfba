"""Pictures in the browser that a person can zoom, move, window and invert together, with the heatmap over them.

The component's own files lie beside this one; no script comes from elsewhere. NumPy and OpenCV are imported where they
are used: the first page asks for `prepare` before they are there.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from interface.core.language import ENGLISH, mark, spoken, tr

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from model.reading.lungs import Lungs

# Pixels of the longer side of the heatmap's colours: a map of 7 x 7 cells, enlarged smoothly, has no more in it.
HEAT_SIDE = 256
SCALE_ALT = mark("Colour bar of the heatmap, from no evidence on the left to the strongest part on the right")
SCALE_IS = mark("From no evidence (left) to the strongest part (right), as it looks over grey at this opacity")
# Shares of the picture's pixels that the presets leave black and white.
LUNGS, BONES = (0.01, 0.45), (0.4, 0.995)
# What stands in viewer.html and viewer.js; the browser looks its own English up among these.
LABELS = (
    mark("Picture viewer"),
    mark("Zoom"),
    mark("Zoom out"),
    mark("Zoom out (−)"),
    mark("Zoom in"),
    mark("Zoom in (+)"),
    mark("What dragging does"),
    mark("Move"),
    mark("Dragging moves the picture"),
    mark("Window"),
    mark("Dragging up and down changes brightness, left and right contrast; so does Shift and dragging"),
    mark("Lungs: the dark greys spread over black to white; bones: the light ones"),
    mark("As exported"),
    mark("Lungs"),
    mark("Bones"),
    mark("Own setting"),
    mark("Invert"),
    mark("Swap black and white (i)"),
    mark("Lung outline"),
    mark("As a second, small network finds the lungs: a guide, not a measurement"),
    mark("Reset"),
    mark("The picture as it came (0)"),
    mark("Full screen"),
    mark("For a projector; Escape ends it"),
    mark("Brightness"),
    mark("Contrast"),
    mark("Opacity of the heatmap"),
    mark(
        "Drag to move, pinch or Ctrl + wheel to zoom. Keys on the picture: arrows, + and −, i inverts, 0 resets. "
        "Brightness and contrast change the view alone, not what the network was given."
    ),
    mark("arrow keys move, plus and minus zoom, i inverts, 0 resets"),
)

_FILES = Path(__file__).parent
# Of its own, because the viewer takes its place on the page before its pictures are there.
_prepare = st.components.v2.component("chest_xray_viewer_prepared", html="<i hidden></i>", js="export default () => {}")
_mount = st.components.v2.component(
    "chest_xray_viewer",
    html=(_FILES / "viewer.html").read_text(encoding="utf-8"),
    css=(_FILES / "viewer.css").read_text(encoding="utf-8"),
    js=(_FILES / "viewer.js").read_text(encoding="utf-8"),
)


@dataclass(frozen=True)
class Panel:
    """One of the pictures side by side.

    Attributes:
        caption: under the picture.
        alt: says what the picture shows, and the result with it.
        picture: (H, W) uint8 grey.
        class_map: (h, w) the evidence to lay over it; None for the bare picture.
        lungs: to outline where the person asks for it.
    """

    caption: str
    alt: str
    picture: NDArray[np.uint8]
    class_map: NDArray[np.float32] | None = None
    lungs: Lungs | None = None


def prepare() -> None:
    """Let the browser fetch what shows a reading while its visitor looks for a file; nothing is to be seen."""
    _prepare(key="viewer_prepared")
    # The score bars are of another part of Streamlit's that comes when it is first asked for; this draws nothing.
    st.html("<style></style>")


def show(panels: Sequence[Panel], shown: str, key: str = "viewer") -> None:
    """Show pictures side by side; on a phone one under the other.

    Args:
        panels: the first gives the shape of the boxes and the greys of the presets.
        shown: what they are of; another text puts zoom and window back.
        key: tells several viewers of a page apart.
    """
    show_packed(pack(panels, shown), key)


def pack(panels: Sequence[Panel], shown: str) -> str:
    """What the browser gets of some pictures; to show the same ones to many visitors it is made once.

    Args:
        panels: as for `show`.
        shown: as for `show`.

    Returns:
        For `show_packed`, in the language of the session.
    """
    # As one string: for a list in it Streamlit would import pyarrow, 60 MB, to see whether it is a table.
    return json.dumps(payload(panels, shown))


def show_packed(content: str, key: str = "viewer") -> None:
    """Show what `pack` made.

    Args:
        content: of `pack`.
        key: as for `show`.
    """
    _mount(key=key, data={"content": content})


def payload(panels: Sequence[Panel], shown: str) -> dict[str, object]:
    """What the component gets: pictures as data URLs, one that is in several panels once.

    Args:
        panels: as for `show`.
        shown: as for `show`.

    Returns:
        What `viewer.js` reads; JSON can hold it.
    """
    import numpy as np

    from interface.components.images import jpeg
    from model.reading import heatmap

    first = panels[0].picture
    pictures = list({id(panel.picture): panel.picture for panel in panels}.values())
    numbers = {id(picture): number for number, picture in enumerate(pictures)}
    ramp = heatmap.layer(np.linspace(0, 1, HEAT_SIDE, dtype=np.float32)[None], 1, HEAT_SIDE)
    assert ramp is not None
    return {
        "shown": shown,
        "shape": f"{first.shape[1]} / {first.shape[0]}",
        "windows": windows(first),
        "pictures": [_url(jpeg(picture), "jpeg") for picture in pictures],
        "panels": [_described(panel, numbers[id(panel.picture)]) for panel in panels],
        "scale": {"picture": _url(heatmap.png(ramp), "png"), "alt": tr(SCALE_ALT), "caption": tr(SCALE_IS)},
        "language": spoken(),
        "words": {} if spoken() == ENGLISH else {label: tr(label) for label in LABELS},
    }


def windows(picture: NDArray[np.uint8]) -> dict[str, list[float]]:
    """The presets of a picture, which come from its own greys because exposures differ.

    Args:
        picture: (H, W) grey.

    Returns:
        By name, the greys that become black and white, 0 to 1 and at least a tenth apart.
    """
    import numpy as np

    counts = np.bincount(picture.ravel(), minlength=256)
    below = np.cumsum(counts) / picture.size
    found = {}
    for name, shares in (("lungs", LUNGS), ("bones", BONES)):
        low, high = (int(np.searchsorted(below, share)) / 255 for share in shares)
        found[name] = [round(low, 3), round(max(high, low + 0.1), 3)]
    return found


def _described(panel: Panel, number: int) -> dict[str, object]:
    from model.reading import heatmap

    height, width = panel.picture.shape
    shrunk = HEAT_SIDE / max(height, width)
    heat = None
    if panel.class_map is not None:
        heat = heatmap.layer(panel.class_map, max(1, round(height * shrunk)), max(1, round(width * shrunk)))
    return {
        "caption": panel.caption,
        "alt": panel.alt,
        "picture": number,
        "box": f"0 0 {width} {height}",
        "heat": None if heat is None else _url(heatmap.png(heat), "png"),
        "outline": None if panel.lungs is None else _path(panel.lungs, height, width),
    }


def _path(lungs: Lungs, height: int, width: int) -> str:
    """The outlines as an SVG path; every second point will do, as the mask is coarser than the picture."""
    parts = (outline[::2, 0].tolist() for outline in lungs.outline(height, width))
    return "".join("M" + "L".join(f"{x} {y}" for x, y in part) + "Z" for part in parts)


def _url(data: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
