"""What is kept of a supernet: its weights as the search left them, and what they learned from."""

from __future__ import annotations

import pytest
import torch
from made_up_search import RECIPE, search_in

from fasterseg.checkpoints import load_checkpoint
from fasterseg.errors import FileError
from fasterseg.learning.states import part
from fasterseg.runs import RunFolder
from fasterseg.searching.kept_supernet import KeptSupernet, kept_weights

SHORT = RECIPE.model_copy(
    update={"search": RECIPE.search.model_copy(update={"pretrain_steps": 2, "steps": 3})}
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
