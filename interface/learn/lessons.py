"""Sections of the page How it works that try something out: what the stages see, weight decay, and coarse maps."""

from __future__ import annotations

import streamlit as st

from interface.components import curve_charts
from interface.core import labels, page
from interface.core.session import Read
from interface.learn import architecture, map_resolution, stages, weight_decay
from model.reading.card import BundleError
from model.reading.radiograph import Unreadable

DECAYS = (0.0, 0.001, 0.003, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5)
BLOCKS = {
    weight_decay.NEEDED: "residual block that is needed",
    weight_decay.USELESS: "residual block that is not",
    weight_decay.PLAIN: "plain layers in its place",
}
# What people see in the maps of a stage; nobody proved it for this network, so it is said as a hint.
HINTS = (
    "edges, bright and dark spots: the ribs and the border of the heart are easy to find again",
    "short lines and corners, and where the grey changes in one direction",
    "textures: some maps answer to the pattern of vessels, some to bone",
    "parts of the chest: the sides, the middle, the lower zones",
    "a few places that matter for a class; most maps are black almost everywhere",
)
PICTURE_WIDTH = 448  # pixels: both squares stay on a laptop's screen together with the sliders


def inside() -> None:
    """Feature maps of the picture at hand by stage, and what one value of a stage can depend on."""
    st.header("What each stage sees in a picture")
    item = page.current_or_sample("inside")
    if item is None:
        return
    card = page.reader_or_stop().bundle.card
    kind = card.raw.get("architecture", {}).get("name")
    network = architecture.describe(kind, card.size) if kind in architecture.BLOCKS else None
    try:
        found = stages.look(item.seen, card)
    except (Unreadable, BundleError, ValueError) as error:
        st.info(str(error), icon=":material/info:")
        return
    st.markdown(
        "These are real values from the network's own file, for the picture at hand. Each small square is one "
        f"feature map, white where it is largest; shown are the {stages.COLUMNS * stages.ROWS} that vary most."
    )
    names = [f"Stage {number + 1}: {one.side}×{one.side}" for number, one in enumerate(found)]
    for number, (tab, maps) in enumerate(zip(st.tabs(names), found, strict=True)):
        with tab:
            hint = f" What people make out in such maps: {HINTS[number]}." if len(found) == len(HINTS) else ""
            st.markdown(f"**{maps.count:,} maps of {maps.side}×{maps.side} cells.**{hint}")
            zero = f"{100 * maps.zero:.0f}\u2009%"
            st.image(
                maps.mosaic,
                caption=f"{zero} of all values in this stage are exactly zero, cut off by the ReLU; {maps.silent:,} of "
                f"{maps.count:,} maps are zero all over this picture.",
                width="stretch",
                alt=f"The feature maps of stage {number + 1} that vary most, {maps.side} cells a side; {zero} of all "
                "values are zero",
            )
    if network is not None:
        field(item, network)


