"""Maps too small for batch norm are told before the first step, with sizes that will do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from fasterseg.errors import UsageError
from fasterseg.pipeline.preflight.ahead import Ahead
from fasterseg.pipeline.preflight.passes import (
    a_search_pass,
    a_training_pass,
    maps_to_search_on,
    maps_to_train_on,
)
from fasterseg.pipeline.trainings.trainees import SplitNames

MakeAhead = Callable[..., Ahead]
Need = Callable[[Ahead], None]


def sizes(section: str, batch: int, height: int, width: int) -> tuple[str, ...]:
    crop = f"{section}.augmentation.crop"
    return (
        f"{section}.batch_size={batch}",
        f"{crop}_height={height}",
        f"{crop}_width={width}",
        "search.precision=float32",
        "data.val_split=val",
    )


ZOOMED = (
    "space.layers=3",
    "space.branches=[32, 16]",
    "space.operators=[skip, conv, zoomed_conv]",
    "contenders=[{name: teacher, role: teacher, operators: [conv]}, "
    "{name: student, role: student, operators: [skip, conv, zoomed_conv]}]",
)
SCALED = ("space.layers=3", "space.branches=[[32], [32, 16]]", "space.input_scale=['1', '1/2']")
CASES = [
    (maps_to_search_on, "search", (), (1, 16, 16), (1, 32, 16)),
    (maps_to_search_on, "search", ZOOMED, (1, 64, 64), (1, 64, 128)),
    (maps_to_search_on, "search", SCALED, (1, 64, 64), (1, 64, 128)),
    (maps_to_train_on, "student", (), (1, 16, 16), (2, 8, 8)),
    (maps_to_train_on, "teacher", (), (1, 8, 16), (1, 32, 16)),
    (maps_to_train_on, "student", ZOOMED, (1, 64, 64), (1, 96, 64)),
]


@pytest.mark.parametrize(("need", "section", "space", "small", "enough"), CASES)
def test_a_deepest_map_of_one_pixel_is_told_and_what_is_advised_will_do(
    need: Need,
    section: str,
    space: tuple[str, ...],
    small: tuple[int, int, int],
    enough: tuple[int, int, int],
    make_ahead: MakeAhead,
) -> None:
    need(make_ahead(*space, *sizes(section, *enough)))
    with pytest.raises(UsageError, match="so small a batch") as caught:
        need(make_ahead(*space, *sizes(section, *small)))
    ways = caught.value.next_step.split(", or ")
    assert len(ways) == 2
    for way in ways:
        advised = way.replace("--set ", "").split()
        need(make_ahead(*space, *sizes(section, *small), *advised))


def test_a_baseline_s_own_sentence_comes_before_the_first_step_and_its_advice_will_do(
    make_ahead: MakeAhead,
) -> None:
    names = SplitNames((), ("fast-scnn",), ())
    with pytest.raises(UsageError, match="Fast-SCNN") as caught:
        a_training_pass(make_ahead(*sizes("student", 1, 32, 32), names=names))
    advised = caught.value.next_step.removeprefix("--set ")
    a_training_pass(make_ahead(*sizes("student", 1, 32, 32), advised, names=names))


@pytest.mark.parametrize("mode", ["sampled", "exact"])
def test_a_search_passes_once_forwards_and_backwards_and_leaves_nothing(
    mode: str, make_ahead: MakeAhead
) -> None:
    ahead = make_ahead(f"search.mode={mode}")
    a_search_pass(ahead)
    assert not ahead.run.root.exists()


def test_a_search_of_several_variants_passes_too(make_ahead: MakeAhead) -> None:
    ahead = make_ahead(*SCALED)
    a_search_pass(ahead)
    assert not ahead.run.root.exists()


def test_what_a_first_step_would_refuse_is_refused_in_the_pass(make_ahead: MakeAhead) -> None:
    a_training_pass(make_ahead())
    with pytest.raises(UsageError, match="warm-up"):
        a_training_pass(make_ahead("student.warmup_steps=9"))


def test_a_process_that_has_one_image_of_a_batch_passes_where_norms_see_those_of_all(
    make_ahead: MakeAhead,
) -> None:
    two = [*sizes("student", 2, 16, 16), "student.synchronise_norms=true"]
    two += [word.replace("student", "search") for word in two if word.startswith("student")]
    ahead = replace(make_ahead(*two), count=2)
    for need in (maps_to_train_on, a_training_pass, maps_to_search_on, a_search_pass):
        need(ahead)
