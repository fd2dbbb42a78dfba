"""How the fuzzer damages a file: the same number of an input always gives the same bytes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from pydicom.uid import AllTransferSyntaxes

from scripts.fuzz.seeds import Element, Seed

# Longer ones test nothing more and cost time.
_LONGEST = 16_000_000
_PIECE = 4096
_TEXTS = (b"", b"0", b"1", b"-1", b"1e308", b"-1e309", b"nan", b"inf", b"65536", b"99999999999", b"1\\2\\3", b"\\")
_VRS = (b"OB", b"OW", b"SQ", b"UN", b"DS", b"IS", b"US", b"SS", b"FL", b"FD", b"UI", b"AT", b"PN", b"XX", b"\0\0")
_TAILS = (b"PK\x03\x04", b"%PDF-1.4", b"\0" * 512, b"\xff" * 512)

Mutation = Callable[[bytearray, Seed, Random, Sequence[Seed]], None]


def make(seeds: Sequence[Seed], weights: Sequence[float], seed: int, number: int) -> tuple[Seed, bytes]:
    """Build one input.

    Args:
        seeds: what to start from.
        weights: how often each is taken.
        seed: of the run.
        number: of the input in the run.

    Returns:
        The seed that was taken, and the input.
    """
    rng = Random(f"{seed}-{number}")
    chosen = rng.choices(seeds, weights)[0]
    data = bytearray(chosen.data)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 5))):
        mutation = rng.choice(ON_DICOM if chosen.elements and rng.random() < 0.5 else ON_ALL)
        mutation(data, chosen, rng, seeds)
    # A twentieth keeps wrong checksums, which are a kind of damage too.
    finished = chosen.finish(bytes(data)) if rng.random() < 0.95 else bytes(data)
    return chosen, finished[:_LONGEST]


def weigh(seeds: Sequence[Seed]) -> list[float]:
    """Every format alike, and in it small files more often than large ones."""
    kinds = [seed.kind for seed in seeds]
    # DICOM counts as five: it has the most ways to be wrong.
    totals = dict.fromkeys(kinds, 0.0)
    single = [(1.0 if _has_pixels(seed) else 0.1) / (1 + len(seed.data) / 200_000) for seed in seeds]
    for kind, weight in zip(kinds, single, strict=True):
        totals[kind] += weight
    return [weight / totals[kind] * (5 if kind == "DICOM" else 1) for kind, weight in zip(kinds, single, strict=True)]


def _has_pixels(seed: Seed) -> bool:
    """Most of pydicom's smaller files have none, and such a file soon ends at the sentence that says so."""
    return seed.kind != "DICOM" or any(tag in seed.data for tag in (b"\xe0\x7f\x10\x00", b"\x7f\xe0\x00\x10"))


