"""One picture of 8 bits, stored in every format, depth and DICOM syntax that can be written here."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import imagecodecs as _imagecodecs
import numpy as np
import pydicom
import tifffile
from PIL import Image
from pydicom.encaps import encapsulate
from pydicom.uid import UID

Grey = np.ndarray
# Its encoders give bytes or what can be written to, as asked.
imagecodecs: Any = _imagecodecs
_SYNTAX = "1.2.840.10008.1.2"
_WINDOW_12 = {"WindowCenter": "2048", "WindowWidth": "4096"}


def encode(image: Image.Image | Grey, kind: str, **options: Any) -> bytes:
    """A picture file as Pillow writes it."""
    buffer = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(buffer, kind, **options)
    return buffer.getvalue()


def deep(grey: Grey, bits: int) -> Grey:
    """The picture in so many bits, in the middle of what each level of 8 bits stands for."""
    return grey.astype(np.uint16) << (bits - 8) | 1 << (bits - 9)


def pictures(grey: Grey) -> dict[str, bytes]:
    """Picture files by name. "lossy" in it tells that pixels differ by a few levels."""
    image = Image.fromarray(grey)
    alpha = Image.merge("LA", (image, Image.new("L", image.size, 255)))
    twelve, sixteen = deep(grey, 12), grey.astype(np.uint16) * 257
    opaque = np.full_like(sixteen, 65535)
    files = {
        **{f"png {i.mode}": encode(i, "PNG") for i in (image, alpha, image.convert("RGB"), image.convert("RGBA"))},
        "png P": encode(image.convert("P"), "PNG"),
        "png 16": encode(sixteen, "PNG"),
        "png 12 in 16": encode(twelve, "PNG"),
        "png 12 in 16 LA": imagecodecs.png_encode(np.dstack([twelve, opaque])),
        "png 12 in 16 RGB": imagecodecs.png_encode(np.dstack([twelve] * 3)),
        "png 12 in 16 RGBA": imagecodecs.png_encode(np.dstack([twelve] * 3 + [opaque])),
        "jpeg lossy": encode(image, "JPEG", quality=95),
        "jpeg RGB lossy": encode(image.convert("RGB"), "JPEG", quality=95),
        "jpeg progressive lossy": encode(image, "JPEG", quality=95, progressive=True),
        "jpeg restarts lossy": encode(image, "JPEG", quality=95, restart_marker_rows=1),
        "jpeg CMYK lossy": encode(image.convert("CMYK"), "JPEG", quality=95),
        "jpeg 12 lossy": imagecodecs.jpeg8_encode(twelve, level=95, bitspersample=12),
        "jpeg lossless 8": imagecodecs.jpeg8_encode(grey, lossless=True),
        "jpeg lossless 12": imagecodecs.jpeg8_encode(twelve, lossless=True, bitspersample=12),
        "jpeg lossless 16": imagecodecs.jpeg8_encode(sixteen, lossless=True, bitspersample=16),
        "webp lossless": encode(image, "WebP", lossless=True),
        "webp lossy": encode(image, "WebP", quality=95),
        "bmp": encode(image, "BMP"),
        "bmp RGB": encode(image.convert("RGB"), "BMP"),
    }
    for name, array, options in _tiffs(grey):
        buffer = io.BytesIO()
        tifffile.imwrite(buffer, array, metadata=None, **{"photometric": "minisblack", **options})
        files[f"tiff {name}"] = buffer.getvalue()
    return files


def _tiffs(grey: Grey) -> list[tuple[str, Grey, dict[str, Any]]]:
    twelve, sixteen = deep(grey, 12), grey.astype(np.uint16) * 257
    opaque = np.full_like(sixteen, 65535)
    ramp = np.repeat((np.arange(256) * 257).astype(np.uint16)[None], 3, axis=0)
    return [
        ("8", grey, {}),
        *((how, grey, {"compression": how}) for how in ("lzw", "deflate", "packbits")),
        ("predictor", sixteen, {"compression": "lzw", "predictor": True}),
        ("jpeg lossy", grey, {"compression": "jpeg", "compressionargs": {"level": 95}}),
        ("tiles", np.pad(grey, 9), {"tile": (64, 64)}),
        ("white is zero", 255 - grey, {"photometric": "miniswhite"}),
        ("white is zero 16", 65535 - sixteen, {"photometric": "miniswhite"}),
        ("palette", grey, {"photometric": "palette", "colormap": ramp}),
        ("12 in 16", twelve, {}),
        ("16 big-endian", sixteen, {"byteorder": ">"}),
        ("16 big-endian BigTIFF", sixteen, {"byteorder": ">", "bigtiff": True}),
        ("signed 8", (grey.astype(np.int16) - 128).astype(np.int8), {}),
        ("signed 16", (sixteen.astype(np.int32) - 32768).astype(np.int16), {}),
        ("unsigned 32", grey.astype(np.uint32) * 0x01010101, {}),
        ("unsigned 64", grey.astype(np.uint64), {}),
        *((f"float {kind}", (grey / 255).astype(f"f{kind // 8}"), {}) for kind in (16, 32, 64)),
        ("RGB", np.dstack([grey] * 3), {"photometric": "rgb"}),
        ("RGB 12 in 16", np.dstack([twelve] * 3), {"photometric": "rgb"}),
        ("RGB 16 planar", np.stack([sixteen] * 3), {"photometric": "rgb", "planarconfig": "separate"}),
        ("RGBA 12 in 16", np.dstack([twelve] * 3 + [opaque]), {"photometric": "rgb", "extrasamples": ["unassalpha"]}),
        ("LA 12 in 16", np.dstack([twelve, opaque]), {"planarconfig": "contig", "extrasamples": ["unassalpha"]}),
    ]


def dicom_files(grey: Grey) -> dict[str, bytes]:
    """DICOM files by name, as `pictures`."""
    eight, ten, twelve, sixteen = grey, deep(grey, 10), deep(grey, 12), grey.astype(np.uint16) * 257
    window_10, window_16 = ({"WindowCenter": str(2 ** (n - 1)), "WindowWidth": str(2**n)} for n in (10, 16))
    signed = {"PixelRepresentation": 1, "WindowCenter": "0", "WindowWidth": "4096"}
    colours = {"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB", "PlanarConfiguration": 0}
    files = {
        "8": dicom(eight, 8, ".1"),
        "8 implicit": dicom(eight, 8, ""),
        "12 implicit": dicom(twelve, 12, "", **_WINDOW_12),
        "12": dicom(twelve, 12, ".1", **_WINDOW_12),
        "12 without window": dicom(twelve, 12, ".1"),
        "12 big-endian": dicom(twelve.astype(">u2"), 12, ".2", **_WINDOW_12),
        "12 deflated": dicom(twelve, 12, ".1.99", **_WINDOW_12),
        "12 signed": dicom((twelve.astype(np.int16) - 2048), 12, ".1", **signed),
        "12 at the top of 16": dicom(twelve << 4, 12, ".1", HighBit=15, **_WINDOW_12),
        "16": dicom(sixteen, 16, ".1", **window_16),
        "MONOCHROME1": dicom(255 - eight, 8, ".1", PhotometricInterpretation="MONOCHROME1"),
        "RGB": dicom(np.dstack([grey] * 3), 8, ".1", **colours),
        "rescale that changes nothing": dicom(eight, 8, ".1", RescaleSlope="1", RescaleIntercept="0"),
        "identity rescale 16": dicom(twelve, 12, ".1", RescaleSlope="1", RescaleIntercept="0"),
    }
    lossless: dict[str, Callable[[Grey, int], bytes]] = {
        ".4.57": lambda x, bits: imagecodecs.jpeg8_encode(x, lossless=True, bitspersample=bits, predictor=4),
        ".4.70": lambda x, bits: imagecodecs.jpeg8_encode(x, lossless=True, bitspersample=bits),
        ".4.80": lambda x, bits: imagecodecs.jpegls_encode(x),
        ".4.90": lambda x, bits: imagecodecs.jpeg2k_encode(x, codecformat="j2k", level=0, bitspersample=bits),
        ".4.201": lambda x, bits: imagecodecs.htj2k_encode(x),
        ".5": lambda x, bits: run_lengths(x),
    }
    for syntax, pack in lossless.items():
        files[f"{syntax} 8"] = dicom(eight, 8, syntax, pack(eight, 8))
        files[f"{syntax} 10"] = dicom(ten, 10, syntax, pack(ten, 10), **window_10)
        files[f"{syntax} 12"] = dicom(twelve, 12, syntax, pack(twelve, 12), **_WINDOW_12)
        files[f"{syntax} 16"] = dicom(sixteen, 16, syntax, pack(sixteen, 16), **window_16)
        files[f"{syntax} 12 at the top of 16"] = dicom(
            twelve << 4, 12, syntax, pack(twelve << 4, 16), HighBit=15, **_WINDOW_12
        )
        words = (twelve.astype(np.int16) - 2048) & 0xFFF
        files[f"{syntax} 12 signed"] = dicom(
            words.astype(np.uint16), 12, syntax, pack(words.astype(np.uint16), 12), **signed
        )
    files[".4.50 lossy"] = dicom(eight, 8, ".4.50", encode(grey, "JPEG", quality=95))
    files[".4.50 8 in 16 lossy"] = dicom(eight.astype(np.uint16), 8, ".4.50", encode(grey, "JPEG", quality=95))
    files[".4.70 8 in 16"] = dicom(eight.astype(np.uint16), 8, ".4.70", lossless[".4.70"](eight, 8))
    files[".4.50 RGB lossy"] = dicom(
        np.dstack([grey] * 3), 8, ".4.50", encode(Image.fromarray(grey).convert("RGB"), "JPEG", quality=95),
        **colours | {"PhotometricInterpretation": "YBR_FULL_422"},
    )  # fmt: skip
    stream = imagecodecs.jpeg8_encode(twelve, level=98, bitspersample=12)
    files[".4.51 12 lossy"] = dicom(twelve, 12, ".4.51", stream, **_WINDOW_12)
    stream = imagecodecs.jpegls_encode(twelve, level=3)
    files[".4.81 12 lossy"] = dicom(twelve, 12, ".4.81", stream, **_WINDOW_12)
    stream = imagecodecs.jpeg2k_encode(twelve, codecformat="j2k", level=80, bitspersample=12)
    files[".4.91 12 lossy"] = dicom(twelve, 12, ".4.91", stream, **_WINDOW_12)
    return {f"dicom {name}": data for name, data in files.items()}


def dicom(pixels: Grey, stored: int, syntax: str, stream: bytes | None = None, /, **elements: Any) -> bytes:
    """A DICOM file of pixels, uncompressed or with the compressed stream of them in several fragments."""
    dataset = pydicom.Dataset()
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID, dataset.Modality = "1.2.840.10008.5.1.4.1.1.1.1", "1.2.3", "DX"
    dataset.Rows, dataset.Columns = pixels.shape[:2]
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation, dataset.PixelRepresentation = 1, "MONOCHROME2", 0
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 8 * pixels.itemsize, stored, stored - 1
    if stream is None:
        dataset.PixelData = pixels.tobytes()
        dataset["PixelData"].VR = "OW"
    else:
        dataset.PixelData = encapsulate([stream], fragments_per_frame=3)
        dataset["PixelData"].VR, dataset["PixelData"].is_undefined_length = "OB", True
    for keyword, value in elements.items():
        setattr(dataset, keyword, value)
    buffer = io.BytesIO()
    # pydicom does not write the latest syntaxes.
    known = syntax not in (".8.1", ".4.110")
    dataset.file_meta.TransferSyntaxUID = UID(_SYNTAX + (syntax if known else ".4.201"))
    dataset.save_as(buffer, enforce_file_format=True)
    written = (_SYNTAX + ".4.201").encode()
    data = buffer.getvalue()
    return data if known else data.replace(written, (_SYNTAX + syntax).encode().ljust(len(written), b"\0"))


def run_lengths(values: Grey) -> bytes:
    """One frame as PS3.5, annex G has it."""
    planes = [values] if values.dtype == np.uint8 else [(values >> 8).astype(np.uint8), values.astype(np.uint8)]
    packed = [b"".join(imagecodecs.packbits_encode(row.tobytes()) for row in plane) for plane in planes]
    packed = [segment + b"\0" * (len(segment) % 2) for segment in packed]
    starts = [64 + sum(map(len, packed[:number])) for number in range(len(packed))]
    return b"".join(number.to_bytes(4, "little") for number in (len(packed), *starts)).ljust(64, b"\0") + b"".join(
        packed
    )
