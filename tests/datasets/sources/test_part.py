"""Some images of a split are a split of their own."""

import numpy as np
import pytest

from fasterseg.datasets.sources.part import PartOfSplit, spread
from fasterseg.datasets.sources.source import DataSource
from fasterseg.datasets.street import StreetScenes
from fasterseg.errors import DataError

WHOLE = StreetScenes(size=(32, 64), counts={"train": 6, "val": 2, "test": 1})


def test_it_holds_what_was_chosen_and_nothing_else() -> None:
    part: DataSource = PartOfSplit(WHOLE, "train", (4, 1))
    assert part.splits() == ("train",)
    assert (part.length("train"), part.length("val")) == (2, 0)
    assert part.names("train") == (WHOLE.names("train")[4], WHOLE.names("train")[1])
    assert part.names("val") == ()
    np.testing.assert_array_equal(part.sample("train", 0).labels, WHOLE.sample("train", 4).labels)
    assert (part.name, part.terms, part.label_space) == (WHOLE.name, WHOLE.terms, WHOLE.label_space)
    for split, index in (("val", 0), ("train", 2), ("train", -1)):
        with pytest.raises(DataError):
            part.sample(split, index)


def test_its_digest_tells_what_was_chosen() -> None:
    digests = {PartOfSplit(WHOLE, "train", chosen).digest("train") for chosen in ((0, 1), (1, 0))}
    assert len({*digests, WHOLE.digest("train")}) == 3


@pytest.mark.parametrize(("count", "chosen"), [(3, (5, 7, 9)), (6, (5, 6, 7, 8, 9, 10))])
def test_the_chosen_lie_evenly(count: int, chosen: tuple[int, ...]) -> None:
    assert tuple(spread((5, 6, 7, 8, 9, 10), count)) == chosen
