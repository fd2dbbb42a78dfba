"""Folders of radiographs -> images with label and split, by the names of the folders and the content of the files."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from model.errors import Unreadable
from model.files.formats import sniff

# Words of the names of splits -> the split.
SPLITS = {
    **dict.fromkeys(("train", "training", "trainset"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "valset", "dev"), "validation"),
    **dict.fromkeys(("test", "testing", "testset"), "test"),
}
SYSTEM_NAMES = frozenset({"__macosx", "__pycache__", "thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "lost+found"})
SYSTEM_NAMES |= {"#recycle", "$recycle.bin", "system volume information"}
# Folders of segmentations beside the images.
MASKS = re.compile(r"mask|segment|annotation|ground[ _-]?truth", re.IGNORECASE)
MASK_FILE = re.compile(r"(.+?)[ _-]?(?:lungs?|infection)?[ _-]?(?:masks?|seg|segmentation)", re.IGNORECASE)
# Folders that hold the images of a class or of all classes.
CONTAINERS = frozenset(["image", "images", "imgs", "img", "pictures", "data", "dataset", "xray", "xrays", "x-rays"])
HIDDEN = "hidden file, or in a hidden or system folder"
MASK = "segmentation mask"
OUTSIDE_CLASS = "not in the folder of a class"
OUTSIDE_SPLIT = "beside the folders of the splits"

Image = tuple[Path, str, str]
Skipped = tuple[Path, str]


def find_images(folder: Path) -> tuple[list[Image], list[Skipped]]:
    """Find the images of a folder with one sub-folder per class.

    These layouts are understood: CLASS/..., train|val|test/CLASS/..., CLASS/train|val|test/..., each of them in further
    folders that hold nothing else, and images/ and masks/ inside a class or above the classes. Linked folders are
    followed.

    Args:
        folder: the root.

    Returns:
        (path, label, split) of each image, the split empty where the folders give none; and (path, reason) of each
        file that is no image or is left out.
    """
    skipped: list[Skipped] = []
    return list(_find_classes(_Folder(folder), "", skipped)), skipped


def split_of(name: str) -> str:
    """The split that a folder or a cell names ("Train", "training_set", "val"), or an empty string."""
    words = [word for word in re.findall(r"[a-z]+", name.lower()) if word not in ("set", "data", "split", "images")]
    return SPLITS.get(words[0], "") if len(words) == 1 else ""


class _Folder:
    """A folder with its files and sub-folders; what is hidden, and a link to a folder above it, is left out."""

    def __init__(self, path: Path, above: frozenset[str] = frozenset()) -> None:
        self.path = path
        self.name = path.name.strip()
        self.files: list[Path] = []
        self.left_out: list[Skipped] = []
        self._here = above | {os.path.realpath(path)}
        self._below: list[Path] = []
        try:
            entries = sorted(path.iterdir())
        except OSError as error:
            self.left_out.append((path, f"can't be opened ({error.strerror})"))
            return
        for entry in entries:
            if entry.name.startswith((".", "@", "~$")) or entry.name.lower() in SYSTEM_NAMES:
                self.left_out += [(file, HIDDEN) for file in _files_below(entry)]
            elif not entry.is_dir():
                self.files.append(entry)
            elif os.path.realpath(entry) in self._here:
                self.left_out.append((entry, "link to a folder above it"))
            else:
                self._below.append(entry)

    @cached_property
    def folders(self) -> list[_Folder]:
        """The sub-folders."""
        return [_Folder(path, self._here) for path in self._below]

    @cached_property
    def gives_splits(self) -> bool:
        """Whether the sub-folders are named after splits: train and another one, or train with classes in it."""
        train = [below for below in self.folders if split_of(below.name) == "train"]
        others = {split_of(below.name) for below in self.folders} - {"", "train"}
        return bool(train) and (bool(others) or len(train[0].folders) > 1)

    @property
    def is_class(self) -> bool:
        """Whether a folder without siblings is a class, and not a folder above the classes."""
        if not self.folders:
            return True
        if self.name.lower() in CONTAINERS:
            return False
        if self.gives_splits:  # CLASS/train/FILE and not train/CLASS/FILE
            return not all(part.folders for part in self.folders if split_of(part.name))
        names = [below.name for below in self.folders]
        return any(name.lower() in CONTAINERS for name in names) or (len(names) > 1 and any(map(MASKS.search, names)))


def _find_classes(folder: _Folder, split: str, skipped: list[Skipped]) -> Iterator[Image]:
    """The images below a folder that is above the classes."""
    skipped += folder.left_out
    skipped += [(file, _why_no_image(file) or OUTSIDE_CLASS) for file in folder.files]
    if not split and folder.gives_splits:
        for part in folder.folders:
            if given := split_of(part.name):
                yield from _find_classes(part, given, skipped)
            else:
                skipped += [(file, OUTSIDE_SPLIT) for file in _files_below(part.path)]
        return
    classes = [below for below in folder.folders if not MASKS.search(below.name)] or folder.folders
    for below in folder.folders:
        if below not in classes:
            skipped += [(file, MASK) for file in _files_below(below.path)]
    if len(classes) == 1 and not classes[0].is_class:
        yield from _find_classes(classes[0], split, skipped)
        return
    for below in classes:
        yield from _find_in_class(below, below.name, split, skipped)


def _find_in_class(folder: _Folder, label: str, split: str, skipped: list[Skipped]) -> Iterator[Image]:
    """The images of a class."""
    skipped += folder.left_out
    stems = {file.stem for file in folder.files}
    for file in folder.files:
        mask = MASK_FILE.fullmatch(file.stem)
        if mask and mask[1] in stems:
            skipped.append((file, MASK))
        elif reason := _why_no_image(file):
            skipped.append((file, reason))
        else:
            yield file, label, split
    for below in folder.folders:
        if MASKS.search(below.name):
            skipped += [(file, MASK) for file in _files_below(below.path)]
        else:
            given = split_of(below.name) if not split and folder.gives_splits else ""
            yield from _find_in_class(below, label, given or split, skipped)


def _files_below(path: Path) -> Iterator[Path]:
    """The files in a folder that is left out, links not followed; the path itself if it is no folder."""
    if not path.is_dir() or path.is_symlink():
        yield path
        return
    for folder, _, names in os.walk(path):
        yield from (Path(folder) / name for name in sorted(names))


def _why_no_image(path: Path) -> str | None:
    """The reason why a file is no image, by its first bytes; None where it is one."""
    try:
        if not path.is_file():
            return "no file: a broken link or a device"
        with path.open("rb") as file:
            sniff(file.read(512))
    except Unreadable as error:
        return str(error)
    except OSError as error:
        return f"can't be opened ({error.strerror})"
    return None
