"""The card of a trained network: what it knows, what it learned from, how it scores."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from pydantic import SerializerFunctionWrapHandler, model_serializer

from fasterseg.amounts import number_of
from fasterseg.artifacts import Artifact, short_digest
from fasterseg.config.working_size import WorkingSize
from fasterseg.datasets.labels import LabelSpace
from fasterseg.datasets.pictures.reading import DEFAULT_READING, Reading, without_default_reading
from fasterseg.datasets.transforming.transforms import Normalisation
from fasterseg.errors import UsageError
from fasterseg.foreign.numbers import Deviation, Mean
from fasterseg.network.scores import Facts, Score
from fasterseg.network.teacher_facts import TaughtFacts, TeacherFacts
from fasterseg.space.blocks import Size

__all__ = [
    "Card",
    "Facts",
    "Score",
    "SupernetFacts",
    "TrainedOn",
    "TrainingFacts",
    "TrainingSegment",
    "Which",
]

Which = Literal["best", "last", "ema"]
NOTHING_PRETRAINED = "nothing pre-trained"


class TrainingSegment(Facts):
    """Steps, from `first` to `last`, that one machine computed with one set of versions.

    What an earlier version of fasterseg did not record is empty, or 0 for the threads.  Where
    several processes shared the steps, `ranks` is their number, `machines` says what each one
    computed on, and the other facts are the leader's.
    """

    first: int
    last: int
    processor: str
    torch: str
    fasterseg: str
    threads: int
    device: str
    precision: str
    ranks: int = 1
    machines: tuple[str, ...] = ()

    @model_serializer(mode="wrap")
    def _without_ranks_of_one_process(self, as_usual: SerializerFunctionWrapHandler) -> Any:
        """Left out where one process did it all: so its card is what it was, digest and all."""
        content = as_usual(self)
        if self.ranks == 1:
            for name in ("ranks", "machines"):
                content.pop(name, None)
        return content

    def conditions(self) -> dict[str, Any]:
        """All but which steps: the same conditions compute the same, bit for bit, on a CPU."""
        return self.model_dump(exclude={"first", "last"})

    def describe(self) -> str:
        """The steps and their conditions in one line."""
        if not self.processor:
            return f"steps {self.first} to {self.last}: not recorded"
        return (
            f"steps {self.first} to {self.last}: {self.processor}, torch {self.torch}, fasterseg "
            f"{self.fasterseg}, threads {self.threads}, {self.device}, {self.precision}"
            + (f", shared by {self.ranks} ranks: {self._counted}" if self.ranks > 1 else "")
        )

    @property
    def _counted(self) -> str:
        """The machines of the ranks, those that are alike together."""
        return "; ".join(f"{n} on {machine}" for machine, n in Counter(self.machines).items())


def told_segments(segments: Sequence[TrainingSegment]) -> list[str]:
    """A line for each segment, where there is more than one."""
    return [segment.describe() for segment in segments] if len(segments) > 1 else []


class SupernetFacts(Facts):
    """What a supernet learned from: `steps` of pre-training and search on a split's images.

    `digest` is that of its weights' file.
    """

    digest: str
    data: str
    data_digest: str
    split: str
    images: int
    steps: int

    def describe(self) -> str:
        """What began with it, in a few words."""
        return (
            f"begun from a supernet ({short_digest(self.digest)}) that had learned for "
            f"{self.steps} steps from {number_of(self.images, 'image')} of {self.data}/{self.split}"
        )


class TrainedOn(Facts):
    """Whose images are in the weights, as files that are shipped say it of themselves.

    `splits` are those of the data whose images the training saw, the supernet's included that it
    was `begun` from; `images` is how many the training's own split has.
    """

    data: str
    splits: tuple[str, ...]
    images: int
    begun: str

    @property
    def whose(self) -> str:
        """Whose images they are: the same for the same weights, whatever words are used here."""
        return f"{number_of(self.images, 'image')} of {self.data}/{', '.join(self.splits)}"

    def describe(self) -> str:
        """The data, and what the training began with, in one line."""
        return f"{self.whose}; {self.begun}"


class TrainingFacts(Facts):
    """What the network learned from, and how; `segments` says on what, in order of the steps.

    `pretrained` says which of its first weights had learned from other data, and from which;
    `supernet` is whose slices they were, None where they were random.  `teacher` is the digest of
    what it learned from, and `taught_by` what that was and how it was asked; None for a network
    without a teacher, and for cards of earlier versions.
    """

    data: str
    data_digest: str
    split: str
    images: int
    terms: str
    resolution: str
    steps: int
    batch_size: int
    seed: int
    precision: str
    teacher: str = ""
    pretrained: str = NOTHING_PRETRAINED
    supernet: SupernetFacts | None = None
    segments: tuple[TrainingSegment, ...] = ()
    taught_by: TaughtFacts | None = None

    @model_serializer(mode="wrap")
    def _without_a_teacher_that_there_was_not(self, as_usual: SerializerFunctionWrapHandler) -> Any:
        """Left out where there is none: so an older card is what it was, digest and all."""
        content = as_usual(self)
        if self.taught_by is None:
            del content["taught_by"]
        return content

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits whose images went into the weights, the supernet's included."""
        return (self.split,) if self.supernet is None else (self.split, self.supernet.split)

    @property
    def trained_on(self) -> TrainedOn:
        """What of this a shipped file says."""
        return TrainedOn(data=self.data, splits=self.splits, images=self.images, begun=self.begun)

    @property
    def begun(self) -> str:
        """What its weights were before the first step."""
        whose = "" if self.supernet is None else f", {self.supernet.describe()}"
        return f"{self.pretrained}{whose}"


