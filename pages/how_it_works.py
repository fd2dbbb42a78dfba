"""How it works: from the image to the score and the heatmap, with figures computed while the page is shown."""

from __future__ import annotations

import numpy as np
import streamlit as st

from interface.components import charts
from interface.core import labels, page
from interface.core.language import mark, tr
from interface.gallery import cases
from interface.learn import architecture, gradient_depth, lessons

NETWORKS = {
    "plain": mark("plain layers"),
    "normalised": mark("plain layers with batch norm"),
    "residual": mark("residual blocks with batch norm"),
}
# Top-1 error on ImageNet in per cent, ten crops: He et al. 2015, table 3.
IMAGENET_ERROR = {"resnet50": 22.85, "resnet101": 21.75, "resnet152": 21.43}
# Pixels: the grid of cells must stay square on a phone too.
SQUARE = 414


def introduction() -> None:
    st.title(tr("How it works"))
    st.markdown(
        tr(
            "A radiograph goes in; a score for each class and a heatmap come out. In between is a **ResNet50**, a "
            "network of 50 layers published in 2015. It is still a good one to learn from, because each of its ideas "
            "can be seen and measured. The figures on this page are computed while you look at it; those taken from a "
            "paper say so."
        )
    )


@st.fragment
def heatmap() -> None:
    st.header(tr("Where the score came from: Grad-CAM by hand"))
    st.markdown(
        tr(
            "Grad-CAM (Selvaraju et al. 2017) weights each of the last feature maps by how much the logit of the class "
            "grows with it, adds them up and keeps the positive part. In this network only an average and one weighted "
            "sum follow the last feature maps. The weights of Grad-CAM therefore *are* the weights of that sum, and "
            "the heatmap costs nothing extra: each cell is what that part of the image added to the logit."
        )
    )
    item = page.current_or_sample("hand")
    if item is None:
        return
    reading = item.reading
    names = sorted(reading.classes, key=lambda name: name != page.reader_or_stop().bundle.card.positive)
    chosen = st.segmented_control(
        tr("Class"),
        names,
        default=names[int(np.argmax([reading.scores[name] for name in names]))],
        required=True,
        format_func=labels.class_name,
        key="hand_class",
    )
    class_map = reading.cells[:, :, reading.classes.index(chosen)]
    height, width = class_map.shape
    total, logit = float(class_map.sum()), reading.logits[chosen]
    name = labels.class_name(chosen)
    left, right = st.columns(2, gap="medium")
    with left:
        st.image(
            item.seen,
            caption=tr(
                "What the network receives: {width} × {height} pixels, always a square.",
                width=item.seen.shape[1],
                height=item.seen.shape[0],
            ),
            width="stretch",
            alt=tr("The radiograph as the network receives it, small and square"),
        )
    with right:
        st.echarts_chart(
            charts.cells(class_map),
            width=SQUARE,
            height=SQUARE,
            renderer="svg",
            alt=tr(
                "The {height} by {width} cells of the map for {name}; {count} of them are positive, and together they "
                "add {total} to the logit.",
                height=height,
                width=width,
                name=name,
                count=int((class_map > 0).sum()),
                total=labels.decimal(total),
            ),
        )
        st.caption(
            tr(
                "The same square in {height} × {width} cells. Blue cells raise the logit of {name}, orange cells lower "
                "it.",
                height=height,
                width=width,
                name=name,
            )
        )
    st.latex(
        rf"\underbrace{{{formula(total)}}}_{{\text{{{tr('sum of the cells')}}}}} "
        rf"{formula(logit - total, signed=True)}\;(\text{{{tr('bias')}}}) = {formula(logit)} = \text{{logit}}"
    )
    st.markdown(
        tr(
            "The heatmap on the page *Read* is the positive part of this grid, enlarged smoothly. One cell covers "
            "{across} × {down} of the network's pixels, and its value may depend on pixels far outside it. The map "
            "can show *roughly where*, but never outline a lesion, and it cannot say *why*: a side marker, a tube or "
            "the shape of the shoulders can raise a score as well as a lung.",
            across=item.seen.shape[1] // width,
            down=item.seen.shape[0] // height,
        )
    )


