"""Experiments on the page How it works: feature maps by stage, weight decay, and the resolution of a heatmap."""

from __future__ import annotations

import streamlit as st

from interface.core import labels, page
from interface.core.language import localized, mark, tr
from interface.core.session import Read
from interface.learn import architecture, map_resolution, stages, weight_decay
from model.errors import BundleError, Unreadable

DECAYS = (0.0, 0.001, 0.003, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5)
BLOCKS = {
    weight_decay.NEEDED: mark("residual block that is needed"),
    weight_decay.USELESS: mark("residual block that is not needed"),
    weight_decay.PLAIN: mark("plain layers instead"),
}
# What people see in the maps of a stage; nobody proved it for this network, so it is given as a hint.
HINTS = (
    mark("edges, bright and dark spots: the ribs and the border of the heart are easy to recognise"),
    mark("short lines and corners, and where the grey level changes in one direction"),
    mark("textures: some maps respond to the pattern of vessels, some to bone"),
    mark("parts of the chest: the sides, the middle, the lower zones"),
    mark("a few places that matter for a class; most maps are black almost everywhere"),
)
IMAGE_WIDTH = 448  # pixels: both squares stay on a laptop's screen together with the sliders


def inside() -> None:
    """Feature maps of the current image by stage, and what one value of a stage can depend on."""
    st.header(tr("What each stage sees in an image"))
    item = page.current_or_sample("inside")
    if item is None:
        return
    card = page.reader_or_stop().bundle.card
    kind = card.architecture.name
    network = architecture.describe(kind, card.size) if kind in architecture.BLOCKS else None
    try:
        by_stage = stages.look(item.seen, card)
    except (Unreadable, BundleError, ValueError) as error:
        st.info(str(error), icon=":material/info:")
        return
    st.markdown(
        tr(
            "These are real values from the network's file, for the current image. Each small square is one feature "
            "map, white where it is largest; the {count} maps that vary most are shown.",
            count=stages.COLUMNS * stages.ROWS,
        )
    )
    names = [
        tr("Stage {number}: {side}×{side}", number=number, side=maps.side) for number, maps in enumerate(by_stage, 1)
    ]
    for number, (tab, maps) in enumerate(zip(st.tabs(names), by_stage, strict=True)):
        zero = labels.percent(maps.zero)
        with tab:
            st.markdown(
                tr("**{count} maps of {side}×{side} cells.**", count=labels.number(maps.count), side=maps.side)
                + (
                    " " + tr("What people recognise in such maps: {hint}.", hint=tr(HINTS[number]))
                    if len(by_stage) == len(HINTS)
                    else ""
                )
            )
            st.image(
                maps.mosaic,
                caption=tr(
                    "{zero} of all values in this stage are exactly zero, cut off by the ReLU; {silent} of {count} "
                    "maps are zero all over this image.",
                    zero=zero,
                    silent=labels.number(maps.silent),
                    count=labels.number(maps.count),
                ),
                width="stretch",
                alt=tr(
                    "The feature maps of stage {number} that vary most, {side} cells a side; {zero} of all values are "
                    "zero",
                    number=number + 1,
                    side=maps.side,
                    zero=zero,
                ),
            )
    if network is not None:
        field(item, network)


