"""What a data set's splits can serve: which is scored, and whether a search can be done."""

from __future__ import annotations

from collections.abc import Sequence

from fasterseg.datasets.sources.joining import parts_of, share_images
from fasterseg.datasets.sources.source import DataSource
from fasterseg.datasets.sources.splitting import halves_of
from fasterseg.errors import DataError

TRAIN, VAL, TEST = "train", "val", "test"


def split_to_score(source: DataSource, *, chosen_by: str) -> str:
    """Return the split to score where none is named: the layout's, ``test``, or else `chosen_by`.

    A split whose labels are not published is none to score.
    """
    known = [split for split in source.splits() if split not in source.withheld]
    return next((split for split in (source.scored, TEST) if split in known), chosen_by)


def notes_on_use(source: DataSource) -> list[str]:
    """Return what a run on this data should be told, with its splits called as usual."""
    splits, notes = source.splits(), list[str]()
    if TRAIN not in splits:
        return [
            f"there is no {TRAIN}: models can be scored on these images (fasterseg evaluate), and "
            "nothing is learned from them; fasterseg split divides images anew"
        ]
    if VAL not in splits:
        notes.append(
            f"there is no {VAL}: a run needs a split to choose weights by; fasterseg split divides "
            "images, and data.val_split names another"
        )
    scored = split_to_score(source, chosen_by=VAL)
    if scored in splits:
        notes += note_on_scores(source, scored=scored, chosen_by=VAL, trained_on=[TRAIN])
    try:
        halves_of(source, TRAIN, seed=0)
    except DataError as error:
        notes.append(f"{error.what}: {error.why}")
    return notes


def note_on_scores(
    source: DataSource, *, scored: str, chosen_by: str, trained_on: Sequence[str]
) -> list[str]:
    """Return what must be said of the scores that a run ends with; nothing of those of ``test``."""
    if any(share_images(scored, split) for split in trained_on):
        return [f"{scored} is scored at the end of a run, and networks are trained on its images"]
    if not share_images(scored, chosen_by):
        return []
    known = source.splits()
    if TEST in source.withheld:
        why = f": the labels of {TEST} are not published"
    elif TEST not in known:
        why = f": there is no {TEST}"
    else:
        why = "" if TEST in parts_of(scored) else f", not {TEST}"
    return [
        f"{scored} is scored at the end of a run{why}; it also chooses the weights, so that its "
        "scores are a little high"
    ]
