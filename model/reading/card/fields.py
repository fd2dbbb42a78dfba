"""The parts of a card as dataclasses; a field with a default may be missing in the file."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from model.errors import BundleError


@dataclass(frozen=True)
class Estimate:
    """A measured figure with its 95 % interval.

    Attributes:
        value: NaN where it is undefined, such as an AUC of one class.
        low, high: ends of the interval.
        n: number of pictures; `positives` of them show the positive class.
    """

    value: float
    low: float | None = None
    high: float | None = None
    n: int | None = None
    positives: int | None = None

    def as_json(self) -> dict[str, float | int | None]:
        """The fields, rounded to 4 digits."""
        return {key: round(value, 4) if isinstance(value, float) else value for key, value in asdict(self).items()}


@dataclass(frozen=True)
class Figure(Estimate):
    """An estimate with what was measured, on which test set.

    Attributes:
        id: unique in the card, such as "mendeley.specificity.normal".
        set, source: the test set in words, and the collection that it is from.
        role: "internal", "choice" (training never saw the source, but networks were chosen by it), "external" (looked
            at once, at the end) or "validation".
        metric, what: such as "specificity" of "normal not called covid19".
    """

    id: str = ""
    set: str = ""
    source: str = ""
    role: str = ""
    metric: str = ""
    what: str = ""


@dataclass(frozen=True)
class OperatingPoint:
    """A threshold on the positive class' score, how it was chosen, and what was measured at it then."""

    name: str
    threshold: float
    how: str = ""
    sensitivity: Estimate | None = None
    specificity: Estimate | None = None


@dataclass(frozen=True)
class Architecture:
    """The network; `parameters` is their number, `weights_stored_as` the form of the model file in words."""

    name: str = ""
    parameters: int | None = None
    weights_stored_as: str = ""


@dataclass(frozen=True)
class Framing:
    """What the network's input is made of.

    Attributes:
        size: pixels a side of the network's input.
        detail: pixels a side that the picture is first brought to; it is then enlarged to `size`. All pictures have the
            same sharpness then, whatever their file: a network can't tell a hospital by it.
        margin: what is kept around the lungs' box on each side, as a share of its width and height; None to take the
            whole picture always.
    """

    size: int
    detail: int
    margin: float | None


@dataclass(frozen=True)
class Input:
    """What the network takes: a square of `size` pixels a side, grey 0 to 255.

    Attributes:
        size: pixels a side.
        resize: "squash": the aspect ratio is not kept.
        detail, margin: see `Framing`. Bundles before 0.6.0 have neither: they see the whole picture at its sharpness.
    """

    size: int
    resize: str = "squash"
    detail: int | None = None
    margin: float | None = None

    @property
    def framing(self) -> Framing:
        """What the input is made of."""
        return Framing(self.size, self.detail or self.size, self.margin)


@dataclass(frozen=True)
class Calibration:
    """How the temperature of the softmax was chosen, and on how many pictures of which split."""

    temperature: float
    method: str = ""
    chosen_on: str = ""
    n: int | None = None


@dataclass(frozen=True)
class Uncertain:
    """How the margin of uncertain readings was chosen: the share that abstains, the errors with and without those."""

    margin: float
    unit: str = "log-odds"
    how: str = ""
    chosen_on: str = ""
    abstained: float | None = None
    error_of_all: float | None = None
    error_of_decided: float | None = None
    n: int | None = None


@dataclass(frozen=True)
class Source:
    """A collection of pictures: numbers by class in `pictures`, by split in `split`."""

    source: str
    licence: str = ""
    role: str = ""
    pictures: dict[str, int] = field(default_factory=dict)
    split: dict[str, int] = field(default_factory=dict)

    @property
    def is_external(self) -> bool:
        """Whether the network never saw it in training."""
        return self.role in ("external test", "to choose by")


@dataclass(frozen=True)
class Training:
    """What the network was trained on, from which weights, with which settings, and how each epoch ended."""

    sources: tuple[Source, ...] = ()
    starting_weights: dict[str, str] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    history: tuple[dict[str, float], ...] = ()


@dataclass(frozen=True)
class Licence:
    """Of the program and of the weights."""

    code: str = ""
    weights: str = ""


@dataclass(frozen=True)
class InputCheckTest:
    """Of `pictures` held-out ones of a kind and group, how many the input check refused."""

    kind: str
    group: str
    pictures: int
    refused: int


@dataclass(frozen=True)
class InputCheck:
    """The input check, in the file screening.npz."""

    sha256: str
    threshold: float | None = None
    chosen_on: str = ""
    tested: tuple[InputCheckTest, ...] = ()


@dataclass(frozen=True)
class LungNetwork:
    """The network that finds lungs, in the file lungs.tflite: Dice coefficients on n held-out pictures."""

    sha256: str
    trained_on: str = ""
    dice: float | None = None
    median: float | None = None
    lowest: float | None = None
    n: int | None = None


@dataclass(frozen=True)
class MirrorTest:
    """Of n held-out pictures, how many were called mirrored `wrongly`, and of their mirror images how many `found`."""

    source: str
    split: str
    n: int
    wrongly: int
    found: int


@dataclass(frozen=True)
class MirrorNetwork:
    """The network that tells mirrored pictures, in the file side.tflite."""

    sha256: str
    threshold: float
    chosen_on: str = ""
    tested: tuple[MirrorTest, ...] = ()


@dataclass(frozen=True)
class Card:
    """What a bundle says of itself.

    Attributes:
        classes: in the order of the logits.
        positive: the class that the headline and the operating points are about.
        temperature: scores are softmax(logits / temperature).
        points: operating points by name; `default_point` names the one to use.
        margin: readings nearer than this to a decision boundary, in log-odds, are uncertain.
        sha256: of the model file.
        json: the whole file, for those who save it.
        screening, lungs, side: the auxiliary networks, each None where the bundle has none.
    """

    name: str
    version: str
    classes: tuple[str, ...]
    positive: str
    input: Input
    temperature: float
    points: dict[str, OperatingPoint]
    default_point: str
    margin: float
    sha256: str
    json: str = ""
    created: str = ""
    git_commit: str = ""
    architecture: Architecture = Architecture()
    calibration: Calibration = Calibration(1.0)
    uncertain: Uncertain = Uncertain(0.0)
    training: Training = Training()
    figures: tuple[Figure, ...] = ()
    intended_use: str = ""
    limits: tuple[str, ...] = ()
    licence: Licence = Licence()
    export: dict[str, Any] = field(default_factory=dict)
    screening: InputCheck | None = None
    lungs: LungNetwork | None = None
    side: MirrorNetwork | None = None

    @property
    def size(self) -> int:
        """Pixels a side of the network's input."""
        return self.input.size

    @property
    def framing(self) -> Framing:
        """What the network's input is made of."""
        return self.input.framing

    @property
    def title(self) -> str:
        """Name and version in one string."""
        return f"{self.name} {self.version}"

    def point(self, name: str | None = None) -> OperatingPoint:
        """An operating point by name, or the default one.

        Raises:
            BundleError: the card has no such point.
        """
        try:
            return self.points[name or self.default_point]
        except KeyError:
            known = ", ".join(self.points)
            raise BundleError(f"There is no operating point {name}; this bundle has {known}.") from None
