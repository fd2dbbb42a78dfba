"""Folders and manifests as people have them: what is found is right, and what is skipped is counted and named."""

from __future__ import annotations

import csv
import struct
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest

from model.training import config
from model.training.data import dataset, manifest, targets
from model.training.data.folders import HIDDEN, MASK, OUTSIDE_CLASS, OUTSIDE_SPLIT
from tests.conftest import draw_chest


def png() -> bytes:
    return cv2.imencode(".png", np.zeros((40, 40), np.uint8))[1].tobytes()


def dicom() -> bytes:
    """An uncompressed DICOM file of 40 x 40 pixels, explicit VR little endian."""

    def element(group: int, number: int, vr: bytes, value: bytes) -> bytes:
        value += b"\0" * (len(value) % 2)
        length = struct.pack("<HI", 0, len(value)) if vr == b"OB" else struct.pack("<H", len(value))
        return struct.pack("<HH2s", group, number, vr) + length + value

    meta = element(2, 0x10, b"UI", b"1.2.840.10008.1.2.1")
    sizes = b"".join(
        element(0x28, number, b"US", struct.pack("<H", value))
        for number, value in ((2, 1), (0x10, 40), (0x11, 40), (0x100, 8), (0x101, 8), (0x102, 7), (0x103, 0))
    )
    pixels = element(0x7FE0, 0x10, b"OB", np.arange(1600, dtype=np.uint16).astype(np.uint8).tobytes())
    return bytes(128) + b"DICM" + element(2, 0, b"UL", struct.pack("<I", len(meta))) + meta + sizes + pixels


def put(folder: Path, *names: str, content: bytes | None = None) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png() if content is None else content)


def counts(listing: manifest.Listing) -> dict[tuple[str, str], int]:
    return dict(Counter((r.label, r.split) for r in listing.records))


def reasons(listing: manifest.Listing) -> dict[str, int]:
    return dict(Counter(reason for _, reason in listing.skipped))


def test_hidden_and_system_files_are_no_classes_and_no_images(tmp_path: Path) -> None:
    put(tmp_path, "COVID/a.png", "COVID/b.png", "normal/c.png")
    put(
        tmp_path, ".ipynb_checkpoints/a.png", "@eaDir/a.png", "__MACOSX/COVID/._a.png", "COVID/.ipynb_checkpoints/a.png"
    )
    put(tmp_path, "normal/Thumbs.db", "normal/._c.png", "COVID/.DS_Store", "$RECYCLE.BIN/d.png", ".git/objects/e")
    listing = manifest.find_records(tmp_path)
    assert counts(listing) == {("COVID", ""): 2, ("normal", ""): 1}
    assert reasons(listing) == {HIDDEN: 9}


def test_files_are_told_by_their_content(tmp_path: Path) -> None:
    put(tmp_path, "COVID/1.2.840.113619.2.55.3.1", "normal/IM0001.ima", "normal/scan.img", content=dicom())
    put(tmp_path, "COVID/no_ending", "normal/wrong.txt")
    put(tmp_path, "COVID/photo.jfif", content=cv2.imencode(".jpg", np.zeros((40, 40), np.uint8))[1].tobytes())
    put(tmp_path, "COVID/metadata.png", content=b"file,finding\na,b\n")
    put(tmp_path, "README.md", content=b"Radiographs of two hospitals.")
    put(tmp_path, "loose.png")
    listing = manifest.find_records(tmp_path)
    assert counts(listing) == {("COVID", ""): 3, ("normal", ""): 3}
    skipped = {path.name: reason for path, reason in listing.skipped}
    assert "text" in skipped["metadata.png"] and "text" in skipped["README.md"]
    assert skipped["loose.png"] == OUTSIDE_CLASS


