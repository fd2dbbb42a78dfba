"""Where the lungs are, by a small network: for outlines, and for how much of a heatmap lies in them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from model.reading.network import Network
from model.reading.radiograph import Radiograph

# Below this share of the picture there is nothing that a reader would call lungs.
_LEAST_AREA = 0.04
# The smaller lung has at least this share of the larger one's area, or it is not a lung that was found.
_SMALLER_LUNG = 0.25


@dataclass(frozen=True)
class Lungs:
    """The lungs of one radiograph.

    Attributes:
        mask: (S, S) float32, from 0 (outside) to 1 (inside), over the whole picture squashed to a square.
    """

    mask: NDArray[np.float32]

    @cached_property
    def inside(self) -> NDArray[np.uint8]:
        """(S, S), 1 where there is lung and 0 elsewhere."""
        return np.asarray(self.mask > 0.5).view(np.uint8)

    @cached_property
    def parts(self) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
        """Statistics of the connected parts as OpenCV gives them (left, top, width, height, area), and middles."""
        _, _, stats, middles = cv2.connectedComponentsWithStats(self.inside)
        return np.asarray(stats[1:], np.int32), np.asarray(middles[1:])

    @property
    def area(self) -> float:
        """Share of the picture that is lung."""
        return cv2.countNonZero(self.inside) / self.inside.size

    @property
    def found(self) -> bool:
        """Whether they cover a share of the picture that lungs can have."""
        return self.area >= _LEAST_AREA

    @property
    def cropped(self) -> float:
        """Share of the picture's border that lungs touch: 0 where all of them is on the picture."""
        inside = self.inside
        edge = np.concatenate([inside[0], inside[-1], inside[:, 0], inside[:, -1]])
        return float(edge.mean())

    @property
    def tilt(self) -> float | None:
        """Degrees by which the line between the lungs' middles is turned clockwise; None where two are not seen."""
        stats, middles = self.parts
        areas = stats[:, cv2.CC_STAT_AREA]
        largest = np.argsort(-areas)[:2]
        if len(largest) < 2 or areas[largest[1]] < _SMALLER_LUNG * areas[largest[0]]:
            return None
        left, right = sorted(middles[largest].tolist())
        return float(np.degrees(np.arctan2(right[1] - left[1], right[0] - left[0])))

    def share_inside(self, strength: NDArray[np.float32], *, strict: bool = False) -> float:
        """How much of a heatmap lies in the lungs or within half a cell of them, as a cell tells no finer.

        Args:
            strength: (h, w), never negative, as `heatmap.evidence` gives it.
            strict: in the lungs alone. For a flat map that is `area`, which half a cell more would nearly double.

        Returns:
            The share of its sum, 0 to 1; for a flat map the share of the picture, which is the floor.
        """
        side = self.mask.shape[0]
        # Each cell counts over the square that it covers: enlarging it smoothly would move evidence out of its cell.
        cells = cv2.resize(strength, (side, side), interpolation=cv2.INTER_NEAREST)
        total = float(cells.sum())
        inside = self.inside if strict else self._widened(strength.shape)
        return float((cells * inside).sum()) / total if total > 0 else 0.0

    def _widened(self, cells: tuple[int, ...]) -> NDArray[np.uint8]:
        reach = self.mask.shape[0] // max(cells) | 1
        return np.asarray(cv2.dilate(self.inside, np.ones((reach, reach), np.uint8)), np.uint8)

    def outline(self, height: int, width: int) -> list[NDArray[np.int32]]:
        """Closed outlines for a picture of this size.

        Args:
            height: in pixels.
            width: in pixels.

        Returns:
            (n, 1, 2) points (x, y) for each part of more than 1 % of the picture.
        """
        large = cv2.resize(self.mask, (width, height), interpolation=cv2.INTER_LINEAR)
        outlines, _ = cv2.findContours((large > 0.5).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        return [np.asarray(points, np.int32) for points in outlines if cv2.contourArea(points) > 0.01 * height * width]


class Segmenter:
    """The network that finds lungs."""

    def __init__(self, model: bytes, threads: int = 2) -> None:
        """Build the network.

        Raises:
            ValueError: the file is no network from a grey square to a mask of the same size.
        """
        self._network = Network(model, ("lungs",), threads)
        if self._network.output_shapes["lungs"] != self._network.input_shape:
            raise ValueError("its mask has not the size of its input")
        self.size = self._network.size

    def find(self, radiograph: Radiograph) -> Lungs:
        """Find the lungs: one forward pass of about a millisecond."""
        return self.find_in(radiograph.to_input(self.size))

    def find_in(self, image: NDArray[np.float32]) -> Lungs:
        """The same for a (1, size, size, 1) float32 picture of greys from 0 to 255."""
        return Lungs(self._network.run(image)["lungs"][0, :, :, 0])
