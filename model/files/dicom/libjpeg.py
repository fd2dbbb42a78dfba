"""The JPEG families of DICOM through pylibjpeg-libjpeg, which loses the memory of every picture that it gives up on.

A plug-in for pydicom. As long as what may be lost stays small, the decoder runs in this process; after that in one of
its own, which ends with the picture and takes half a second at most longer.
"""

from __future__ import annotations

import subprocess
import sys
import threading

from pydicom.pixels.decoders import pylibjpeg
from pydicom.pixels.decoders.base import DecodeRunner, get_decoder
from pydicom.uid import JPEGLSTransferSyntaxes, JPEGTransferSyntaxes

PLUGIN = "libjpeg within bounds"
# pydicom asks a plug-in's module for these two.
DECODER_DEPENDENCIES = pylibjpeg.DECODER_DEPENDENCIES
is_available = pylibjpeg.is_available

# Bytes that damaged pictures may cost a server for good, in all.
MOST_LOST = 64_000_000
# Of a picture that is decoded in a process of its own; a radiograph takes one or two.
PATIENCE_SECONDS = 20
# libjpeg works in whole numbers of 32 bits.
_BYTES_A_SAMPLE = 4
_CHILD = (
    "import sys; from libjpeg.utils import decode_pixel_data as decode; "
    "sys.stdout.buffer.write(decode(sys.stdin.buffer.read(), version=2))"
)


class Allowance:
    """Bytes that may still be lost in this process."""

    def __init__(self, left: int) -> None:
        self.left = left
        self._lock = threading.Lock()

    def take(self, size: int) -> bool:
        """Set bytes aside for a picture; False if there are not as many left."""
        with self._lock:
            enough = size <= self.left
            self.left -= size if enough else 0
        return enough

    def put_back(self, size: int) -> None:
        """The picture was decoded, and its memory freed."""
        with self._lock:
            self.left += size


allowance = Allowance(MOST_LOST)


def decode_frame(src: bytes, runner: DecodeRunner) -> bytearray:
    """Decompress one frame, as pydicom asks of its plug-ins.

    Args:
        src: the compressed frame.
        runner: knows the size and kind of its pixels.

    Returns:
        The pixels.

    Raises:
        ValueError: the decoder failed, took too long, or died.
    """
    size = _BYTES_A_SAMPLE * runner.rows * runner.columns * runner.samples_per_pixel
    if allowance.take(size):
        # Not put back after an exception: that is the memory that is lost.
        pixels = pylibjpeg._decode_frame(src, runner)
        allowance.put_back(size)
        return pixels
    if runner.transfer_syntax in JPEGLSTransferSyntaxes:
        # As pydicom's own plug-in says of this decoder.
        runner.set_option("planar_configuration", 0)
        precision = runner.get_option("jls_precision", runner.bits_stored)
        runner.set_option("bits_allocated", 8 if precision <= 8 else 16)
    return _in_a_process(src)


def _in_a_process(src: bytes) -> bytearray:
    # -P: a file of the working folder must not pass for the decoder. What it prints could quote the file.
    command = [sys.executable, "-P", "-c", _CHILD]
    pipe, nowhere = subprocess.PIPE, subprocess.DEVNULL
    try:
        done = subprocess.run(command, input=src, stdout=pipe, stderr=nowhere, timeout=PATIENCE_SECONDS, check=True)
    except subprocess.SubprocessError:
        raise ValueError("the decoder failed or took too long") from None
    return bytearray(done.stdout)


for _syntax in JPEGTransferSyntaxes + JPEGLSTransferSyntaxes:
    get_decoder(_syntax).add_plugin(PLUGIN, (__name__, "decode_frame"))
