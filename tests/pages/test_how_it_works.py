"""The teaching page: it shows the measured numbers and the reading at hand."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from interface.core import labels
from interface.learn import architecture, gradient_depth, lessons, map_resolution, stages, weight_decay
from model.reading import bundle
from model.reading.card import DEFAULT_BUNDLE, MODEL_FILE
from model.reading.network import feature_maps
from tests.conftest import draw_chest


@pytest.fixture
def page(app: AppTest) -> AppTest:
    return app.switch_page("pages/how_it_works.py").run()


def test_it_explains_in_order(page: AppTest) -> None:
    assert not page.exception
    assert page.title[0].value == "How it works"
    text = "\n".join(header.value for header in page.header)
    positions = [text.find(word) for word in ("Grad-CAM", "From the image", "gradient", "residual block", "152")]
    assert positions == sorted(positions)
    assert -1 not in positions


def test_the_depth_slider_measures_anew(page: AppTest) -> None:
    def at_the_bottom() -> str:
        measured = next(text.value for text in page.markdown if "Gradient at the bottom" in text.value)
        (found,) = re.findall(r"^\| Plain layers \| ([^|]+) \|$", measured, re.MULTILINE)
        return str(found)

    page.slider(key="depth").set_value(8).run()
    assert at_the_bottom() == labels.times(gradient_depth.trace("plain", 8).first)
    page.slider(key="depth").set_value(152).run()
    assert at_the_bottom() == labels.times(gradient_depth.trace("plain", 152).first)
    assert "10⁻" in at_the_bottom()


def test_the_map_by_hand_adds_up_to_the_logit(page: AppTest) -> None:
    page.button(key="hand_sample").click().run()
    assert not page.exception
    (item,) = page.session_state.shelf.items.values()
    chosen = page.segmented_control(key="hand_class").value
    formula = next(text.value for text in page.latex if "logit" in text.value)
    total, bias, logit = (float(number) for number in re.findall(r"[+-]?\d+\.\d+", formula))
    assert total + bias == pytest.approx(logit, abs=0.011)
    assert logit == pytest.approx(item.reading.logits[chosen], abs=0.006)


def test_the_sections_about_the_picture_at_hand_come_with_it(page: AppTest) -> None:
    assert not [tab.label for tab in page.tabs]
    page.button(key="inside_sample").click().run()
    assert not page.exception
    # The small network of the tests has three stages of 32, 16 and 8 cells.
    assert [tab.label for tab in page.tabs] == ["Stage 1: 32×32", "Stage 2: 16×16", "Stage 3: 8×8"]
    text = "\n".join(markdown.value for markdown in page.markdown)
    assert "**8 maps of 32×32 cells.**" in text and "(blue): " in text and "overlap is **" in text


def test_weight_decay_is_trained_anew(page: AppTest) -> None:
    for strength in (0.0, 0.3):
        page.select_slider(key="decay").set_value(strength).run()
        table = next(text.value for text in page.markdown if "Error on new examples" in text.value)
        found = re.findall(r"\| ([\d.]+) \| (\d+)\W*% \|", table)
        runs = [weight_decay.train(kind, strength) for kind in weight_decay.KINDS]
        assert found == [(f"{run.last:.2f}", f"{100 * run.error:.0f}") for run in runs]


@pytest.mark.parametrize("seed", range(4))
def test_decay_shrinks_what_is_of_no_use_and_spares_what_is_needed(seed: int) -> None:
    none, some, much = (
        [weight_decay.train(kind, strength, seed) for kind in weight_decay.KINDS] for strength in (0, 0.1, 0.5)
    )
    needed, useless, plain = range(3)
    assert none[useless].last > 0.3 and some[useless].last < 0.15 < 0.5 < some[needed].last
    assert some[needed].error < none[needed].error and some[useless].error < none[useless].error
    assert much[needed].error > some[needed].error and much[plain].error > 0.5
    assert some[useless].shares[0] == none[useless].shares[0], "the same first weights"


def test_the_training_goes_down_the_error() -> None:
    # Without decay and noise to learn, the gradient's only way is down: against finite differences it would be the
    # same, and a wrong sign or a forgotten ReLU ends above where it began.
    found = weight_decay.train(weight_decay.NEEDED, 0.0)
    untrained = 1 + 0.7**2
    assert found.error < untrained / 3
    with pytest.raises(ValueError, match="decay of 0 or more"):
        weight_decay.train(weight_decay.NEEDED, -1)


def test_the_chart_of_the_decay_shows_every_step() -> None:
    runs = [weight_decay.train(kind, 0.1) for kind in weight_decay.KINDS]
    option = weight_decay.chart(runs, lessons.BLOCKS)
    assert [one["name"] for one in option["series"]] == list(lessons.BLOCKS.values())
    assert option["series"][1]["data"][-1] == [weight_decay.STEPS, round(runs[1].last, 4)]


@pytest.mark.parametrize("stage", range(5))
def test_the_square_of_a_value_by_counting(stage: int) -> None:
    network = architecture.describe("resnet50")
    # (kernel, stride) of the way with the widest view: conv1, pooling, then the blocks' three convolutions.
    layers = [(7, 2), *([(3, 2)] if stage else [])]
    for number, blocks in enumerate(architecture.BLOCKS["resnet50"][:stage]):
        for block in range(blocks):
            layers += [(1, 2 if block == 0 and number else 1), (3, 1), (1, 1)]
    found = network.stages[stage]
    for cell in (0, found.side // 2, found.side - 1):
        reached = {cell}
        for kernel, stride in reversed(layers):
            reached = {place * stride + offset - kernel // 2 for place in reached for offset in range(kernel)}
        assert found.square(cell) == (min(reached), max(reached) + 1)


def test_the_squares_are_drawn_where_they_are() -> None:
    seen = np.full((224, 224), 128, np.uint8)
    stage = architecture.describe("resnet50").stages[2]
    drawn, share = stages.draw_square(seen, stage, 14, 14)
    start, end = stage.square(14)
    assert share == pytest.approx((end - start) ** 2 / 224**2)
    rows, columns = np.nonzero((drawn != 128).any(axis=2))
    found = (rows.min(), rows.max(), columns.min(), columns.max())
    assert found == pytest.approx((3 * start, 3 * end, 3 * start, 3 * end), abs=2)  # a line is that thick
    whole, share = stages.draw_square(seen, architecture.describe("resnet50").stages[4], 3, 3)
    assert share == 1 and whole.shape == (672, 672, 3)


@pytest.mark.parametrize("which", ["small", "shipped"])
def test_the_maps_inside_are_those_that_the_features_come_from(which: str, small_bundle: Path) -> None:
    folder = small_bundle if which == "small" else DEFAULT_BUNDLE
    loaded = bundle.load(folder)
    side = loaded.card.size
    image = draw_chest(np.random.default_rng(0), "covid19", side)[None, :, :, None].astype(np.float32)
    found = feature_maps((folder / MODEL_FILE).read_bytes(), image)
    sides = [32, 16, 8] if which == "small" else [56, 28, 14, 7, 4]
    assert [one.shape[0] for one in found] == sides
    # Averaged, the last ones are the pooled features that the bundle itself hands out.
    assert found[-1].mean(axis=(0, 1)) == pytest.approx(loaded.run(image).features, abs=1e-5)
    with pytest.raises(ValueError, match="expected an image"):
        feature_maps((folder / MODEL_FILE).read_bytes(), image[:, :-1])


def test_a_file_that_is_no_network_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match="no feature maps"):
        feature_maps(b"\0" * 64, np.zeros((1, 8, 8, 1), np.float32))


def test_a_mosaic_shows_the_liveliest_maps_and_counts_all() -> None:
    values = np.zeros((4, 4, 10), np.float32)
    values[1, 2, 7], values[0, 0, 3] = 5, 1
    found = stages.summary(values)
    assert (found.side, found.count, found.silent) == (4, 10, 8)
    assert found.zero == pytest.approx(1 - 2 / 160)
    first = found.mosaic[: stages.TILE, : stages.TILE]
    expected = cv2.resize(np.where(values[:, :, 7] > 0, 255, 0).astype(np.uint8), (stages.TILE, stages.TILE), None,
                          0, 0, cv2.INTER_NEAREST)  # fmt: skip
    assert np.array_equal(first, expected)


def test_a_coarse_map_cannot_outline_a_small_spot() -> None:
    small, large, fine = map_resolution.look(16, 7), map_resolution.look(96, 7), map_resolution.look(16, 56)
    assert small.overlap < 0.3 < 0.9 < min(large.overlap, fine.overlap)
    assert small.area > 2 and fine.area == pytest.approx(1, abs=0.1)
    assert float(small.cells.sum()) * 32**2 == pytest.approx(small.spot.sum(), rel=1e-5)
    # The outline is the best of all thresholds: none of the cells themselves does better.
    cells = np.kron(small.cells > 0, np.ones((32, 32))).astype(bool)
    assert (cells & small.spot).sum() / (cells | small.spot).sum() <= small.overlap
