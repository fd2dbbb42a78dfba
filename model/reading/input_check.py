"""Is this a frontal chest radiograph, the right way up, told from the features of the reading's own forward pass?

And is it mirrored, told by a small network that looks where the heart lies?
"""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from model.messages import Code, Message
from model.reading.lungs import Lungs
from model.reading.network import Network
from model.reading.radiograph import OVERVIEW, Radiograph, to_input

FRONTAL = "frontal"
# Of `look_at_whole`: cells a side of the lungs' grid, pixels a side of the thumbnail, its range in standard deviations
# and the least of those in grey levels, for a blank picture.
LUNG_GRID, THUMBNAIL, GREYS, LEAST_SPREAD = 12, 16, 2.5, 2.0
# What a picture may be instead: to be named, or for a kind that can be mended the whole reason.
WHAT = {
    "lateral": Code.LATERAL,
    "radiograph": Code.OTHER_RADIOGRAPH,
    "medical": Code.OTHER_MEDICAL,
    "not_medical": Code.NOT_MEDICAL,
    "inverted": Code.INVERTED,
    "turned_left": Code.TURNED_LEFT,
    "turned_right": Code.TURNED_RIGHT,
    "upside_down": Code.UPSIDE_DOWN,
}
# How to mend a picture of a kind: quarter turns counter-clockwise, and whether to invert the grey scale.
MENDING = {"inverted": (0, True), "turned_left": (3, False), "turned_right": (1, False), "upside_down": (2, False)}

# From this probability on the kind is named.
_SURE = 0.95


def look_at_whole(pixels: NDArray[np.float32], lungs: Lungs) -> NDArray[np.float32]:
    """What tells a picture apart beside the features of a network that sees the lungs' box alone.

    Args:
        pixels: (H, W) float32 grey, 0 to 255, of the whole picture.
        lungs: as the lung network finds them in it.

    Returns:
        (K,), never negative: the lungs on a coarse grid, how much of the picture they are and how sure the lung network
        is, and a thumbnail of the picture in its own greys.
    """
    mask, count = lungs.mask, len(lungs.parts[0])
    grid = cv2.resize(mask, (LUNG_GRID, LUNG_GRID), interpolation=cv2.INTER_AREA).ravel()
    areas = np.sort(lungs.parts[0][:, cv2.CC_STAT_AREA])[::-1] / mask.size if count else np.zeros(1)
    sure = cv2.mean(mask, lungs.inside)[0]
    second = float(areas[1]) if count > 1 else 0.0
    # The mean of p (1 - p), which is 1 / 4 at most.
    doubt = 4 * (cv2.mean(mask)[0] - cv2.norm(mask, cv2.NORM_L2SQR) / mask.size)
    numbers = [float(areas[0]), second, float(areas[2:].sum()), sure, doubt, lungs.cropped, min(count, 12) / 12]
    small = to_input(pixels, THUMBNAIL)[0, :, :, 0]
    mean, deviation = cv2.meanStdDev(small)
    spread = max(float(deviation[0, 0]), LEAST_SPREAD)
    greys = np.clip((small - np.float32(mean[0, 0])) / np.float32(spread), -GREYS, GREYS) + GREYS
    return np.concatenate([grid, numbers, greys.ravel()]).astype(np.float32)


@dataclass(frozen=True)
class Screening:
    """What a picture seems to be.

    Attributes:
        kind: "frontal", or a key of `WHAT`.
        frontal: probability of a frontal chest radiograph the right way up, 0 to 1.
        unlike: how unlike the frontal radiographs of the training it is: their share that is less unlike, 0 to 1.
        certainty: probability of the kind among those that are not frontal, 0 to 1.
    """

    kind: str
    frontal: float
    unlike: float
    certainty: float = 1.0

    @property
    def accepted(self) -> bool:
        """Whether it may be read."""
        return self.kind == FRONTAL

    @property
    def reason(self) -> Message | None:
        """Why it is refused; None for a frontal radiograph."""
        if self.accepted:
            return None
        if self.kind in MENDING:
            return Message(WHAT[self.kind])
        # That it is no frontal chest radiograph is seldom wrong; what it is instead often is.
        if self.certainty < _SURE:
            return Message(Code.NOT_FRONTAL)
        return Message(Code.NOT_FRONTAL_BUT, what=WHAT[self.kind])


