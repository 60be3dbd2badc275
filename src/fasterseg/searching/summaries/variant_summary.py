"""What decided a contender's set of branches and input scale, in numbers."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict


class VariantSummary(BaseModel):
    """The most probable network of one variant: its subnet's score, a share of one, its latency.

    `value` is what decided: score x (latency / budget) ^ -0.07, as in the paper.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    branches: str
    input_scale: str
    miou: float
    estimated_ms: float
    value: float

    @property
    def name(self) -> str:
        """``branches 32+8, input scale 3/4``."""
        return f"branches {self.branches}, input scale {self.input_scale}"

    def describe(self) -> str:
        """One line: what it is, what it scores, what it takes, and what that counts for."""
        return (
            f"{self.name}: mean IoU {100 * self.miou:.2f} % at {self.estimated_ms:.3f} ms, "
            f"value {100 * self.value:.2f}"
        )


def described_variants(variants: Sequence[VariantSummary]) -> list[str]:
    """Lines on all variants, the best first; none where there was one."""
    if not variants:
        return []
    head = (
        "the most probable network is that of the best variant by score x (latency / budget)"
        "^-0.07 (held-out images):"
    )
    return [head, *(f"  {one.describe()}" for one in variants)]
