"""What is kept of a supernet: its weights as the search left them, and what they learned from."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from made_up_search import RECIPE, search_in

from fasterseg.checkpoints import load_checkpoint
from fasterseg.errors import FileError
from fasterseg.learning.states import part
from fasterseg.runs import RunFolder
from fasterseg.searching.beginnings.kept_supernet import (
    KeptSupernet,
    is_supernet_there,
    keep_supernet,
    kept_weights,
)

SHORT = RECIPE.model_copy(
    update={
        "search": RECIPE.search.model_copy(update={"pretrain_steps": 2, "steps": 3}),
        "student": RECIPE.student.model_copy(update={"start": "supernet"}),
    }
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    root = tmp_path_factory.mktemp("run")
    search_in(root, recipe=SHORT)
    return RunFolder(root)


def test_the_weights_are_those_of_the_last_step_and_nothing_besides(run: RunFolder) -> None:
    checkpoint = load_checkpoint(run.cosearch.checkpoints)
    assert checkpoint is not None
    wanted, found = part("supernet", checkpoint.tensors), kept_weights(run.supernet)
    assert found.keys() == wanted.keys()
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)


def test_a_search_whose_networks_begin_fresh_keeps_none_and_can_be_asked_for_it_later(
    run: RunFolder, tmp_path: Path
) -> None:
    fresh = SHORT.model_copy(update={"student": RECIPE.student})
    search_in(tmp_path, recipe=fresh)
    other = RunFolder(tmp_path)
    assert not other.supernet.root.exists()
    assert is_supernet_there(other)
    found = keep_supernet(other, split="train", classes=9)
    assert found == KeptSupernet.load(other.supernet.facts) == KeptSupernet.load(run.supernet.facts)
    shutil.rmtree(other.cosearch.checkpoints)
    assert keep_supernet(other, split="train", classes=9) == found
    shutil.rmtree(other.supernet.root)
    shutil.rmtree(other.pretraining.checkpoints)
    assert not is_supernet_there(other)


def test_the_facts_say_what_it_learned_from(run: RunFolder) -> None:
    facts = KeptSupernet.load(run.supernet.facts)
    assert (facts.split, facts.images, facts.classes) == ("train", 6, 9)
    assert facts.steps == 5


def test_weights_that_were_changed_are_refused(run: RunFolder) -> None:
    data = run.supernet.weights.read_bytes()
    run.supernet.weights.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(FileError, match="was changed after it was kept"):
        kept_weights(run.supernet)
    run.supernet.weights.write_bytes(data)
