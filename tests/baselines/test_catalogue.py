"""Baselines go by name, and an unknown one meets the nearest."""

from __future__ import annotations

from pathlib import Path

import pytest
from torch import nn

from fasterseg import load_model, load_network
from fasterseg.baselines.catalogue import BASELINES, baseline_name
from fasterseg.errors import UsageError


def test_only_what_has_the_prefix_is_a_baseline() -> None:
    assert baseline_name("baseline:fast-scnn") == "fast-scnn"
    assert baseline_name("fast-scnn") is None
    assert baseline_name(Path("runs/baseline:fast-scnn")) is None


@pytest.mark.parametrize("name", ["fast-scn", "fastscnn", "Fast-SCNN"])
def test_an_unknown_baseline_is_refused_with_the_nearest(name: str) -> None:
    with pytest.raises(UsageError, match="no baseline") as caught:
        baseline_name(f"baseline:{name}")
    assert caught.value.next_step == "did you mean 'baseline:fast-scnn'?"


def test_what_is_like_none_is_told_all() -> None:
    with pytest.raises(UsageError) as caught:
        baseline_name("baseline:xyz")
    assert caught.value.why == (
        "the baselines are baseline:fast-scnn, baseline:bisenet-v2, baseline:ddrnet-23-slim, "
        "baseline:enet, baseline:efficientnet-lite0, baseline:efficientnet-lite2"
    )


@pytest.mark.parametrize("name", BASELINES)
def test_every_baseline_has_the_face_of_a_network(name: str) -> None:
    network = BASELINES[name](3)
    assert isinstance(network, nn.Module)
    assert all(hasattr(network, face) for face in ("low_resolution", "with_auxiliary"))


def test_an_untrained_baseline_is_no_model_and_says_how_to_make_it_one() -> None:
    for load in (load_network, load_model):
        with pytest.raises(UsageError, match="no weights") as caught:
            load("baseline:fast-scnn")
        assert caught.value.next_step.startswith("fasterseg train baseline:fast-scnn --data ")
