"""A score of a network, with all that it was taken on."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from fasterseg.evaluation import EvaluationReport


class Facts(BaseModel):
    """A part of the card; an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Score(Facts):
    """A score, never without what it was taken on.  Values are shares of one.

    `decided` says that a choice was made by this very score, so that it flatters; `seen` that
    the network was trained on these images, so that it says nothing about others.
    """

    mean_iou: float
    pixel_accuracy: float
    classes_in_mean: int
    data: str
    data_digest: str
    split: str
    images: int
    resolution: str
    step: int
    decided: bool = False
    seen: bool = False

    @property
    def remark(self) -> str:
        """What to know about the score before it is believed, as the end of a sentence."""
        if self.seen:
            return "which were trained on"
        return "which chose these weights" if self.decided else ""

    @classmethod
    def of(
        cls, report: EvaluationReport, *, step: int, decided: bool = False, seen: bool = False
    ) -> Score:
        """The score in a report, taken after `step` steps of training."""
        return cls(
            mean_iou=report.mean_iou,
            pixel_accuracy=report.pixel_accuracy,
            classes_in_mean=report.classes_in_mean,
            data=report.data,
            data_digest=report.data_digest,
            split=report.split,
            images=report.images,
            resolution=report.resolution,
            step=step,
            decided=decided,
            seen=seen,
        )


def on_the_same_images(one: Score | EvaluationReport, other: Score | EvaluationReport) -> bool:
    """Whether two scores are of the same images and classes, and so can be compared."""
    same = ("data_digest", "split", "images", "resolution", "classes_in_mean")
    return all(getattr(one, name) == getattr(other, name) for name in same)
