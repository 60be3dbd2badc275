"""A model is scored on data of its own classes, and where they differ it is said how."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import yaml
from advice import lines_of
from own_data import own_data

from fasterseg.datasets.labels import LabelSpace
from fasterseg.datasets.opening import open_data
from fasterseg.errors import UsageError
from fasterseg.pipeline.models.evaluating import require_same_classes


def refused(names: list[str], folder: Path) -> UsageError:
    with pytest.raises(UsageError) as caught:
        require_same_classes("model", LabelSpace.from_names(names), open_data(folder))
    return caught.value


@pytest.mark.parametrize(
    ("names", "told"), [(["c", "a", "b"], "in another order"), (["A", "b", "C"], "in another way")]
)
def test_the_same_classes_written_otherwise_are_answered_with_lines_that_bring_them_together(
    names: list[str], told: str, tmp_path: Path
) -> None:
    folder = own_data(tmp_path, {"train": 2, "test": 1})
    before = open_data(folder)
    error = refused(names, folder)
    assert told in error.what

    file = folder / "data.yaml"
    lines = lines_of(cast(Any, error))
    file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text()) | lines))

    after = open_data(folder)
    require_same_classes("model", LabelSpace.from_names(names), after)
    was, now = (one.sample("test", 0).labels for one in (before, after))
    assert [before.label_space.names[label].casefold() for label in np.unique(was)] == sorted(
        names[label].casefold() for label in np.unique(now)
    )


def test_what_only_one_of_them_knows_is_named(tmp_path: Path) -> None:
    folder = own_data(tmp_path, {"train": 2, "test": 1})
    error = refused(["a", "b", "boat"], folder)
    assert "has c, which the model does not know" in error.why
    assert "the model knows boat, which" in error.why
    assert "the model knows" not in refused(["a", "b"], folder).why
    assert "has " not in refused(["a", "b", "c", "d"], folder).why.partition("which")[0]
