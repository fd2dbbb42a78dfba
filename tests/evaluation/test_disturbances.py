"""What is done to a radiograph: forms of its file, covered lungs, disturbances."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from model.evaluation.parts import robustness, shortcuts
from tests.conftest import draw_chest


def test_forms_are_files_of_the_same_radiograph_of_a_lower_quality() -> None:
    grey = draw_chest(np.random.default_rng(0), "normal", 300).astype(np.float32)
    for name, change in robustness.FORMS.items():
        form = change(grey)
        assert max(form.shape) == {"JPEG of quality 20 at 256 px": 256, "128 px": 128}.get(name, 300), name
        back = cv2.resize(form, (300, 300), interpolation=cv2.INTER_LINEAR)
        assert 0.5 < np.abs(back - grey).mean() < 20, name


def test_covering_leaves_the_rest_and_no_trace_of_what_was_there() -> None:
    rng = np.random.default_rng(0)
    picture = rng.uniform(0, 255, (1, 32, 32, 1)).astype(np.float32)
    region = shortcuts.middle(32)
    covered = shortcuts.cover(picture, region)
    assert np.array_equal(covered[0, ~region], picture[0, ~region])
    assert covered[0, region] == pytest.approx(picture[0, ~region].mean(), rel=1e-5)
    other = picture.copy()
    other[0, region] = 255
    assert np.array_equal(shortcuts.cover(other, region), covered)
    assert shortcuts.grow(region).sum() > region.sum()


@pytest.mark.parametrize("how", robustness.DISTURBANCES, ids=lambda how: f"{how.kind} {how.setting}")
def test_a_disturbance_changes_the_picture_and_stays_a_picture(how: robustness.Disturbance) -> None:
    grey = draw_chest(np.random.default_rng(0), "normal", 300).astype(np.float32)
    changed = how.apply(grey)
    assert changed.dtype == np.float32 and changed.ndim == 2 and changed.min() >= 0 and changed.max() <= 256
    assert changed.shape != grey.shape or np.abs(changed - grey).max() > 1
    assert np.array_equal(changed, how.apply(grey))
