"""Images without labels as a recipe names them, and frames of videos among them."""

from __future__ import annotations

from fasterseg.config import DataSettings
from fasterseg.datasets.unlabelled import Beside
from fasterseg.video.frames import VideoFrames

NAMED_BY_DATA = Beside(videos=VideoFrames())
"""None but those that a data file names."""


def beside_of(data: DataSettings) -> Beside:
    """Return the images without labels that a recipe names beside those of its data."""
    return Beside(data.unlabelled, data.unlabelled_every, VideoFrames())
