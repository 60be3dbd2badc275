"""``FILE.teacher.yaml``: the keys in which a foreign model's user says what it is fed and gives."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, model_validator

from fasterseg.config.size_bounds import why_not
from fasterseg.datasets.data_files import values
from fasterseg.datasets.data_files.remedies import Contradiction
from fasterseg.errors import UsageError
from fasterseg.foreign.booleans import TrueIsNoNumber
from fasterseg.foreign.numbers import Deviation, Mean
from fasterseg.foreign.strict_json import shortened
from fasterseg.space.blocks import Size

ANY = "any"
NONE = "none"
_LONGEST = 1000
_MOST_MAPPED = 4096

Text = Annotated[str, Field(max_length=_LONGEST)]


def _of_two_classes(names: tuple[str, ...]) -> tuple[str, ...]:
    if len(names) < 2:
        raise ValueError("a teacher tells at least two classes apart, a background included")
    for name, count in Counter(names).items():
        if not name.strip() or count > 1:
            raise ValueError(f"each class has a name of its own, and {shortened(name)!r} is none")
    return names


def _size(value: str) -> str:
    if value == ANY:
        return value
    try:
        size = Size.parse(value)
    except UsageError as error:
        raise Contradiction(error.what, f"{error.next_step}, or {ANY}") from error
    if why := why_not(size):
        raise ValueError(why)
    return str(size)


def _none_as_text(value: Any) -> Any:
    """YAML's own word for nothing is as good."""
    if not isinstance(value, dict):
        return value
    return {key: NONE if one is None else one for key, one in value.items()}


class TeacherCard(TrueIsNoNumber):
    """What the user of a foreign ONNX file says of it, since the file itself does not."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=False, use_attribute_docstrings=True
    )

    classes: Annotated[
        tuple[str, ...],
        BeforeValidator(values.class_names, json_schema_input_type=values.NamesAsWritten),
        AfterValidator(_of_two_classes),
    ]
    """The model's classes in the order of its channels: a list, or ids from 0 with names, {0: road,
    1: car}."""
    mapping: Annotated[
        dict[Text, Text | None], Field(max_length=_MOST_MAPPED), BeforeValidator(_none_as_text)
    ] = Field({})
    """Which class of the data each of its classes is, {person: pedestrian, rider: pedestrian}, or
    `none` for one that is none of them; classes of the same name need no line."""
    others: Literal["refused", "none"] = "refused"
    """What becomes of its classes that have neither a line in `mapping` nor a name of the data's:
    `refused`, so that none is forgotten, or `none` as if each had such a line."""
    output: Literal["logits", "probabilities"]
    """What it gives for each class: `logits`, any numbers, or `probabilities`, which sum to 1 at
    each place."""
    output_name: Text = ""
    """The output that is meant, where the file has several."""
    mean: tuple[Mean, Mean, Mean] | None = None
    """What is subtracted from each channel of the picture, whose values are from 0 to 1, in the
    order of `channels`; left out for a file that takes the bytes themselves."""
    std: tuple[Deviation, Deviation, Deviation] | None = None
    """What each channel is then divided by, likewise; for a model of values from 0 to 255 it is
    0.00392157 (1/255) three times, and its own mean is divided by 255."""
    channels: Literal["rgb", "bgr"] = "rgb"
    """The order of the colours."""
    size: Annotated[str, Field(max_length=20), AfterValidator(_size)] = ANY
    """The height and width that pictures are brought to before it sees them, as 512x1024, or `any`
    for the size that the student's images have."""
    layout: Literal["nchw", "nhwc"] = "nchw"
    """Where the channels are: `nchw`, before height and width, as in PyTorch, or `nhwc`, behind
    them, as in TensorFlow."""
    output_layout: Literal["nchw", "nhwc"] | None = None
    """Where the classes are in what it gives, if that is not as in `layout`."""
    grid: Literal["areas", "corners"] = "areas"
    """How a map smaller than the picture lies on it: its places are the middles of equal `areas`
    (most models), or its outermost ones are the picture's `corners` (align_corners=True)."""
    pretrained: Text = ""
    """What the model was trained on, for the student's card."""
    terms: Text = ""
    """The terms under which the model may be used, for the student's card."""

    @model_validator(mode="after")
    def _says_both_or_neither(self) -> Self:
        if (self.mean is None) != (self.std is None):
            raise ValueError("mean and std go together: write both, or neither")
        return self

    @property
    def shown_at(self) -> Size | None:
        """What pictures are brought to; None where they keep their sizes."""
        return None if self.size == ANY else Size.parse(self.size)
