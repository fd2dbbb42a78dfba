"""The checks before training: copies and patients stay in one split, bad files are named, small classes refused."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest

from model.training.data import dataset, manifest, splits, targets
from tests.conftest import draw_chest


def checked(folder: Path, **options: object) -> dataset.Dataset:
    listed = manifest.select(manifest.find_records(folder).records)
    return dataset.check(listed, size=64, seed=1, **options)  # type: ignore[arg-type]


def test_folder_gives_classes_with_positive_last_and_every_picture_once(drawn_folder: Path) -> None:
    data = checked(drawn_folder)
    assert data.classes == ("normal", "other", "covid19")
    assert len({r.path for r in data.records}) == len(data.records) == 120
    counts = Counter((r.label, r.split) for r in data.records)
    for label in data.classes:
        assert counts[label, "train"] > counts[label, "validation"] >= 4
        assert counts[label, "test"] >= 4


def test_split_is_the_same_for_the_same_seed_and_differs_for_another(drawn_folder: Path) -> None:
    listed = manifest.find_records(drawn_folder).records
    groups = [r.group for r in listed]
    assert splits.split_by_group(listed, groups, 1) == splits.split_by_group(listed, groups, 1)
    assert splits.split_by_group(listed, groups, 1) != splits.split_by_group(listed, groups, 2)


def test_copies_and_patients_never_cross_a_split(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = ["path,source,label,patient"]
    for label in ("normal", "covid19"):
        for number in range(120):
            picture = draw_chest(rng, label)
            # Every other picture is stored again, re-encoded and brighter, as if by another patient.
            for copy in range(1 + number % 2):
                name = f"{label}{number}_{copy}.jpg"
                cv2.imwrite(str(tmp_path / name), cv2.convertScaleAbs(picture, alpha=1 + 0.05 * copy))
                rows.append(f"{name},a,{label},{label}{number // 4 if copy == 0 else f'x{number}'}")
    (tmp_path / "manifest.csv").write_text("\n".join(rows), encoding="utf-8")
    data = checked(tmp_path / "manifest.csv")
    by_picture: dict[str, set[str]] = {}
    for record in data.records:
        by_picture.setdefault(record.path.stem.split("_")[0], set()).add(record.split)
    assert all(len(parts) == 1 for parts in by_picture.values())
    assert data.duplicates >= 120
    by_group: dict[str, set[str]] = {}
    for record in data.records:
        by_group.setdefault(record.group, set()).add(record.split)
    assert all(len(parts) == 1 for parts in by_group.values())


def test_unreadable_file_is_named_and_skipped(drawn_folder: Path, tmp_path: Path) -> None:
    rows = ["path,label"] + [f"{p},{p.parent.name}" for p in sorted(drawn_folder.rglob("*.png"))]
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n but no more")
    rows += ["broken.png,normal", "absent.png,normal"]
    (tmp_path / "manifest.csv").write_text("\n".join(rows), encoding="utf-8")
    data = checked(tmp_path / "manifest.csv")
    assert [path.name for path, _ in data.skipped] == ["broken.png", "absent.png"]
    assert "skipped" in data.summary() and "broken.png" in data.summary()
    assert len(data.records) == 120


def test_cached_decode_gives_the_same_pixels_and_reasons(drawn_folder: Path, tmp_path: Path) -> None:
    rows = (
        ["path,label"] + [f"{p},{p.parent.name}" for p in sorted(drawn_folder.rglob("*.png"))] + ["absent.png,normal"]
    )
    (tmp_path / "manifest.csv").write_text("\n".join(rows), encoding="utf-8")
    first = checked(tmp_path / "manifest.csv", cache=tmp_path / "cache")
    assert len(list((tmp_path / "cache").glob("*.npy"))) == 1
    again = checked(tmp_path / "manifest.csv", cache=tmp_path / "cache")
    assert len(list((tmp_path / "cache").glob("*.npy"))) == 1
    assert np.array_equal(first.pictures, again.pictures) and first.skipped == again.skipped != ()


def test_changed_file_of_the_same_length_and_time_is_decoded_again(drawn_folder: Path, tmp_path: Path) -> None:
    for path in drawn_folder.rglob("*.png"):
        copy = tmp_path / "data" / path.parent.name / f"{path.stem}.bmp"  # uncompressed: the length never changes
        copy.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(copy), np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)))
    first = checked(tmp_path / "data", cache=tmp_path / "cache")
    changed = tmp_path / "data" / "normal" / "0.bmp"
    before = changed.stat()
    pixels = np.asarray(cv2.imread(str(changed), cv2.IMREAD_GRAYSCALE))
    cv2.imwrite(str(changed), 255 - pixels)
    os.utime(changed, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (changed.stat().st_size, changed.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    second = checked(tmp_path / "data", cache=tmp_path / "cache")
    place = next(i for i, record in enumerate(first.records) if record.path == changed)
    assert np.array_equal(first.pictures[place], 255 - second.pictures[place])


def test_external_sources_are_never_trained_on_nor_their_patients(tmp_path: Path) -> None:
    made = [
        manifest.Record(Path(f"{s}{i}"), s, label, f"{s}{i}" if i else "shared patient")
        for s in ("a", "cohen")
        for i, label in enumerate(["normal", "covid19"] * 30)
    ]
    chosen = manifest.select(made, hold_out=manifest.EXTERNAL_SOURCES)
    parts = splits.split_by_group(chosen, [r.group for r in chosen], 1)
    assert {s for r, s in zip(chosen, parts, strict=True) if r.source == "cohen"} == {"external"}
    assert parts[0] == "unused"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("file,class\na.png,normal\n", "needs a header"),
        ("path,label\na.png,not_chest_xray\n", "No labelled pictures"),
    ],
)
def test_wrong_manifest_is_refused_in_a_sentence(tmp_path: Path, content: str, sentence: str) -> None:
    path = tmp_path / "manifest.csv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(manifest.DatasetError, match=sentence):
        checked(path)


def test_small_class_and_single_class_are_refused(drawn_folder: Path, tmp_path: Path) -> None:
    normals = [f"{p},normal" for p in (drawn_folder / "normal").iterdir()]
    few = [f"{p},covid19" for p in sorted((drawn_folder / "covid19").iterdir())[:5]]
    (tmp_path / "few.csv").write_text("\n".join(["path,label", *normals, *few]), encoding="utf-8")
    with pytest.raises(manifest.DatasetError, match="covid19 has 5 images of 5 patients"):
        checked(tmp_path / "few.csv")
    (tmp_path / "one.csv").write_text("\n".join(["path,label", *normals]), encoding="utf-8")
    with pytest.raises(manifest.DatasetError, match="One class only"):
        checked(tmp_path / "one.csv")


@pytest.mark.parametrize("label", ["COVID-19", "covid19", "COVID", "positive", "Covid_Positive"])
def test_positive_class_is_found(label: str) -> None:
    assert targets.is_positive(label)
    assert targets.order_classes(["zebra", label, "normal"])[-1] == label


@pytest.mark.parametrize("label", ["normal", "non-covid", "noncovid", "negative", "other"])
def test_negative_class_is_not_taken_for_it(label: str) -> None:
    assert not targets.is_positive(label)


def test_shared_manifest_splits_without_leak(shared_data: Path) -> None:
    listed = manifest.select(
        manifest.find_records(shared_data / "manifest.csv").records, hold_out=manifest.EXTERNAL_SOURCES
    )
    parts = splits.split_by_group(listed, [r.group for r in listed], 1)
    seen: dict[str, set[str]] = {}
    for record, split in zip(listed, parts, strict=True):
        seen.setdefault(record.group, set()).add(split)
    assert all(not {"external", "train"} <= listed and len(listed - {"unused"}) <= 1 for listed in seen.values())