def _extreme(rng: Random, size: int, value: int) -> int:
    top = 1 << (8 * size)
    near = (value - 1, value + 1, value * 2, value // 2, value << 8, value ^ (1 << rng.randrange(8 * size)))
    fixed = (0, 1, 2, 3, top - 1, top - 2, top // 2, top // 2 - 1, top // 4, 255, 256, 4096, 65535, rng.randrange(top))
    return rng.choice(fixed + near) % top


def _flip_bits(data: bytearray, seed: Seed, rng: Random, seeds: Sequence[Seed]) -> None:
    # Headers are short and interesting.
    reach = min(len(data), 1024) if rng.random() < 0.5 else len(data)
    for _ in range(rng.choice((1, 2, 8, 64)) if reach else 0):
        data[rng.randrange(reach)] ^= 1 << rng.randrange(8)


def _set_numbers(data: bytearray, seed: Seed, rng: Random, seeds: Sequence[Seed]) -> None:
    for number in rng.choices(seed.numbers, k=rng.choice((1, 1, 2, 4))) if seed.numbers else ():
        if number.at + number.size <= len(data):
            place = slice(number.at, number.at + number.size)
            value = int.from_bytes(data[place], number.order)
            data[place] = _extreme(rng, number.size, value).to_bytes(number.size, number.order)


def _truncate(data: bytearray, seed: Seed, rng: Random, seeds: Sequence[Seed]) -> None:
    if seed.numbers and rng.random() < 0.3:
        del data[rng.choice(seed.numbers).at :]
    else:
        del data[rng.randrange(len(data) + 1) :]


def _overwrite(data: bytearray, seed: Seed, rng: Random, seeds: Sequence[Seed]) -> None:
    start, end = _piece(data, rng)
    fill = rng.choice((b"\0", b"\xff", b"0", None))
    data[start:end] = rng.randbytes(end - start) if fill is None else fill * (end - start)


def _delete(data: bytearray, seed: Seed, rng: Random, seeds: Sequence[Seed]) -> None:
    start, end = _piece(data, rng)
    del data[start:end]


def _repeat(data: bytearray, seed: Seed, rng: Random, seeds: Sequence[Seed]) -> None:
    start, end = _piece(data, rng)
    data[end:end] = data[start:end] * rng.choice((1, 1, 3, 30, 300))


def _insert(data: bytearray, seed: Seed, rng: Random, seeds: Sequence[Seed]) -> None:
    at = rng.randrange(len(data) + 1)
    data[at:at] = rng.randbytes(rng.choice((1, 2, 4, 64, 1024)))


def _splice(data: bytearray, seed: Seed, rng: Random, seeds: Sequence[Seed]) -> None:
    """A piece or all the rest of another file, mostly of the same kind."""
    alike = [other for other in seeds if other.kind == seed.kind] if rng.random() < 0.8 else seeds
    other = rng.choice(alike).data
    if rng.random() < 0.5:
        del data[rng.randrange(len(data) + 1) :]
        data += other[rng.randrange(len(other) + 1) :]
    else:
        start, end = _piece(other, rng)
        at = rng.randrange(len(data) + 1)
        data[at : at + rng.choice((0, end - start))] = other[start:end]


def _append(data: bytearray, seed: Seed, rng: Random, seeds: Sequence[Seed]) -> None:
    data += rng.choice(_TAILS) + rng.choice(seeds).data[:_PIECE]


def _piece(data: bytes | bytearray, rng: Random) -> tuple[int, int]:
    start = rng.randrange(len(data) + 1)
    return start, min(len(data), start + rng.choice((1, 4, 16, 256, _PIECE)))


def _change_value(data: bytearray, seed: Seed, rng: Random, seeds: Sequence[Seed]) -> None:
    """Another value for a DICOM element, with the right length for once."""
    element = rng.choice(seed.elements)
    value = rng.choice(
        (*_TEXTS, rng.randbytes(rng.choice((1, 2, 4, 8))), bytes(data[element.value_at : element.value_at + 2]))
    )
    _put(data, element, value + b" " * (len(value) % 2))


def _change_syntax(data: bytearray, seed: Seed, rng: Random, seeds: Sequence[Seed]) -> None:
    """The pixels are said to be stored in another way than they are."""
    for element in seed.elements:
        if data[element.start : element.start + 4] == b"\x02\x00\x10\x00":
            uid = str(rng.choice(AllTransferSyntaxes)).encode()
            _put(data, element, uid + b"\0" * (len(uid) % 2))
            return


def _change_vr(data: bytearray, seed: Seed, rng: Random, seeds: Sequence[Seed]) -> None:
    at = rng.choice(seed.elements).start + 4
    data[at : at + 2] = rng.choice(_VRS)


def _remove(data: bytearray, seed: Seed, rng: Random, seeds: Sequence[Seed]) -> None:
    element = rng.choice(seed.elements)
    del data[element.start : element.value_at + element.length]


def _double(data: bytearray, seed: Seed, rng: Random, seeds: Sequence[Seed]) -> None:
    element = rng.choice(seed.elements)
    copy = data[element.start : element.value_at + min(element.length, _PIECE)]
    at = rng.choice(seed.elements).start
    data[at:at] = copy


def _transplant(data: bytearray, seed: Seed, rng: Random, seeds: Sequence[Seed]) -> None:
    """An element of another DICOM file, before one of this."""
    other = rng.choice([file for file in seeds if file.elements])
    taken = rng.choice(other.elements)
    at = rng.choice(seed.elements).start
    data[at:at] = other.data[taken.start : taken.value_at + min(taken.length, _PIECE)]


def _put(data: bytearray, element: Element, value: bytes) -> None:
    data[element.length_at : element.value_at + element.length] = (
        len(value).to_bytes(element.length_size, element.order) + value
    )


ON_ALL: tuple[Mutation, ...] = (
    *(_set_numbers, _set_numbers, _set_numbers, _flip_bits, _truncate, _overwrite, _delete, _repeat, _insert),
    *(_splice, _append),
)
ON_DICOM: tuple[Mutation, ...] = (
    *(_change_value, _change_value, _set_numbers, _change_syntax, _change_vr, _remove, _double, _transplant),
)
