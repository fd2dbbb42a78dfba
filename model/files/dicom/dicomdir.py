"""A DICOMDIR, the table of contents of a disc or an export -> the pictures that it names."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from model.files.formats import MEGA
from model.files.warnings_filter import quiet

NAME = "DICOMDIR"
# A picture takes some hundred bytes of it, with its series and study.
_LONGEST = 32 * MEGA
_MOST_RECORDS = 200_000
_ITEM = b"\xfe\xff\x00\xe0"
_NOT_IN_USE = 0


def is_dicomdir(path: Path) -> bool:
    """Whether a file has the name that the standard prescribes (PS3.10, section 8.6); discs may show it small."""
    return path.name.upper() == NAME


def pictures(path: Path) -> list[Path] | None:
    """The files of the records of kind IMAGE (PS3.3, F.3), in their order.

    Args:
        path: of the DICOMDIR.

    Returns:
        Paths in its folder, whether there is such a file or not; None where the file is no DICOMDIR.
    """
    # Here and not above: pydicom costs 0.1 s to import, which a reader of PNG files need not pay.
    import pydicom

    try:
        if path.stat().st_size > _LONGEST:
            return None
        data = path.read_bytes()
        if data.count(_ITEM) > _MOST_RECORDS:
            return None
        with quiet():
            dataset: Any = pydicom.dcmread(io.BytesIO(data), specific_tags=["DirectoryRecordSequence"])
            named = [_parts(record) for record in dataset.DirectoryRecordSequence]
    except Exception:  # pydicom raises what it likes on a damaged file; reading it as a picture tells what it is
        return None
    return [_as_stored(path.parent, parts) for parts in named if parts]


def _parts(record: Any) -> list[str]:
    """Folders and name of the record's file; empty where it is no picture or would lead out of the disc."""
    if record.get("DirectoryRecordType") != "IMAGE" or record.get("RecordInUseFlag") == _NOT_IN_USE:
        return []
    value = record.get("ReferencedFileID") or []
    parts = [value] if isinstance(value, str) else [str(part) for part in value]
    leads_out = any(part in ("", ".", "..") or {"/", "\\", ":", "\0"} & set(part) for part in parts)
    return [] if leads_out else parts


def _as_stored(folder: Path, parts: list[str]) -> Path:
    """Names are capitals by the standard, and some systems show them small."""
    path, small = folder.joinpath(*parts), folder.joinpath(*(part.lower() for part in parts))
    return small if not path.exists() and small.exists() else path
