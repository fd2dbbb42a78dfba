"""Copies of one image, and splits in which no patient and no copy is on two sides."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import cv2
import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

from model.training.data.manifest import Record

# One fold in seven (14 %) each for validation and test leaves 71 % for training.
FOLDS = 7
HASH_SIZE = 16
# Checked on 8,755 images of the six shared sources: the nine pairs of different groups within 40 of 256 bits were all
# the same film or patient (re-windowed, cropped, in two public sets); most copies differ by 0 bits.
NEAR_DUPLICATE_BITS = 40
# Of two copies in different splits, the one in the later split is not used.
PRECEDENCE = ("external", "test", "validation", "train")


def perceptual_hashes(pictures: np.ndarray) -> np.ndarray:
    """DCT hashes (pHash: Zauner 2010), 256 bits each.

    Args:
        pictures: (N, S, S) uint8.

    Returns:
        (N, 4) uint64; two similar images differ in few bits.
    """
    hashes = np.empty((len(pictures), HASH_SIZE * HASH_SIZE // 8), np.uint8)
    for i, picture in enumerate(pictures):
        small = cv2.resize(picture, (4 * HASH_SIZE, 4 * HASH_SIZE), interpolation=cv2.INTER_AREA)
        low = cv2.dct(small.astype(np.float32))[:HASH_SIZE, :HASH_SIZE].ravel()
        hashes[i] = np.packbits(low > np.median(low))
    return hashes.view(np.uint64)


def find_copies(hashes: np.ndarray, bits: int = NEAR_DUPLICATE_BITS) -> list[tuple[int, int]]:
    """Pairs of exact or near copies, the later position first.

    Args:
        hashes: (N, 4) uint64, as `perceptual_hashes` returns them.
        bits: images whose hashes differ in at most this many bits are copies.
    """
    pairs = []
    for i in range(1, len(hashes)):
        distance = np.bitwise_count(hashes[:i] ^ hashes[i]).sum(axis=1)
        pairs += [(i, j) for j in np.flatnonzero(distance <= bits).tolist()]
    return pairs


def tie_duplicates(groups: Sequence[str], pairs: Iterable[tuple[int, int]]) -> tuple[list[str], int]:
    """Give copies of one image one group.

    Args:
        groups: the group of each image.
        pairs: as `find_copies` returns them.

    Returns:
        The groups afterwards, and how many images are copies of an earlier one.
    """
    parent = {g: g for g in groups}

    def root(group: str) -> str:
        while parent[group] != group:
            parent[group] = parent[parent[group]]
            group = parent[group]
        return group

    copies = set()
    for i, j in pairs:
        copies.add(i)
        parent[root(groups[i])] = root(groups[j])
    return [root(g) for g in groups], len(copies)


def split_by_group(records: Sequence[Record], groups: Sequence[str], seed: int) -> list[str]:
    """Assign splits, stratified by source and class, no group ever in two of them.

    Args:
        records: with split "" where one is to be assigned. Given splits are kept; where some are given, the rest is
            "train", and a missing validation or test split is taken out of "train".
        groups: the group of each record.
        seed: of the shuffle.

    Returns:
        One split per record. An image whose group is also in a split that comes first in `PRECEDENCE` is "unused".
    """
    splits = [r.split for r in records]
    given = set(splits) & {"train", "validation", "test"}
    if given:
        splits = [split or "train" for split in splits]
    apart = {g for g, split in zip(groups, splits, strict=True) if split in PRECEDENCE[:-1]}
    free = [i for i, split in enumerate(splits) if split == ("train" if given else "") and groups[i] not in apart]
    strata = [f"{records[i].source}/{records[i].label}" for i in free]
    parts = {number: name for number, name in enumerate(("test", "validation")) if name not in given}
    folds = StratifiedGroupKFold(n_splits=FOLDS, shuffle=True, random_state=seed)
    for number, (_, members) in enumerate(folds.split(free, strata, [groups[i] for i in free])):
        for member in members.tolist():
            splits[free[member]] = parts.get(number, "train")
    first = {g: name for name in reversed(PRECEDENCE) for g, split in zip(groups, splits, strict=True) if split == name}

    def may_stay(group: str, split: str) -> bool:
        if split == "unlabelled":
            return first.get(group, "train") == "train"
        return split in PRECEDENCE and first[group] == split

    return [split if may_stay(g, split) else "unused" for g, split in zip(groups, splits, strict=True)]
