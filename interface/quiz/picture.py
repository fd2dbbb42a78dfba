"""One picture of a quiz or a classroom in the viewer of the page Read."""

from __future__ import annotations

from dataclasses import replace

from interface.components import viewer
from interface.components.images import grey
from interface.core import labels
from interface.core.language import tr
from interface.quiz.rounds import Question
from model.reading import heatmap


def show(question: Question, key: str, *, with_heatmap: bool) -> None:
    """Draw it.

    Args:
        question: with the picture.
        key: tells several viewers of a page apart.
        with_heatmap: whether the heatmap of the network's class lies over it.
    """
    viewer.show_packed(pack(question, with_heatmap=with_heatmap), key)


def pack(question: Question, *, with_heatmap: bool) -> str:
    """What the browser gets of a picture, in the language of the session.

    Args:
        question: with the picture.
        with_heatmap: whether the heatmap of the network's class lies over it.

    Returns:
        For `viewer.show_packed`.
    """
    name = labels.class_name(question.network)
    bare = viewer.Panel(tr("The picture"), tr("The radiograph to read"), grey(question.picture))
    if not with_heatmap:
        panel = bare
    elif heatmap.evidence(question.class_map) is None:
        caption = tr("No evidence for {name}, so no heatmap: no part of the picture speaks for it.", name=name)
        panel = replace(bare, caption=caption, alt=caption)
    else:
        caption = tr("Heatmap for {name}", name=name)
        alt = tr("The radiograph with the network's heatmap for {name}", name=name)
        panel = replace(bare, layers=(viewer.Layer(name, caption, alt, question.class_map),))
    # The same text with and without the heatmap: zoom and window stay when it is switched on.
    return viewer.pack([panel], question.sha256)
