"""How it works: from the picture to the score and the heatmap, for students, with figures measured on the spot."""

from __future__ import annotations

import numpy as np
import streamlit as st

from interface.components import charts
from interface.core import labels, page
from interface.learn import architecture, gradient_depth, lessons

NETWORKS = {
    "plain": "plain layers",
    "normalised": "plain layers with batch norm",
    "residual": "residual blocks with batch norm",
}
# Top-1 error on ImageNet in per cent, ten crops: He et al. 2015, table 3.
IMAGENET_ERROR = {"resnet50": 22.85, "resnet101": 21.75, "resnet152": 21.43}
# Pixels: longer lines are hard to read, and the grid of cells must stay square on a phone too.
WIDTH, SQUARE = 860, 414


def introduction() -> None:
    st.title("How it works")
    st.markdown(
        "A radiograph goes in; a score for each class and a heatmap come out. In between is a **ResNet50**, a network "
        "of 50 layers that was published in 2015 and is still a good teacher, because each of its ideas can be seen "
        "and measured. The figures on this page are computed while you look at it; those taken from a paper say so."
    )


def stages() -> None:
    st.header("From the picture to 2,048 numbers")
    network = architecture.describe("resnet50")
    st.markdown(
        "Each stage looks at the picture through small windows (convolutions), halves its sides and knows more kinds "
        "of patterns: edges first, then textures, then shapes. The last column says how large a square of the "
        "picture one value *can* depend on. From stage conv4 on it is larger than the whole picture of 224 pixels."
    )
    rows = [
        [
            stage.name,
            str(stage.blocks or "none"),
            f"{stage.side}×{stage.side}",
            f"{stage.channels:,}",
            f"{stage.receptive_field} px",
        ]
        for stage in network.stages
    ]
    st.markdown(labels.table(["Stage", "Blocks", "Map size", "Maps", "Receptive field"], rows, (1, 2, 3, 4)))
    st.caption(
        "Worked out by this page from the kernel sizes and strides. What a value depends on in practice is smaller and "
        "fades towards the edges of that square (Luo et al. 2016)."
    )
    st.markdown(
        "At the top, the average of each of the 2,048 maps is one number (*global average pooling*), and one weighted "
        "sum of these a class is that class' **logit**. A softmax turns the logits into scores that add up to 100 %."
    )


@st.fragment
def gradients() -> None:
    st.header("Why depth needed a trick: the gradient on its way down")
    st.markdown(
        "A network learns from the *gradient*: how much the error would change if a value changed a little. It is "
        "computed from the top layer down, one multiplication a layer, so what happens at each layer happens over and "
        "over. Move the depth and see how much of the gradient arrives at the bottom, before any training."
    )
    layers = st.slider("Depth in layers", 4, 152, 50, 2, key="depth")
    traces = [gradient_depth.trace(kind, layers) for kind in gradient_depth.KINDS]
    plain, normalised, residual = (trace.first for trace in traces)
    st.echarts_chart(
        charts.gradients(traces, NETWORKS),
        height=360,
        renderer="svg",
        alt=f"Gradient by layer at a depth of {layers}: at the bottom {labels.times(plain)} times the top for plain "
        f"layers, "
        f"{labels.times(normalised)} with batch norm, {labels.times(residual)} with residual blocks.",
    )
    st.markdown(
        labels.table(
            [f"Network of {layers} layers", "Gradient at the bottom (top = 1)"],
            [[NETWORKS[trace.kind].capitalize(), labels.times(trace.first)] for trace in traces],
            (1,),
        )
    )
    st.caption(
        f"Measured now: fully connected layers of {gradient_depth.WIDTH} units with random weights as Keras draws them "
        f"(Glorot), a batch of {gradient_depth.BATCH} random inputs, forwards and backwards."
    )
    st.markdown(
        "- **Plain layers**: each ReLU lets about half of the signal through, so the gradient *vanishes*. The first "
        "layers learn next to nothing.\n"
        "- **Batch norm** (2015) brings each layer's values back to a spread of one. Now nothing vanishes; with many "
        "layers the gradient *explodes* instead.\n"
        "- **Residual blocks** give the gradient a way past the layers. It changes with the depth too, but mildly."
    )