def test_linked_folders_are_followed_and_loops_are_not(tmp_path: Path) -> None:
    put(tmp_path / "store", "ill/a.png", "ill/deep/b.png", "well/c.png")
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "COVID").symlink_to(tmp_path / "store" / "ill")
    (folder / "normal").symlink_to(tmp_path / "store" / "well")
    (tmp_path / "store" / "ill" / "deep" / "again").symlink_to(tmp_path / "store" / "ill")
    (tmp_path / "store" / "well" / "broken.png").symlink_to(tmp_path / "nowhere.png")
    listing = manifest.find_records(folder)
    assert counts(listing) == {("COVID", ""): 2, ("normal", ""): 1}
    assert sorted(path.name for path, _ in listing.skipped) == ["again", "broken.png"]


@pytest.mark.parametrize(
    "layout",
    [
        "{split}/{label}/{name}",
        "chest_xray/{split}/{label}/{name}",
        "chest_xray/chest_xray/{split}/{label}/images/{name}",
        "images/{split}/{label}/{name}",
        "{label}/{split}/{name}",
        "set/{split}_set/{label}/{name}",
    ],
)
def test_given_splits_are_kept(layout: str, tmp_path: Path) -> None:
    for split, number in (("train", 3), ("val", 1), ("Test", 2)):
        for label in ("NORMAL", "PNEUMONIA"):
            for i in range(number):
                put(tmp_path, layout.format(split=split, label=label, name=f"{split}{i}.png"))
    put(tmp_path, "__MACOSX/x")
    listing = manifest.find_records(tmp_path)
    expected = {(label, s): n for label in ("NORMAL", "PNEUMONIA") for s, n in _SPLITS.items()}
    assert counts(listing) == expected
    assert any("splits" in note for note in listing.notes)


_SPLITS = {"train": 3, "validation": 1, "test": 2}


def test_folders_beside_the_splits_and_unsorted_test_images_are_counted(tmp_path: Path) -> None:
    put(tmp_path, "train/A/1.png", "train/B/1.png", "val/A/2.png", "val/B/2.png", "test/3.png", "copy/A/4.png")
    listing = manifest.find_records(tmp_path)
    assert counts(listing) == {(label, split): 1 for label in "AB" for split in ("train", "validation")}
    assert reasons(listing) == {OUTSIDE_CLASS: 1, OUTSIDE_SPLIT: 1}


@pytest.mark.parametrize(
    "layout",
    ["{label}/images/{n}.png {label}/masks/{n}.png", "images/{label}/{n}.png lung masks/{label}/{n}.png",
     "{label}/{n}.png {label}/{n}_mask.png", "{label}/{n}.png {label}/Infection Masks/{n}.png",
     "Lung Segmentation Data/{label}/images/{n}.png Lung Segmentation Data/{label}/ground_truth/{n}.png"],
)  # fmt: skip
def test_masks_are_left_out(layout: str, tmp_path: Path) -> None:
    for label in ("COVID", "Normal"):
        for n in range(3):
            put(tmp_path, *(name.format(label=label, n=n) for name in layout.replace(".png ", ".png|").split("|")))
    listing = manifest.find_records(tmp_path)
    assert counts(listing) == {("COVID", ""): 3, ("Normal", ""): 3}
    assert reasons(listing) == {MASK: 6}


def test_masks_are_told_by_their_pixels_too(drawn_folder: Path, tmp_path: Path) -> None:
    rows = [(path, path.parent.name) for path in sorted(drawn_folder.rglob("*.png"))]
    y, x = np.mgrid[:128, :128]
    for n in range(3):
        lungs = ((x - 40 - n) / 20) ** 2 + ((y - 64) / 40) ** 2 < 1
        cv2.imwrite(str(tmp_path / f"lungs{n}.png"), lungs.astype(np.uint8) * (255 if n else 1))
        rows.append((tmp_path / f"lungs{n}.png", "normal"))
    data = check(write(tmp_path / "manifest.csv", rows))
    assert len(data.records) == 120
    assert [path.name for path, _ in data.skipped] == ["lungs0.png", "lungs1.png", "lungs2.png"]


ROWS = [("a.png", "COVID"), ("Lunge-ß.png", "normal")]