@dataclass(frozen=True)
class Screener:
    """A linear classifier and a distance, both on pooled features.

    Attributes:
        kinds: K names, "frontal" among them.
        mean, scale: (F,) of the logarithms of frontal radiographs' features.
        weights: (F, K); `bias`: (K,).
        threshold: pictures with a lower probability of "frontal" are refused.
        axes: (F, D) orthonormal directions in which frontal radiographs vary most; `variances`: (D,) along them.
        rest: mean variance in the other directions.
        steps: (M,) distances of frontal radiographs that were held out, ascending.
    """

    kinds: tuple[str, ...]
    mean: NDArray[np.float32]
    scale: NDArray[np.float32]
    weights: NDArray[np.float32]
    bias: NDArray[np.float32]
    threshold: float
    axes: NDArray[np.float32]
    variances: NDArray[np.float32]
    rest: float
    steps: NDArray[np.float32]

    def screen(self, features: NDArray[np.float32]) -> Screening:
        """Judge one picture.

        Args:
            features: (F,) pooled features of the classifying network.

        Returns:
            The verdict. A picture that is not frontal enough gets the likeliest other kind.
        """
        standard = self.standardise(features[None])
        chances = self.chances(standard)[0]
        place = self.kinds.index(FRONTAL)
        frontal = float(chances[place])
        unlike = float(np.searchsorted(self.steps, self.distances(standard)[0]) / len(self.steps))
        if frontal >= self.threshold:
            return Screening(FRONTAL, frontal, unlike)
        chances[place] = 0
        best = int(chances.argmax())
        return Screening(self.kinds[best], frontal, unlike, float(chances[best] / max(chances.sum(), 1e-12)))

    def standardise(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """(N, F) pooled features -> their logarithms (they are never negative, and skewed) with mean 0 and spread 1."""
        return np.asarray((np.log1p(features) - self.mean) / self.scale, dtype=np.float32)

    def chances(self, standard: NDArray[np.float32]) -> NDArray[np.float32]:
        """(N, F) standardised features -> (N, K) probabilities."""
        logits = standard @ self.weights + self.bias
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True), dtype=np.float32)

    def distances(self, standard: NDArray[np.float32]) -> NDArray[np.float32]:
        """(N, F) standardised features -> (N,) distance from the centre of frontal radiographs, about 1 for them.

        Mahalanobis' distance in the leading directions and a plain one in the rest (probabilistic PCA: Tipping and
        Bishop 1999): other pictures differ most in what frontal radiographs hardly vary in.
        """
        inside = (standard @ self.axes) ** 2
        outside = (standard**2).sum(axis=1) - inside.sum(axis=1)
        total = (inside / self.variances).sum(axis=1) + outside / self.rest
        return np.asarray(total / standard.shape[1], dtype=np.float32)

    def to_bytes(self) -> bytes:
        """As a NumPy archive, without pickle."""
        buffer = io.BytesIO()
        half = {name: getattr(self, name).astype(np.float16) for name in ("mean", "scale", "weights", "axes")}
        np.savez_compressed(
            buffer,
            kinds=np.array(self.kinds),
            **{name: getattr(self, name) for name in ("bias", "threshold", "variances", "rest", "steps")},
            **half,
        )
        return buffer.getvalue()


def from_bytes(data: bytes) -> Screener:
    """Read what `Screener.to_bytes` wrote.

    Raises:
        ValueError: it is something else.
    """
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as found:
            kinds = tuple(str(kind) for kind in found["kinds"])
            numbers = float(found["threshold"]), float(found["rest"])
            names = ("mean", "scale", "weights", "bias", "axes", "variances", "steps")
            arrays = {name: found[name].astype(np.float32) for name in names}
    except (OSError, KeyError, EOFError, ValueError, zipfile.BadZipFile) as error:
        raise ValueError("the statistics of the input check can't be read") from error
    features, directions = arrays["axes"].shape
    wanted = {"mean": (features,), "scale": (features,), "weights": (features, len(kinds)), "bias": (len(kinds),)}
    wanted |= {"axes": (features, directions), "variances": (directions,), "steps": (arrays["steps"].size,)}
    if any(arrays[name].shape != shape for name, shape in wanted.items()) or not set(kinds) <= {FRONTAL, *WHAT}:
        raise ValueError("the statistics of the input check contradict each other")
    return Screener(kinds, threshold=numbers[0], rest=numbers[1], **arrays)


class SideTeller:
    """The small network that tells a mirrored picture by where the heart lies."""

    def __init__(self, model: bytes, threshold: float, threads: int = 2) -> None:
        """Build the network.

        Args:
            model: a LiteRT file, from a grey square to one logit.
            threshold: a picture with a higher logit is called mirrored.
            threads: of the interpreter.

        Raises:
            ValueError: the file is no such network.
        """
        self.threshold = threshold
        self._network = Network(model, ("mirrored",), threads)
        if self._network.output_shapes["mirrored"] != (1, 1):
            raise ValueError("its output is not one logit")
        self.size = self._network.size

    def logit(self, radiograph: Radiograph) -> float:
        """Log-odds of a mirrored picture; the mirror image of a picture has the negative of its own."""
        # The overview enlarges a picture that is smaller, which would blur it for this network.
        small = min(radiograph.preview.shape) < OVERVIEW
        image = to_input(radiograph.preview if small else radiograph.overview, self.size)
        return float(self._network.run(image)["mirrored"][0, 0])

    def mirrored(self, radiograph: Radiograph) -> bool:
        """Whether the picture seems mirrored; rarely true of one that is not, and not always of one that is."""
        return self.logit(radiograph) > self.threshold
