"""The readings of a session on the page: the picture in the viewer, and beside it the finding and what it is worth."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from interface.components import presentation, score_bars, viewer
from interface.core import labels, operating_point
from interface.core.language import tr
from interface.core.session import Read
from interface.read import tour, trust, whatif
from interface.report import buttons
from model.messages import Code, Message
from model.reading import heatmap
from model.reading.card import Card
from model.reading.reader import DOUBTFUL, Reader, Reading, leading, redecide

# A heatmap favours the lungs from this many times the share that it would have in them by chance.
FAVOURED = 1.25


def at(item: Read, card: Card, point: str) -> Read:
    """A picture with its reading decided at an operating point, from the scores that it has."""
    reading = item.reading
    return item if reading.operating_point == point else replace(item, reading=redecide(reading, card, point))


def show(items: dict[str, Read], reader: Reader) -> Read:
    """Everything about the chosen picture.

    Args:
        items: by their keys, decided at the operating point of the session; at least one.
        reader: of the loaded bundle.

    Returns:
        The chosen picture.
    """
    card = reader.bundle.card
    current = st.session_state.get("chosen")
    if current not in items:
        current = list(items)[-1]
    st.session_state.chosen = current
    # The widget below the picture, which keeps the choice; a picture is not compared with itself.
    other = items.get(st.session_state.get("compare") or "")
    item = items[current]
    pair = [item] if other is None or other is item else [item, other]
    # The picture comes first, also on a phone, where columns follow each other and it is as high as leaves room.
    left, right = st.columns([3, 1], gap="small")
    with left.container(key="picture"):
        chosen = pictures(items, str(current), pair, card)
        if len(pair) > 1:
            st.markdown(differences(pair[0], pair[1], card))
    with right:
        rail(items, str(current), pair, chosen, card)
    with st.container(key="changes"):
        whatif.show(item, reader)
    return item


def pictures(items: dict[str, Read], current: str, pair: list[Read], card: Card) -> str:
    """The viewer; returns the class whose heatmap of the first picture is shown."""
    panels = [panel(item, card, named=len(pair) > 1) for item in pair]
    strip = [
        viewer.Thumbnail(key, f"{number}. {item.name}: {presentation.headline(item.reading, card)}", item.thumbnail)
        for number, (key, item) in enumerate(items.items(), 1)
    ]
    first = pair[0].reading
    headline, sentence = presentation.headline(first, card), presentation.why(first, card)
    status = tr("Result: {headline}. {sentence}", headline=headline, sentence=sentence)
    shown = ":".join(item.reading.sha256 for item in pair)
    layer = viewer.show(
        panels, shown, strip=strip if len(strip) > 1 else (), current=current, status=status, choose=_choose
    )
    return order(card)[panels[0].chosen if layer is None else layer]


def _choose(key: str) -> None:
    st.session_state.chosen = key


def order(card: Card) -> list[str]:
    """The positive class first, as the operating point is about it; the others as the card has them."""
    return sorted(card.classes, key=lambda name: name != card.positive)


def panel(item: Read, card: Card, *, named: bool) -> viewer.Panel:
    """A picture with the heatmaps of all classes.

    Args:
        item: the picture.
        card: of the bundle that read it.
        named: say the file's name, the finding and the scores in its captions.
    """
    reading, names = item.reading, order(card)
    before = (
        f"{item.name}: {presentation.headline(reading, card)} ({labels.scores_line(reading.scores)}). " if named else ""
    )
    layers = []
    for name in names:
        caption, alt = presentation.describe(reading, name)
        layers.append(
            viewer.Layer(labels.class_name(name), before + caption, alt, presentation.class_map(reading, name))
        )
    return viewer.Panel(
        before or tr("The picture"),
        tr("The radiograph as it was uploaded"),
        item.picture,
        lungs=reading.lungs,
        layers=tuple(layers),
        # At the card's operating point: another one must not take away what the person chose to see.
        chosen=names.index(leading(redecide(reading, card).decision, reading.scores)),
        spacing=item.spacing,
        summary=viewer.Summary(
            presentation.headline(reading, card),
            presentation.why(reading, card),
            tuple((labels.class_name(n), labels.score(reading.scores[n]), reading.scores[n]) for n in names),
        ),
    )


def rail(items: dict[str, Read], current: str, pair: list[Read], chosen: str, card: Card) -> None:
    """Beside the picture: the finding, the scores, why, what it is worth elsewhere, and what to take home."""
    item, reading = pair[0], pair[0].reading
    point = card.point(reading.operating_point)
    with st.container(key="finding"):
        st.header(presentation.headline(reading, card), anchor=False)
        margin = card.margin * (DOUBTFUL if reading.doubtful else 1)
        ordered = {name: reading.scores[name] for name in order(card)}
        st.html(score_bars.scores(ordered, card.positive, point.threshold, margin))
        st.markdown(labels.plain(presentation.why(reading, card)))
    in_lungs(reading, chosen)
    if worth := trust.sentence(card):
        with st.container(key="trust", gap=None):
            st.markdown(labels.plain(worth))
            st.page_link("pages/evidence.py", label=tr("Evidence"), icon=":material/query_stats:")
    with st.container(horizontal=True, key="take_home"):
        buttons.export(pair, chosen, card)
        tour.button(reading=True)
    if len(items) > 1:
        shown_names = {key: f"{number}. {entry.name}" for number, (key, entry) in enumerate(items.items(), 1)}
        st.selectbox(
            tr("Compare with"),
            [key for key in items if key != current],
            None,
            format_func=shown_names.__getitem__,
            placeholder=tr("Another picture, such as one of another day"),
            key="compare",
        )
    details(item, card)
    st.caption(tr(labels.NOT_A_DEVICE))


def differences(item: Read, other: Read, card: Card) -> str:
    """The scores of two pictures beside each other, and how the second differs, as a Markdown table."""
    rows = []
    for name in order(card):
        first, second = item.reading.scores[name], other.reading.scores[name]
        rows.append(
            [
                labels.plain(labels.class_name(name)),
                labels.score(first),
                labels.score(second),
                labels.decimal(second - first, signed=True),
            ]
        )
    head = [tr("Score"), labels.plain(item.name), labels.plain(other.name), tr("Difference")]
    return labels.table(head, rows, right=(1, 2, 3))


def in_lungs(reading: Reading, name: str) -> None:
    """Whether the evidence for a class lies in the lungs more than chance would have it; a warning if not."""
    strength = heatmap.evidence(presentation.class_map(reading, name))
    if reading.lungs is None or strength is None:
        return
    share, area = reading.lungs.share_inside(strength, strict=True), reading.lungs.area
    values = {"name": labels.class_name(name), "share": labels.percent(share), "area": labels.percent(area)}
    # The reader's own verdict, which the reasons and the report have too, comes first.
    outside = Message(Code.OUTSIDE_LUNGS) in reading.reasons and name == leading(reading.decision, reading.scores)
    if outside or share <= area:
        st.warning(
            tr(
                "The heatmap for {name} is not about the lungs: they have {share} of it and {area} of the picture. "
                "Distrust this reading.",
                **values,
            ),
            icon=":material/warning:",
        )
    elif share < FAVOURED * area:
        st.caption(
            tr(
                "The heatmap for {name} hardly favours the lungs: they have {share} of it and {area} of the picture.",
                **values,
            )
        )
    else:
        st.caption(
            tr("The heatmap for {name} favours the lungs: they have {share} of it and {area} of the picture.", **values)
        )


def details(item: Read, card: Card) -> None:
    """The operating point, all that the reader noted, and what a score and a heatmap are."""
    reading = item.reading
    with st.expander(tr("Details"), icon=":material/tune:", key="details"):
        operating_point.switch(card, reading.operating_point)
        st.markdown("\n".join(f"- {labels.plain(tr(reason))}" for reason in reading.reasons))
        st.markdown(tr(presentation.SCORE_IS))
        st.markdown(f"**{tr('The heatmap')}.** {tr(presentation.HEATMAP_IS)}")
        st.page_link("pages/card.py", label=tr("Model card"), icon=":material/fact_check:")
        st.caption(
            tr(
                "{file} · read in {time} by {network}, operating point *{point}*.",
                file=labels.plain(item.name),
                time=labels.duration(reading.seconds),
                network=labels.plain(reading.bundle),
                point=labels.plain(operating_point.label(reading.operating_point)),
            )
        )