def write(path: Path, rows: list[tuple], separator: str = ",", encoding: str = "utf-8", first: str = "") -> Path:
    with path.open("w", newline="", encoding=encoding) as file:
        file.write(first)
        csv.writer(file, delimiter=separator).writerows([("Path", " label"), *rows])
    return path


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "utf-16", "utf-16-le", "utf-16-be"])
def test_tables_of_any_encoding_and_separator_are_read(separator: str, encoding: str, tmp_path: Path) -> None:
    listing = manifest.find_records(write(tmp_path / "table.csv", ROWS, separator, encoding))
    assert [(r.path, r.label) for r in listing.records] == [(tmp_path / name, label) for name, label in ROWS]


def test_line_that_excel_writes_above_the_header_is_read(tmp_path: Path) -> None:
    rows = [("x,y,z,u,v.png", "COVID"), ("b.png", "normal")]
    listing = manifest.find_records(write(tmp_path / "table.csv", rows, ";", first="sep=;\r\n"))
    assert [r.path.name for r in listing.records] == ["x,y,z,u,v.png", "b.png"]


def test_rows_without_path_or_label_are_counted(tmp_path: Path) -> None:
    rows = [*ROWS, ("c.png",), ("d.png", "nan"), ("e.png", " "), ("", "COVID"), ("f.png", "N/A")]
    listing = manifest.find_records(write(tmp_path / "table.csv", rows))
    assert [r.label for r in listing.records] == ["COVID", "normal", "", "", "", ""]
    assert any(note.startswith("4 rows have no label") for note in listing.notes)
    assert [path.name for path, _ in listing.skipped] == ["table.csv, row 7"]


def test_file_with_several_labels_is_skipped_and_named(tmp_path: Path) -> None:
    rows = [*ROWS, ("./a.png", "normal"), ("Lunge-ß.png", "normal"), ("Lunge-ß.png",)]
    listing = manifest.find_records(write(tmp_path / "table.csv", rows))
    assert [(r.path.name, r.label) for r in listing.records] == [("Lunge-ß.png", "normal")]
    assert listing.skipped == ((tmp_path / "a.png", "listed with several labels (covid, normal)"),)
    assert listing.notes[-1].startswith("2 entries list a file again")


def test_same_image_under_two_names_with_two_labels_is_skipped_and_named(drawn_folder: Path, tmp_path: Path) -> None:
    rows = [(path, path.parent.name) for path in sorted(drawn_folder.rglob("*.png"))]
    copied, again = rows[0][0], rows[41][0]
    put(tmp_path, "copy.png", content=copied.read_bytes())
    brighter = np.clip(np.asarray(cv2.imread(str(again), cv2.IMREAD_GRAYSCALE)) * 1.05, 0, 255).astype(np.uint8)
    cv2.imwrite(str(tmp_path / "near.jpg"), brighter)
    data = check(write(tmp_path / "table.csv", [*rows, ("copy.png", "normal"), ("near.jpg", "other")]))
    assert {path.name for path, _ in data.skipped} == {copied.name, "copy.png"}
    assert all("several labels" in reason for _, reason in data.skipped)
    (note,) = (note for note in data.notes if "different labels" in note)
    assert "near.jpg (other)" in note and f"{again.name} (normal)" in note


def test_spellings_of_a_label_are_one_class(tmp_path: Path) -> None:
    put(
        tmp_path,
        "train/Normal/1.png",
        "train/COVID/2.png",
        "test/NORMAL/3.png",
        "test/COVID/4.png",
        "train/Normal/5.png",
    )
    listing = manifest.find_records(tmp_path)
    assert {r.label for r in listing.records} == {"Normal", "COVID"}
    assert "NORMAL, Normal are taken as one class, Normal" in listing.notes


