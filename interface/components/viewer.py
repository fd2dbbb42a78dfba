"""Radiographs in the browser that a person can zoom, move, window and invert together, with a heatmap for each class.

The component's other files are viewer.html, viewer.css and viewer.js. NumPy and OpenCV are imported where they are
used, as the first page has no need of them before there is a picture.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
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
OWN_SCALE = mark("Up to the strongest part of this map")
ONE_SCALE = mark("One scale for all classes")
# What is in viewer.html and viewer.js; the browser looks its English up among these.
LABELS = (
    mark("Picture viewer"),
    mark("Tools"),
    mark("Layout"),
    mark("One picture"),
    mark("One picture with the heatmap over it"),
    mark("Side by side"),
    mark("The picture beside its heatmap"),
    mark("All classes"),
    mark("The heatmaps of all classes side by side"),
    mark("Zoom"),
    mark("Zoom out"),
    mark("Zoom out (−)"),
    mark("Zoom in"),
    mark("Zoom in (+)"),
    mark("Window"),
    mark("Lungs: dark greys lighter; bones: light greys darker; no grey is cut off"),
    mark("As exported"),
    mark("Lungs"),
    mark("Bones"),
    mark("Custom"),
    mark("Invert"),
    mark("Swap black and white (i)"),
    mark("Lung outline"),
    mark("As a second, small network finds the lungs: a guide, not a measurement"),
    mark("Adjust"),
    mark("What dragging does"),
    mark("Move"),
    mark("Dragging moves the picture"),
    mark("Dragging up and down changes brightness, left and right contrast; so does Shift and dragging"),
    mark("Brightness"),
    mark("Contrast"),
    mark(
        "Drag to move, pinch or Ctrl + wheel to zoom. Keys on the picture: arrows, + and −, i inverts, 0 resets, 1 to "
        "3 choose a class, h hides the heatmap, f is full screen. Brightness and contrast change the view alone, not "
        "what the network was given."
    ),
    mark("Reset"),
    mark("The picture as it came (0)"),
    mark("Hide the AI"),
    mark("Decision, scores and heatmap go until it is pressed again (h)"),
    mark("Full screen"),
    mark("For a projector (f); Escape ends it"),
    mark("Pictures in this session"),
    mark("Class of the heatmap"),
    mark("Heatmap"),
    mark("Show or hide the heatmap (h)"),
    mark("Opacity"),
    mark("Opacity of the heatmap"),
    mark(
        "arrow keys move, plus and minus zoom, i inverts, 0 resets, 1 to 3 choose a class, h hides the heatmap, f is "
        "full screen"
    ),
)

_FILES = Path(__file__).parent
_mount = st.components.v2.component(
    "chest_xray_viewer",
    html=(_FILES / "viewer.html").read_text(encoding="utf-8"),
    css=(_FILES / "viewer.css").read_text(encoding="utf-8"),
    js=(_FILES / "viewer.js").read_text(encoding="utf-8"),
)


@dataclass(frozen=True)
class Layer:
    """A heatmap over a picture.

    Attributes:
        name: of its class.
        caption: under the picture.
        alt: says what the picture with the heatmap shows.
        class_map: (h, w) the evidence.
    """

    name: str
    caption: str
    alt: str
    class_map: NDArray[np.float32]


@dataclass(frozen=True)
class Summary:
    """A result in full screen, where nothing else of the page is seen.

    Attributes:
        headline: the finding.
        sentence: why.
        scores: of each class its name, the score in words and the score, 0 to 1.
    """

    headline: str
    sentence: str
    scores: tuple[tuple[str, str, float], ...]


@dataclass(frozen=True)
class Thumbnail:
    """A picture to choose.

    Attributes:
        key: names it when it is chosen.
        label: what a screen reader says of it.
        jpeg: the picture.
    """

    key: str
    label: str
    jpeg: bytes


@dataclass(frozen=True)
class Panel:
    """One of the pictures side by side.

    Attributes:
        caption: under the picture.
        alt: says what the picture shows, and the result with it.
        picture: (H, W) uint8 grey.
        lungs: to outline where the person asks for it.
        layers: the heatmaps to choose from; they have one scale. None of them for the bare picture.
        chosen: place among the layers of the one that is shown first.
        spacing: millimetres between the centres of two pixels, for a scale bar; None where it is not known.
        summary: the result, for full screen.
    """

    caption: str
    alt: str
    picture: NDArray[np.uint8]
    lungs: Lungs | None = None
    layers: tuple[Layer, ...] = ()
    chosen: int = 0
    spacing: float | None = None
    summary: Summary | None = None


def show(
    panels: Sequence[Panel],
    shown: str,
    key: str = "viewer",
    *,
    strip: Sequence[Thumbnail] = (),
    current: str = "",
    status: str = "",
    choose: Callable[[str], None] | None = None,
) -> int | None:
    """Show pictures side by side; on a phone one under the other.

    Args:
        panels: the first gives the shape of the boxes. A single one with `layers` can be laid out in several ways.
        shown: what they are of; another text puts zoom and window back.
        key: tells several viewers of a page apart.
        strip: pictures to go to with the arrow keys, also in full screen.
        current: key of the one that is shown.
        status: the result in a sentence for a screen reader, said once for each `shown`.
        choose: is called with the key of the picture that the person goes to.

    Returns:
        Place of the layer that the person chose for what is shown; None if none was chosen.
    """

    def on_choose() -> None:
        wanted = st.session_state[key].get("choose")
        if choose is not None and wanted:
            choose(str(wanted))

    content = json.dumps(payload(panels, shown, strip, current, status))
    result = _mount(key=key, data={"content": content}, on_choose_change=on_choose, on_layer_change=lambda: None)
    what, _, layer = str(result.get("layer") or "").rpartition(" ")
    return int(layer) if what == shown and layer.isdigit() else None


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
    _mount(key=key, data={"content": content}, on_choose_change=lambda: None, on_layer_change=lambda: None)


def payload(
    panels: Sequence[Panel], shown: str, strip: Sequence[Thumbnail] = (), current: str = "", status: str = ""
) -> dict[str, object]:
    """What the component gets: pictures as data URLs, one that is in several panels once.

    Args:
        panels: as for `show`.
        shown: as for `show`.
        strip: as for `show`.
        current: as for `show`.
        status: as for `show`.

    Returns:
        What `viewer.js` reads; JSON can hold it.
    """
    import numpy as np

    from interface.components import viewer_panels
    from interface.components.images import jpeg
    from model.reading import heatmap

    first = panels[0].picture
    pictures = list({id(panel.picture): panel.picture for panel in panels}.values())
    numbers = {id(picture): number for number, picture in enumerate(pictures)}
    ramp = heatmap.layer(np.linspace(0, 1, HEAT_SIDE, dtype=np.float32)[None], 1, HEAT_SIDE)
    assert ramp is not None
    several = any(len(panel.layers) > 1 for panel in panels)
    return {
        "shown": shown,
        "status": status,
        "shape": f"{first.shape[1]} / {first.shape[0]}",
        "pictures": [data_url(jpeg(picture), "jpeg") for picture in pictures],
        "panels": [viewer_panels.described(panel, numbers[id(panel.picture)]) for panel in panels],
        "classes": [{"name": layer.name} for layer in panels[0].layers if several],
        "strip": [{"key": item.key, "label": item.label, "picture": data_url(item.jpeg, "jpeg")} for item in strip],
        "current": current,
        "scale": {
            "picture": data_url(heatmap.png(ramp), "png"),
            "alt": tr(SCALE_ALT),
            "caption": tr(ONE_SCALE if several else OWN_SCALE),
        },
        "language": spoken(),
        "words": {} if spoken() == ENGLISH else {label: tr(label) for label in LABELS},
    }


def data_url(data: bytes, kind: str) -> str:
    """A picture as the address of itself.

    Args:
        data: the file.
        kind: "png" or "jpeg".
    """
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
