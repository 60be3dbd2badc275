"""What a network in int8 was made with: settings of the quantiser, images, what was found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Calibration = Literal["minmax", "percentile", "entropy"]
"""How ranges come from numbers: all of them, all but 0.01 % at each end, or the nearest in bits."""
Operators = Literal["convolutions", "joined", "all"]
"""What computes in int8: convolutions, what stands between them too, or whatever can."""

NODE_SETS: dict[Operators, tuple[str, ...]] = {
    "convolutions": ("Conv", "Relu"),
    "joined": ("Conv", "Relu", "Resize", "Concat"),
    "all": (
        *("Conv", "Relu", "Resize", "Concat", "Add"),
        *("MaxPool", "AveragePool", "GlobalAveragePool", "Split", "Slice"),
    ),
}
"""ONNX's operators by the name of the set."""

Text = Annotated[str, Field(max_length=300)]


class Settings(BaseModel):
    """How a network is turned to int8.

    `operators` names the set of operators.  With `ends` in float the convolutions that read the
    image and those that write logits stay in float32, as whatever stands before and behind them
    always does.  With `reduce_range` weights have seven bits, so that no sum of two products leaves
    16 bits on processors without VNNI; `per_channel` gives each output channel of a convolution a
    scale of its own.  The layers in `kept` stay in float32 too.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    operators: Operators = "all"
    ends: Literal["float", "int8"] = "float"
    reduce_range: bool = False
    per_channel: bool = False
    calibration: Calibration = "percentile"
    kept: tuple[str, ...] = Field((), max_length=1000)

    def describe(self) -> str:
        """The settings in a line."""
        said = [
            f"operators {self.operators}",
            f"first and last convolutions in {'float32' if self.ends == 'float' else 'int8'}",
            "weights of 7 bits" if self.reduce_range else "weights of 8 bits",
            "a scale for each channel" if self.per_channel else "a scale for each layer",
            f"ranges by {self.calibration}",
        ]
        return ", ".join([*said, *([f"{', '.join(self.kept)} in float32"] if self.kept else [])])


class Quantisation(BaseModel):
    """The record of a network in int8, in the card of its file.

    `settings` made it with the `quantiser`, from so many `images` of `images_from`, whose pixels
    have the `images_digest`.  Against itself in float32 it lost `drop` points of mIoU on
    `judged_on` (negative: it gained), which may be `max_drop`, and was `speedup` times as fast, by
    turns on `processor`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    settings: Settings
    quantiser: Text = ""
    images: int = Field(ge=1)
    images_from: Text = ""
    images_digest: Text = ""
    judged_on: Text = ""
    drop: float = Field(ge=-100, le=100)
    max_drop: float = Field(ge=0, le=100)
    speedup: float = Field(ge=0, le=1e6)
    processor: Text = ""

    def describe(self) -> str:
        """The record in a line."""
        return (
            f"{self.settings.describe()}; {self.quantiser}, {self.images} images of "
            f"{self.images_from}; {self.drop:+.2f} points lost on {self.judged_on}, "
            f"{self.speedup:.2f} times as fast as in float32 on {self.processor}"
        )


@dataclass(frozen=True, slots=True)
class Quantised:
    """A network in int8: the record of how it was made, and the model of the runtime's own kind."""

    record: Quantisation
    model: Any
