"""Files on their way from the browser into the server's memory, and nowhere else."""

from __future__ import annotations

import sys

from starlette.formparsers import MultiPartParser


def keep_in_memory() -> None:
    """Let no upload touch a disk; call it once in a server, before a visitor can choose a file.

    Starlette, which receives files for Streamlit, puts those of over 1 MB into a temporary file until they have
    arrived. It has no name and is gone a moment later, but a radiograph would have been on the disk. Streamlit's own
    limit, which is met while the bytes arrive, bounds the memory.
    """
    MultiPartParser.spool_max_size = sys.maxsize
