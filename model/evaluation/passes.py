"""Forward passes of the shipped file, cached on disk, so that a second run reads the results of the first."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from model.reading.bundle import Bundle

# Pictures per file of the cache: an interrupted run loses the seconds of one file.
CHUNK = 64


@dataclass(frozen=True)
class Outputs:
    """What the network gives for n radiographs.

    Attributes:
        logits: (n, C).
        maps: (n, h, w, C).
        features: (n, K).
    """

    logits: np.ndarray
    maps: np.ndarray
    features: np.ndarray


class Passes:
    """Runs a bundle on arrays of pictures; what was run before, with the same file, comes from the cache."""

    def __init__(self, bundle: Bundle, cache: Path) -> None:
        """Keep the bundle and a folder for its model file."""
        self.bundle = bundle
        self._folder = cache / bundle.card.sha256[:16]
        self._folder.mkdir(parents=True, exist_ok=True)

    def run(self, pictures: np.ndarray, what: str = "") -> Outputs:
        """Logits, class maps and pooled features.

        Args:
            pictures: (n, S, S, 1) float32 grey, 0-255.
            what: for the progress bar; none is shown without it.

        Returns:
            The outputs in the order of the pictures.
        """
        parts = [
            self._chunk(pictures[start : start + CHUNK], whole=True)
            for start in tqdm(range(0, len(pictures), CHUNK), what, disable=None if what else True, leave=False)
        ]
        return Outputs(*(np.concatenate([part[name] for part in parts]) for name in ("logits", "maps", "features")))

    def logits(self, pictures: np.ndarray, what: str = "") -> np.ndarray:
        """The logits alone, (n, C): a fiftieth of the disk."""
        return np.concatenate(
            [
                self._chunk(pictures[start : start + CHUNK], whole=False)["logits"]
                for start in tqdm(range(0, len(pictures), CHUNK), what, disable=None if what else True, leave=False)
            ]
        )

    def _chunk(self, pictures: np.ndarray, *, whole: bool) -> dict[str, np.ndarray]:
        # By the pixels themselves: a changed file or a changed disturbance never meets an older result.
        key = hashlib.sha256(np.ascontiguousarray(pictures)).hexdigest()[:32]
        target = self._folder / f"{key}{'-whole' if whole else ''}.npz"
        if target.exists():
            with np.load(target) as kept:
                return dict(kept)
        outputs = [self.bundle.run(picture[None]) for picture in pictures]
        results = {"logits": np.stack([o.logits for o in outputs])}
        if whole:
            results |= {
                "maps": np.stack([o.maps for o in outputs]),
                "features": np.stack([o.features for o in outputs]),
            }
        partial = target.with_suffix(".partial.npz")
        np.savez(partial, allow_pickle=False, **results)
        partial.replace(target)
        return results