class Card(Artifact):
    """All facts about a bundle that are not its weights.

    `which` of the training's three sets of weights it holds: those with the ``best`` validation
    score, the ``last``, or the average (``ema``).  `reading` is how pictures become the pixels
    that it was trained on; `size`, height and width, is what they are then brought to, None for
    images of their own sizes.
    """

    schema_tag: ClassVar[str] = "fasterseg/card/1"

    name: str
    which: Which
    label_space: LabelSpace
    mean: tuple[Mean, Mean, Mean]
    std: tuple[Deviation, Deviation, Deviation]
    reading: Reading = DEFAULT_READING
    size: WorkingSize = None
    training: TrainingFacts
    scores: tuple[Score, ...] = ()

    def content(self) -> dict[str, Any]:
        """The card as a JSON value; what older cards do not have is left out where it is usual."""
        content = without_default_reading(super().content(), self.reading)
        if self.size is None:
            content.pop("size", None)
        return content

    def as_teacher(self, digest: str) -> TeacherFacts:
        """What a student's card says of this network, whose weights have that digest."""
        return TeacherFacts(
            name=self.name,
            digest=digest,
            data=f"{self.training.data}/{self.training.split}",
            pretrained=self.training.pretrained,
            score=next(iter(self.scores), None),
        )

    @property
    def normalisation(self) -> Normalisation:
        """What images are normalised with before they reach the network."""
        return Normalisation(self.mean, self.std)

    @property
    def image_resolution(self) -> str:
        """``HxW`` of the images that it was scored on, joined by commas where they differ.

        Training may have seen crops of them; where there is no score, it is what it saw.
        """
        return self.scores[0].resolution if self.scores else self.training.resolution

    def image_size(self, *, next_step: str) -> Size:
        """Its working size, else that of the images that it was scored on.

        Raises `UsageError` where these differ.
        """
        if self.size is not None:
            return self.size
        text = self.image_resolution
        if "," in text:
            raise UsageError(
                "the model's data has images of several sizes", where=text, next_step=next_step
            )
        return Size.parse(text)

    @property
    def example_size(self) -> Size:
        """Its working size, else one of those of the images that it was scored on."""
        return self.size or Size.parse(self.image_resolution.partition(",")[0])

    def describe(self) -> str:
        """The card in a few lines."""
        facts = self.training
        reading = "" if self.reading == DEFAULT_READING else f", reads {self.reading.describe()}"
        reading += "" if self.size is None else f", sees images at {self.size}"
        lines = [
            f"{self.name} ({self.which}), {self.label_space.classes} classes, "
            f"trained on {number_of(facts.images, 'image')} of {facts.data}/{facts.split} at "
            f"{facts.resolution}, {facts.steps} steps, seed {facts.seed}, "
            f"{facts.begun}{reading}"
        ]
        lines += [f"  {facts.taught_by.describe()}"] if facts.taught_by is not None else []
        lines += [f"  {line}" for line in told_segments(facts.segments)]
        lines += [
            f"  {score.data}/{score.split}: mIoU {100 * score.mean_iou:.2f} % over "
            f"{score.classes_in_mean} classes, {number_of(score.images, 'image')} "
            f"at {score.resolution}" + (f", {score.remark}" if score.remark else "")
            for score in self.scores
        ]
        return "\n".join(lines)
