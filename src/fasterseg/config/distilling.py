"""How a student learns from its teacher."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from fasterseg.amounts import byte_count
from fasterseg.config.sections import Section
from fasterseg.foreign.bounds import MOST, MOST_NAMED

LEAST_VIEW, LARGEST_VIEW, MOST_VIEWS = 0.1, 4.0, 16
HOTTEST, SPARSEST, MOST_OF_A_MODEL = 100.0, 16, 4096

ViewScale = Annotated[float, Field(ge=LEAST_VIEW, le=LARGEST_VIEW)]
ModelName = Annotated[str, Field(min_length=1, max_length=MOST_OF_A_MODEL)]
WeightShape = Literal["constant", "falling", "rising"]
"""How the weight of what the teacher says goes from a training's first step to its last."""


class DistillationSettings(Section):
    """How a student learns from its teacher, where `distillation_weight` is above 0.

    The loss is `distillation_weight`, as it goes by `schedule`, times (divergence +
    `pairwise_weight` times the pairwise loss).
    """

    answers: Literal["kept", "live"] = "kept"
    """Whether a teacher is asked once for each whole image and its answers are `kept` in the run's
    folder, or asked `live` for every crop of every step, as the authors do: that needs a network in
    a bundle, and takes about a third of each step's time."""
    scales: tuple[ViewScale, ...] = Field((1.0,), min_length=1, max_length=MOST_VIEWS)
    """Factors by which a teacher sees each image; probabilities at several are averaged."""
    flip: bool = False
    """Whether a teacher sees each image mirrored too, and the two are averaged."""
    temperature: float = Field(1.0, ge=1 / HOTTEST, le=HOTTEST)
    """What logits of student and teacher are divided by before they are compared; the divergence is
    multiplied by its square, so that gradients stay as large (Hinton et al. 2015).  1 is the
    authors'."""
    every: int = Field(3, ge=1, le=SPARSEST)
    """The divergence is taken at one pixel of so many in a row, in one row of so many; 1 is the
    authors'."""
    schedule: WeightShape = "constant"
    """How the weight goes over the steps: `constant`, as the authors'; `falling` linearly to zero,
    or `rising` linearly from it."""
    pairwise_weight: float = Field(0.0, ge=0, le=MOST)
    """Weight, beside the divergence, of how far similarities between places of the map are the
    teacher's (Liu et al. 2019); they have 1."""
    unlabelled_share: float = Field(0.5, ge=0, lt=1)
    """Share of each batch that images without labels get, where the data has such."""
    most_disk: str = Field("4GB", max_length=20)
    """What kept answers may take on disk, as `500MB`, `4GB` or `1.5TB`."""
    teachers: tuple[ModelName, ...] = Field((), max_length=MOST_NAMED)
    """Models to learn from, their probabilities averaged; left out, the run's own teacher.
    `--teacher` goes before them."""

    @field_validator("teachers", mode="before")
    @classmethod
    def _one_teacher_or_several(cls, given: Any) -> Any:
        return (given,) if isinstance(given, str) else given

    @field_validator("most_disk", mode="before")
    @classmethod
    def _is_an_amount(cls, given: Any) -> Any:
        byte_count(str(given))
        return given

    @field_validator("scales", "teachers")
    @classmethod
    def _names_each_once(cls, given: tuple[Any, ...]) -> tuple[Any, ...]:
        for one in given:
            if given.count(one) > 1:
                raise ValueError(f"{one} is there twice, and would count twice; name it once")
        return given

    @property
    def has_one_view(self) -> bool:
        """Whether a teacher sees each image once, as it is."""
        return self.scales == (1.0,) and not self.flip

    @property
    def most_bytes(self) -> int:
        """What kept answers may take on disk, in bytes."""
        return byte_count(self.most_disk)

    def unlabelled_of(self, batch_size: int) -> int:
        """How many of a batch's images have no labels; at least one has some.

        With any share above 0 one has none, but in a batch of one.
        """
        nearest = int(self.unlabelled_share * batch_size + 0.5)
        return min(batch_size - 1, max(nearest, self.unlabelled_share > 0))