@st.fragment
def field(item: Read, network: architecture.Backbone) -> None:
    """The receptive field of a value that the student chooses, on the picture."""
    st.subheader("How far one value can see: the receptive field", anchor=False)
    by_name = {stage.name: stage for stage in network.stages}
    name = st.segmented_control(
        "Stage", list(by_name), default="conv3", required=True, key="field_stage", persist_state="session"
    )
    stage = by_name[name]
    left, right = st.columns([3, 2], gap="medium")
    with right:
        across = st.slider("Across", 0, 100, 35, 5, format="%d%%", key="field_across", persist_state="session")
        down = st.slider("Down", 0, 100, 50, 5, format="%d%%", key="field_down", persist_state="session")
    column, row = (min(stage.side - 1, share * stage.side // 100) for share in (across, down))
    drawn, share = stages.draw_square(item.seen, stage, row, column)
    with left:
        st.image(
            drawn,
            width=PICTURE_WIDTH,
            alt=f"One value of {name} stands for {stage.step} pixels a side and can depend on {100 * share:.0f} % of "
            "the picture",
        )
    with right:
        st.markdown(
            f"One value of **{name}** stands for the orange square, **{stage.step}×{stage.step}** pixels. Its "
            f"convolutions reach over **{stage.receptive_field}×{stage.receptive_field}** pixels (blue): "
            f"{100 * share:.0f}\u2009% of this picture, and beyond its edge there are only zeros."
        )
        st.caption(
            "Worked out from kernels, strides and padding. Brightness and contrast are evened out over the whole "
            "picture before the first stage, so a little of every pixel is in every value."
        )


@st.fragment
def decay() -> None:
    """Why a block of no use shrinks: three small blocks, trained while the page is shown."""
    st.header("L2: why a layer that is of no use shrinks")
    st.markdown(
        "Weight decay (L2) takes a small share off every weight at every step. A weight stays large only if the "
        "examples push it back up each time. Choose how strong it is, and see what becomes of the branch "
        "$F(x)$ of three blocks: one has something to add, the other two should hand on what they get."
    )
    strength = st.select_slider(
        "Weight decay", DECAYS, 0.1, format_func=lambda value: "none" if not value else f"{value:g}", key="decay"
    )
    runs = [weight_decay.train(kind, strength) for kind in weight_decay.KINDS]
    needed, useless, plain = runs
    st.echarts_chart(
        curve_charts.shares(runs, BLOCKS),
        height=340,
        renderer="svg",
        alt=f"With a weight decay of {strength:g} the branch of the needed block ends at {needed.last:.2f} of its "
        f"input's size, that of the useless one at {useless.last:.2f}, the plain layers at {plain.last:.2f}.",
    )
    rows = [[BLOCKS[run.kind].capitalize(), f"{run.last:.2f}", f"{100 * run.error:.1f}\u2009%"] for run in runs]
    st.markdown(labels.table(["Block", "Size of F(x) at the end", "Error on new examples"], rows, (1, 2)))
    st.caption(
        f"Measured now: two fully connected layers of {weight_decay.WIDTH} units, {weight_decay.EXAMPLES} noisy "
        f"examples, {weight_decay.STEPS} steps of gradient descent. Error without the noise; answering "
        "zeros would have 100\u2009%."
    )
    st.markdown(
        "- **Without decay** both residual blocks keep a large branch: the one that is not needed uses it to learn "
        "the noise of its few examples by heart.\n"
        "- **With some decay** the branch that is not needed fades out, and the block hands on what it got. The one "
        "that is needed keeps most of its size and gets *better* on new examples.\n"
        "- **With too much** the needed one is starved as well.\n"
        "- **Plain layers** have no way around: as they shrink, what they were to hand on shrinks with them."
    )


@st.fragment
def coarseness() -> None:
    """Why a map of 7x7 cells can't outline a lesion, with a drawn spot and a map that makes no mistake."""
    st.header("Why a 7×7 map can't outline a lesion")
    item = page.current()
    if item is None:
        st.caption("Needs a picture: use the sample radiograph above, or read one on the first page.")
        return
    cells, size = item.reading.maps.shape[0], item.seen.shape[0]
    st.markdown(
        f"Say there was a round spot (orange, drawn, no finding), and a network that makes no mistake: each of its "
        f"{cells}×{cells} cells knows exactly how much of it is spot. The blue line is the *best* outline that can be "
        "drawn from such a map. Compare with a finer one."
    )
    left, right = st.columns([3, 2], gap="medium")
    with right:
        diameter = st.slider("Diameter of the spot in pixels", 8, 96, 16, 4, key="spot", persist_state="session")
        finer = {cells: "the heatmap's", 2 * cells: "twice as fine", 8 * cells: "eight times as fine"}
        many = st.segmented_control(
            "Cells a side",
            [count for count in finer if size % count == 0],
            default=cells,
            required=True,
            format_func=lambda count: f"{count} ({finer[count]})",
            wrap=True,
            key="spot_cells",
            persist_state="session",
        )
    found = map_resolution.look(diameter, many, size)
    overlap = f"{100 * found.overlap:.0f}\u2009%"
    with left:
        st.image(
            map_resolution.picture(item.seen, found),
            width=PICTURE_WIDTH,
            alt=f"A spot of {diameter} pixels and the best outline from {many} by {many} cells: they share {overlap} "
            f"of their area, and the outline is {found.area:.1f} times as large",
        )
    with right:
        st.markdown(
            f"The outline has **{found.area:.1f} times** the area of the spot, and they share **{overlap}** of what "
            "both cover together."
        )
        st.caption(
            f"On a chest 40 cm wide one of these pixels is about {400 / size:.1f} mm, so a nodule of 1 cm has "
            f"{10 * size / 400:.0f} of them and a cell of the heatmap {400 / cells / 10:.0f} cm."
        )