@st.fragment
def field(item: Read, network: architecture.Backbone) -> None:
    """The receptive field of a value that the student chooses, on the image."""
    st.subheader(tr("How far one value can see: the receptive field"), anchor=False)
    by_name = {stage.name: stage for stage in network.stages}
    name = st.segmented_control(
        tr("Stage"), list(by_name), default="conv3", required=True, key="field_stage", persist_state="session"
    )
    stage = by_name[name]
    left, right = st.columns([3, 2], gap="medium")
    with right:
        across = st.slider(
            tr("Across"), 0, 100, 35, 5, format=labels.percent_format(), key="field_across", persist_state="session"
        )
        down = st.slider(
            tr("Down"), 0, 100, 50, 5, format=labels.percent_format(), key="field_down", persist_state="session"
        )
    column, row = (min(stage.side - 1, share * stage.side // 100) for share in (across, down))
    drawn, share = stages.draw_square(item.seen, stage, row, column)
    with left:
        st.image(
            drawn,
            width=IMAGE_WIDTH,
            alt=tr(
                "One value of {name} stands for {step} pixels a side and can depend on {share} of the image",
                name=name,
                step=stage.step,
                share=labels.percent(share),
            ),
        )
    with right:
        st.markdown(
            tr(
                "One value of **{name}** stands for the orange square, **{step}×{step}** pixels. Its convolutions "
                "reach over **{field}×{field}** pixels (blue): {share} of this image, and beyond its edge there are "
                "only zeros.",
                name=name,
                step=stage.step,
                field=stage.receptive_field,
                share=labels.percent(share),
            )
        )
        st.caption(
            tr(
                "Computed from kernels, strides and padding. Brightness and contrast are normalised over the whole "
                "image before the first stage, so a little of every pixel is in every value."
            )
        )


@st.fragment
def decay() -> None:
    """Why a block that is not needed shrinks: three small blocks, trained while the page is shown."""
    st.header(tr("L2: why a layer that is not needed shrinks"))
    st.markdown(
        tr(
            "Weight decay (L2) takes a small share off every weight at every step. A weight stays large only if the "
            "examples push it back up each time. Choose how strong it is, and see what becomes of the branch $F(x)$ of "
            "three blocks: one has something to add, the other two should pass on their input."
        )
    )
    strength = st.select_slider(
        tr("Weight decay"),
        DECAYS,
        0.1,
        format_func=lambda value: tr("none") if not value else localized(f"{value:g}"),
        key="decay",
    )
    runs = [weight_decay.train(kind, strength) for kind in weight_decay.KINDS]
    needed, useless, plain = runs
    names = {kind: tr(name) for kind, name in BLOCKS.items()}
    st.echarts_chart(
        weight_decay.chart(runs, names),
        height=340,
        renderer="svg",
        alt=tr(
            "With a weight decay of {strength} the branch of the needed block ends at {needed} of its input's size, "
            "that of the block that is not needed at {useless}, the plain layers at {plain}.",
            strength=localized(f"{strength:g}"),
            needed=labels.decimal(needed.last),
            useless=labels.decimal(useless.last),
            plain=labels.decimal(plain.last),
        ),
    )
    rows = [[labels.label(names[run.kind]), labels.decimal(run.last), labels.percent(run.error)] for run in runs]
    st.markdown(labels.table([tr("Block"), tr("Size of F(x) at the end"), tr("Error on new examples")], rows, (1, 2)))
    st.caption(
        tr(
            "Computed now: two fully connected layers of {width} units, {examples} noisy examples, {steps} steps of "
            "gradient descent. The error excludes the noise; a block that always answers zero would have 100 per cent.",
            width=weight_decay.WIDTH,
            examples=weight_decay.EXAMPLES,
            steps=weight_decay.STEPS,
        )
    )
    st.markdown(
        tr(
            "- **Without decay** both residual blocks keep a large branch: the one that is not needed uses it to learn "
            "the noise of its few examples by heart.\n"
            "- **With some decay** the branch that is not needed fades out, and the block passes on its input. The one "
            "that is needed keeps most of its size and gets *better* on new examples.\n"
            "- **With too much** the needed one is starved as well.\n"
            "- **Plain layers** have no shortcut: as they shrink, what they should pass on shrinks with them."
        )
    )


@st.fragment
def coarseness() -> None:
    """Why a coarse map cannot outline a lesion, with a drawn spot and a map that makes no mistake."""
    st.header(tr("Why a coarse map cannot outline a lesion"))
    item = page.current()
    if item is None:
        st.caption(tr("Needs an image: use the sample radiograph above, or read one on the page *Read*."))
        return
    cells, size = item.reading.cells.shape[0], item.seen.shape[0]
    st.markdown(
        tr(
            "Imagine a round spot (orange, drawn, no finding) and a network that makes no mistake: each of its "
            "{cells}×{cells} cells knows exactly how much of it is spot. The blue line is the *best* outline that can "
            "be drawn from such a map. Compare with a finer one.",
            cells=cells,
        )
    )
    left, right = st.columns([3, 2], gap="medium")
    with right:
        diameter = st.slider(tr("Diameter of the spot in pixels"), 8, 96, 16, 4, key="spot", persist_state="session")
        finer = {cells: tr("the heatmap's"), 2 * cells: tr("twice as fine"), 8 * cells: tr("eight times as fine")}
        many = st.segmented_control(
            tr("Cells a side"),
            [count for count in finer if size % count == 0],
            default=cells,
            required=True,
            format_func=lambda count: f"{count} ({finer[count]})",
            wrap=True,
            key="spot_cells",
            persist_state="session",
        )
    outlined = map_resolution.look(diameter, many, size)
    overlap = labels.percent(outlined.overlap)
    with left:
        st.image(
            map_resolution.picture(item.seen, outlined),
            width=IMAGE_WIDTH,
            alt=tr(
                "A spot of {diameter} pixels and the best outline from {many} by {many} cells: they share {overlap} of "
                "their area, and the outline is {area} times as large",
                diameter=diameter,
                many=many,
                overlap=overlap,
                area=labels.decimal(outlined.area, 1),
            ),
        )
    with right:
        st.markdown(
            tr(
                "The outline has **{area} times** the area of the spot, and their overlap is **{overlap}** of their "
                "union.",
                area=labels.decimal(outlined.area, 1),
                overlap=overlap,
            )
        )
        st.caption(
            tr(
                "On a chest 40 cm wide one of these pixels is about {pixel} mm, so a nodule of 1 cm has {nodule} of "
                "them across, and a cell of the heatmap is {cell} cm wide.",
                pixel=labels.decimal(400 / size, 1),
                nodule=labels.decimal(10 * size / 400, 0),
                cell=labels.decimal(400 / cells / 10, 0),
            )
        )