def formula(value: float, *, signed: bool = False) -> str:
    """A number in LaTeX, where a bare comma would be followed by a space."""
    return labels.decimal(value, signed=signed).replace(",", "{,}").replace("\u2212", "-")


def stages() -> None:
    st.header(tr("From the image to 2,048 numbers"))
    network = architecture.describe("resnet50", page.card_or_stop().size)
    beyond = next(stage for stage in network.stages if stage.receptive_field > network.size)
    st.markdown(
        tr(
            "Each stage looks at the image through small windows (convolutions), halves its sides and knows more "
            "kinds of patterns: edges first, then textures, then shapes. The last column says how large a square of "
            "the image one value *can* depend on. From stage {stage} on it is larger than the whole image of {size} "
            "pixels.",
            stage=beyond.name,
            size=network.size,
        )
    )
    rows = [
        [
            stage.name,
            str(stage.blocks or tr("none")),
            f"{stage.side}×{stage.side}",
            labels.number(stage.channels),
            f"{stage.receptive_field} px",
        ]
        for stage in network.stages
    ]
    heads = [tr("Stage"), tr("Blocks"), tr("Map size"), tr("Maps"), tr("Receptive field")]
    st.markdown(labels.table(heads, rows, (1, 2, 3, 4)))
    st.caption(
        tr(
            "Computed by this page from kernel sizes and strides. What a value depends on in practice is smaller and "
            "fades towards the edges of that square (Luo et al. 2016)."
        )
    )
    st.markdown(
        tr(
            "At the top, the average of each of the 2,048 maps is one number (*global average pooling*), and one "
            "weighted sum of these numbers per class is the **logit** of that class. A softmax turns the logits into "
            "scores that add up to 1."
        )
    )


@st.fragment
def gradients() -> None:
    st.header(tr("Why depth needed a trick: the gradient on its way down"))
    st.markdown(
        tr(
            "A network learns from the *gradient*: how much the error would change if a value changed a little. It is "
            "computed from the top layer down, with one multiplication per layer, so what happens in each layer is "
            "repeated. Move the depth and see how much of the gradient arrives at the bottom, before any training."
        )
    )
    layers = st.slider(tr("Depth in layers"), 4, 152, 50, 2, key="depth")
    traces = [gradient_depth.trace(kind, layers) for kind in gradient_depth.KINDS]
    plain, normalised, residual = (trace.first for trace in traces)
    names = {kind: tr(name) for kind, name in NETWORKS.items()}
    st.echarts_chart(
        gradient_depth.chart(traces, names),
        height=360,
        renderer="svg",
        alt=tr(
            "Gradient by layer at a depth of {layers}: at the bottom {plain} times the top for plain layers, "
            "{normalised} with batch norm, {residual} with residual blocks.",
            layers=layers,
            plain=labels.times(plain),
            normalised=labels.times(normalised),
            residual=labels.times(residual),
        ),
    )
    st.markdown(
        labels.table(
            [tr("Network of {layers} layers", layers=layers), tr("Gradient at the bottom (top = 1)")],
            [[labels.label(names[trace.kind]), labels.times(trace.first)] for trace in traces],
            (1,),
        )
    )
    st.caption(
        tr(
            "Computed now: fully connected layers of {width} units with random weights as Keras draws them (Glorot), "
            "a batch of {batch} random inputs, forwards and backwards.",
            width=gradient_depth.WIDTH,
            batch=gradient_depth.BATCH,
        )
    )
    st.markdown(
        tr(
            "- **Plain layers**: each ReLU lets about half of the signal through, so the gradient *vanishes*. The "
            "first layers learn next to nothing.\n"
            "- **Batch norm** (2015) scales the values of each layer to unit variance. Nothing vanishes; with many "
            "layers the gradient *explodes* instead.\n"
            "- **Residual blocks** give the gradient a way around the layers. It still changes with the depth, but "
            "only mildly."
        )
    )


