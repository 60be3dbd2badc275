"""An evaluation that ranks share writes the report of one process, or is refused on all of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ranked import in_ranks
from tiny_training import tiny_task

from fasterseg.config import Recipe
from fasterseg.errors import FastersegError
from fasterseg.evaluation import EvaluationReport
from fasterseg.learning.leading import dismiss, follow
from fasterseg.learning.ranks import ALONE, Ranks
from fasterseg.learning.sharing import Sharing
from fasterseg.pipeline.models.evaluating import ORDER, evaluate_stage, follow_evaluation
from fasterseg.pipeline.opening import open_source
from fasterseg.training.training import train_network

STREET = {"height": 32, "width": 64, "train": 4, "val": 3, "test": 5}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network that was trained for a step."""
    folder = tmp_path_factory.mktemp("training")
    train_network(tiny_task(steps=1, evaluate_every=1), folder)
    return folder / "best"


def evaluated(ranks: Ranks, model: Path, path: Path, other: dict[str, Any]) -> dict[str, str]:
    """Score a model, led; the error in parts.  The followers are told `other` things."""
    recipe = Recipe.model_validate({"data": {"street": STREET}, "threads": 1})

    def follow_here(ranks: Ranks, words: Any) -> Any:
        street = {**words["recipe"]["data"]["street"], **other.get("street", {})}
        data = {**words["recipe"]["data"], "street": street}
        told = {**words, "recipe": {**words["recipe"], "data": data}}
        return follow_evaluation(ranks, {**told, **other.get("words", {})})

    try:
        if ranks.leads:
            source, sharing = open_source(recipe), Sharing(ranks, recipe)
            evaluate_stage(model, path, source=source, split="test", sharing=sharing)
            dismiss(ranks)
        else:
            follow(ranks, {ORDER: follow_here})
    except FastersegError as error:
        ranks.leave()
        return error.as_parts()
    return {}


def test_the_report_is_that_of_one_process(model: Path, tmp_path: Path) -> None:
    evaluated(ALONE, model, tmp_path / "one.json", {})
    assert in_ranks(2, evaluated, model, tmp_path / "two.json", {}) == [{}, {}]
    one, two = (EvaluationReport.load_made(tmp_path / f"{name}.json") for name in ("one", "two"))
    assert one[0].model_dump_json() == two[0].model_dump_json()
    assert one[0].images == 5


@pytest.mark.parametrize(
    ("other", "kind", "what"),
    [
        ({"words": {"weights": "sha256:0"}}, "FileError", "the model here is not that of"),
        ({"street": {"test": 6}}, "DataError", "the data here are not those of"),
    ],
)
def test_another_model_or_other_data_at_a_rank_are_refused(
    model: Path, tmp_path: Path, other: dict[str, Any], kind: str, what: str
) -> None:
    path = tmp_path / "report.json"
    for told in in_ranks(2, evaluated, model, path, other, may_end=True):
        assert told["kind"] == kind
        assert told["what"].startswith(what)
    assert not path.exists()