@pytest.mark.parametrize("content", ['path,label\n"a.png,COVID\nb.png,normal\n', "a.png,COVID\n", "", "path;label\n"])
def test_table_that_is_no_manifest_is_refused(content: str, tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text(content, encoding="utf-8")
    with pytest.raises(manifest.DatasetError, match=r"table\.csv is not"):
        manifest.find_records(tmp_path / "table.csv")


def test_split_column_is_kept_and_unknown_names_are_not(tmp_path: Path) -> None:
    for name, splits in (("known.csv", ["train", "valid", "TEST"]), ("folds.csv", ["0", "1", "2"])):
        rows = [f"{i}.png,normal,{split}" for i, split in enumerate(splits)]
        (tmp_path / name).write_text("\n".join(["path,label,split", *rows]), encoding="utf-8")
    assert [r.split for r in manifest.find_records(tmp_path / "known.csv").records] == ["train", "validation", "test"]
    folds = manifest.find_records(tmp_path / "folds.csv")
    assert {r.split for r in folds.records} == {""} and "ignored" in folds.notes[0]


@pytest.mark.parametrize("name", ["cohen", "darkcovid", "rsna"])
def test_folder_of_any_name_is_trained_on(name: str, drawn_folder: Path, tmp_path: Path) -> None:
    (tmp_path / name).mkdir()
    for label in ("normal", "covid19"):
        (tmp_path / name / label).symlink_to(drawn_folder / label)
    settings = config.Settings(weights=None, image_size=56)
    data = dataset.load(config.Plan(str(tmp_path / name)), settings, tmp_path / "run")
    assert {r.source for r in data.records} == {name} and len(data.indices("train")) > 40


def test_sources_of_the_project_stay_external_where_there_are_others() -> None:
    records = [manifest.Record(Path("x"), source, "normal", "") for source in ("siim", "cohen", "ricord")]
    assert set(manifest.default_hold_out(records)) == {"cohen", "ricord"}
    assert manifest.default_hold_out(records[1:]) == ()


def test_written_manifest_lists_the_same_records(tmp_path: Path) -> None:
    put(tmp_path / "data", "train/A/1.png", "train/B, C/2.png", "val/A/3.png", "val/B, C/4.png")
    listing = manifest.find_records(tmp_path / "data")
    manifest.write_manifest(tmp_path / "list" / "manifest.csv", listing.records)
    assert manifest.find_records(tmp_path / "list" / "manifest.csv").records == listing.records


def check(data: Path) -> dataset.Dataset:
    return dataset.check(manifest.select(manifest.find_records(data).records), size=64, seed=1)


def test_given_splits_stay_and_missing_ones_come_out_of_training(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    for split, number in (("train", 30), ("test", 8)):
        for label in ("normal", "covid19"):
            folder = tmp_path / split / label
            folder.mkdir(parents=True)
            for i in range(number):
                cv2.imwrite(str(folder / f"{i}.png"), draw_chest(rng, label))
    # One test image was trained on as well: its copy in the training split is not used.
    (tmp_path / "train/normal/leak.png").write_bytes((tmp_path / "test/normal/0.png").read_bytes())
    data = check(tmp_path)
    assert all((r.split == "test") == ("test" in r.path.parts[-3]) for r in data.records if r.split != "unused")
    assert [r.path.name for r in data.records if r.split == "unused"] == ["leak.png"]
    assert len(data.indices("test")) == 16 and len(data.indices("validation")) >= 6
    assert any("kept apart" in note for note in data.notes)


@pytest.mark.parametrize(
    ("first", "last"),
    [
        ("COVID_negative", "COVID_positive"),
        ("COVID-", "COVID+"),
        ("covid19neg", "covid19pos"),
        ("noncovid", "COVID-19"),
        ("Sin COVID", "COVID"),
        ("ohne_covid", "covid"),
        ("NonCOVID", "Covid"),
        ("no_findings", "Pneumonia"),
        ("healthy", "TB"),
        ("Negative for Pneumonia", "Typical Appearance"),
        ("Normal", "abnormal"),
        ("control", "Viral Pneumonia"),
        ("not ill", "ill"),
    ],
)
def test_negative_class_comes_first_and_positive_last(first: str, last: str) -> None:
    assert targets.order_classes([first, last]) == targets.order_classes([last, first]) == (first, last)
    assert not targets.is_positive(first) and targets.is_negative(first)