def blocks() -> None:
    st.header(tr("The residual block"))
    left, right = st.columns(2, gap="large")
    convolution = tr("{size} convolution<br>{before} to {after} channels<br>batch norm")
    with left:
        st.mermaid_chart(
            "flowchart TB\n"
            f'x(["x"]) --> a["{convolution.format(size="1×1", before=256, after=64)}, ReLU"]\n'
            f'a --> b["{convolution.format(size="3×3", before=64, after=64)}, ReLU"]\n'
            f'b --> c["{convolution.format(size="1×1", before=64, after=256)}"]\n'
            f'c --> s(("+"))\nx -- {tr("shortcut")} --> s\n'
            's --> r["ReLU"] --> y(["y"])',
            width="content",
            alt=tr("A residual block: three convolutions, and a shortcut that adds the block's input to their result"),
        )
    with right:
        st.markdown(tr("The block learns only the *difference* between its input and its output:"))
        st.latex(r"y = x + F(x)")
        st.markdown(tr("so the gradient has two ways down, and one of them is not multiplied by anything:"))
        st.latex(
            r"\frac{\partial L}{\partial x} = \frac{\partial L}{\partial y}"
            r"\left(1 + \frac{\partial F}{\partial x}\right)"
        )
        st.markdown(
            tr(
                "A block that is not needed can do nothing: with weights of zero, $F(x) = 0$ and $y = x$. Weight decay "
                "(L2) pulls weights that do not reduce the error towards zero, so blocks that are not needed fade out "
                "(try it below). A plain layer with weights of zero would block everything."
            )
        )
    st.markdown(
        tr(
            "**Was it the vanishing gradient?** Not alone. He et al. found that a plain network of 34 layers with "
            "batch norm trained *worse* than one of 18, on the training data too (28.5 against 27.9 per cent error on "
            "ImageNet), although its gradients had not vanished; with shortcuts the deeper one won (25.0 against "
            "27.9). Shortcuts make the problem easier to optimise as a whole."
        )
    )
    st.caption("He, Zhang, Ren and Sun 2015, Deep residual learning for image recognition, arXiv:1512.03385, table 2.")


def fifty_or_more() -> None:
    st.header(tr("50 layers or 152?"))
    networks = [architecture.describe(name) for name in architecture.BLOCKS]
    rows = [
        [tr("Blocks by stage"), *("+".join(str(stage.blocks) for stage in net.stages[1:]) for net in networks)],
        [tr("Parameters, million"), *(labels.decimal(net.parameters / 1e6, 1) for net in networks)],
        [tr("Multiply-adds per image, billion"), *(labels.decimal(net.multiplications / 1e9, 1) for net in networks)],
        [tr("Receptive field, pixels"), *(labels.number(net.stages[-1].receptive_field) for net in networks)],
        [tr("Error on ImageNet, per cent"), *(labels.decimal(IMAGENET_ERROR[net.name]) for net in networks)],
    ]
    st.markdown(labels.table([tr("Layers"), *(str(net.layers) for net in networks)], rows, (1, 2, 3)))
    st.caption(
        tr(
            "All but the last line computed by this page (without the last layer, 224 pixels). Error: top-1, ten "
            "crops, He et al. 2015, table 3."
        )
    )
    st.markdown(
        tr(
            "Three times the layers gained 1.4 points on a million photographs of 1,000 kinds of things, for three "
            "times the computation. A few thousand radiographs of three classes leave less to gain and more to learn "
            "by heart, so this project ships the 50-layer network. `train.py --arch resnet152` trains the large one."
        )
    )


page.through_app()
introduction()
cases.show_strip("how_it_works")
heatmap()
lessons.coarseness()
stages()
lessons.inside()
gradients()
blocks()
lessons.decay()
fifty_or_more()