def blocks() -> None:
    st.header("The residual block")
    left, right = st.columns(2, gap="large")
    with left:
        st.mermaid_chart(
            "flowchart TB\n"
            'x(["x"]) --> a["1×1 convolution<br>256 to 64 channels<br>batch norm, ReLU"]\n'
            'a --> b["3×3 convolution<br>64 to 64 channels<br>batch norm, ReLU"]\n'
            'b --> c["1×1 convolution<br>64 to 256 channels<br>batch norm"]\n'
            'c --> s(("+"))\nx -- shortcut --> s\n'
            's --> r["ReLU"] --> y(["y"])',
            width="content",
            alt="A residual block: three convolutions, and a shortcut that adds the block's input to their result",
        )
    with right:
        st.markdown("The block learns only the *difference* between what it is given and what it hands on:")
        st.latex(r"y = x + F(x)")
        st.markdown("so the gradient has two ways down, and one of them is not multiplied by anything:")
        st.latex(
            r"\frac{\partial L}{\partial x} = \frac{\partial L}{\partial y}"
            r"\left(1 + \frac{\partial F}{\partial x}\right)"
        )
        st.markdown(
            "A block that is of no use can do nothing: with weights of zero, $F(x) = 0$ and $y = x$. Weight decay (L2) "
            "pulls weights that don't earn their keep towards zero, so useless blocks fade out by themselves (try it "
            "below). A plain layer with weights of zero would stop everything."
        )
    st.markdown(
        "**Was it the vanishing gradient?** Not alone. He et al. saw that a plain network of 34 layers with batch norm "
        "trained *worse* than one of 18, on the training data too (28.5 % against 27.9 % error on ImageNet), "
        "although its gradients had not vanished; with shortcuts the deeper one won (25.0 % against 27.9 %). "
        "Shortcuts make the problem easier to optimise as a whole."
    )
    st.caption("He, Zhang, Ren and Sun 2015, Deep residual learning for image recognition, arXiv:1512.03385, table 2.")


def fifty_or_more() -> None:
    st.header("50 layers or 152?")
    networks = [architecture.describe(name) for name in architecture.BLOCKS]
    rows = [
        ["Blocks by stage", *("+".join(str(stage.blocks) for stage in found.stages[1:]) for found in networks)],
        ["Parameters, million", *(f"{found.parameters / 1e6:.1f}" for found in networks)],
        ["Work a picture, billion multiply-adds", *(f"{found.multiplications / 1e9:.1f}" for found in networks)],
        ["Receptive field, pixels", *(f"{found.stages[-1].receptive_field:,}" for found in networks)],
        ["Error on ImageNet, %", *(str(IMAGENET_ERROR[found.name]) for found in networks)],
    ]
    st.markdown(labels.table(["Layers", *(str(found.layers) for found in networks)], rows, (1, 2, 3)))
    st.caption(
        "All but the last line worked out by this page (without the last layer, 224 pixels). Error: top-1, ten "
        "crops, He et al. 2015, table 3."
    )
    st.markdown(
        "Three times the layers bought 1.4 points on a million photographs of 1,000 kinds of things, for three times "
        "the work a picture. A few thousand radiographs of three kinds leave less to gain and more to learn by heart, "
        "so this project ships the 50-layer network. `train.py --arch resnet152` trains the large one: try it."
    )


@st.fragment
def heatmap() -> None:
    st.header("Where the score came from: Grad-CAM by hand")
    st.markdown(
        "Grad-CAM (Selvaraju et al. 2017) weighs each of the last maps by how much the class' logit would grow with "
        "it, adds them up and keeps what is positive. In this network only an average and one weighted sum come "
        "after the last maps, so those weights *are* the weights of the sum, and the heatmap costs nothing extra: "
        "each cell says how much that part of the picture added to the logit."
    )
    item = page.current_or_sample("hand")
    if item is None:
        return
    reading = item.reading
    names = sorted(reading.classes, key=lambda name: name != page.reader_or_stop().bundle.card.positive)
    chosen = st.segmented_control(
        "Class",
        names,
        default=names[int(np.argmax([reading.scores[name] for name in names]))],
        required=True,
        format_func=labels.class_name,
        key="hand_class",
    )
    one = reading.maps[:, :, reading.classes.index(chosen)]
    height, width = one.shape
    total, logit = float(one.sum()), reading.logits[chosen]
    name = labels.class_name(chosen)
    left, right = st.columns(2, gap="medium")
    with left:
        st.image(
            item.seen,
            caption=f"What the network receives: {item.seen.shape[1]} × {item.seen.shape[0]} pixels, always a square.",
            width="stretch",
            alt="The radiograph as the network receives it, small and square",
        )
    with right:
        st.echarts_chart(
            charts.cells(one),
            width=SQUARE,
            height=SQUARE,
            renderer="svg",
            alt=f"The {height} by {width} cells of the map for {name}; {int((one > 0).sum())} of them are positive, "
            f"and "
            f"together they add {total:.2f} to the logit.",
        )
        st.caption(f"The same square in {height} × {width} cells. Blue speaks for {name}, orange against it.")
    st.latex(
        rf"\underbrace{{{total:.2f}}}_{{\text{{sum of the cells}}}} {logit - total:+.2f}\;(\text{{bias}}) = "
        rf"{logit:.2f} = \text{{logit}}"
    )
    st.markdown(
        f"The heatmap on the first page is this grid, its positive part, smoothly enlarged. One cell covers "
        f"{item.seen.shape[1] // width} × {item.seen.shape[0] // height} of the network's pixels, and its value may "
        "depend on pixels far outside it. So the map can say *roughly where*, never outline a lesion, and it can't say "
        "*why*: a marker, a tube or the shape of the shoulders can light up as well as a lung."
    )


page.through_app()
with st.container(width=WIDTH):
    introduction()
    stages()
    lessons.inside()
    gradients()
    blocks()
    lessons.decay()
    fifty_or_more()
    heatmap()
    lessons.coarseness()
