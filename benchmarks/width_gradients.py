"""How much an exact search's inner widths hear of the task, beside its operators.

A small supernet is pre-trained on images of coloured squares; then the student's logits are given
their gradients on many batches, nothing being moved, by either way in which widths may learn:
straight through a weight at their features, as in the paper, or by the losses of two draws.
Printed are, for widths and operators, the root mean square of a logit's gradient in one step and of
its mean (estimated over the steps, without what chance adds), their ratio, and the widths that were
given nothing at all.

    python benchmarks/width_gradients.py
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from fasterseg.config import ContenderSettings, SearchSettings, SearchSpace
from fasterseg.datasets.batches.loading import Batch
from fasterseg.runtime import processor_name, torch_generator
from fasterseg.searching.search import Search, SearchTask
from fasterseg.space.architecture import Geometry
from fasterseg.space.blocks import Size
from search_setup import made_up_cost_ms

Way = Literal["straight-through", "two-draws"]
WAYS: tuple[Way, ...] = ("straight-through", "two-draws")
CLASSES, SIDE, SQUARES = 3, 64, 4


def coloured(*words: object) -> Batch:
    """Images of squares in their classes' colours, noise on them; pure in the words."""
    generator = torch_generator(0, "squares", *words)
    squares = torch.randint(CLASSES, (4, SQUARES, SQUARES), generator=generator)
    side = SIDE // SQUARES
    labels = squares.repeat_interleave(side, dim=1).repeat_interleave(side, dim=2)
    colours = 2 * F.one_hot(labels, CLASSES).permute(0, 3, 1, 2) - 0.67
    images = colours + torch.randn(colours.shape, generator=generator)
    return Batch(images, labels, ("squares",) * len(images))


def search_of(way: Way, pretrain_steps: int) -> Search:
    """An exact search by one student, whose widths learn one way."""
    settings = SearchSettings(
        mode="exact", exact_widths=way, pretrain_steps=pretrain_steps, steps=1, penalty_strength=0.0
    )
    student = ContenderSettings(name="student", role="student", stem_expansion=2, head_expansion=2)
    task = SearchTask(
        space=SearchSpace(
            layers=5, expansions=(1, 2, 3), stem_expansions=(2,), head_expansions=(2,)
        ),
        contenders=(student,),
        settings=settings,
        budgets_ms={"student": 10.0},
        geometry=Geometry(Size(SIDE, SIDE), CLASSES),
        cost_ms=made_up_cost_ms,
        feed=lambda purpose, _: lambda step: coloured(purpose, step),
        ignore=255,
    )
    return Search.begin(task)


def gradients(way: Way, *, pretrain_steps: int, steps: int) -> Mapping[str, Tensor]:
    """What the logits of kinds and widths are given in each step: (steps, choices, options)."""
    search = search_of(way, pretrain_steps)
    pretraining = search.pretraining()
    for index in range(pretrain_steps):
        pretraining.step(index)
    cosearch, (student,) = search.cosearch(), search.contenders
    found: dict[str, list[Tensor]] = {"operator_logits": [], "width_logits": []}
    for index in range(steps):
        # Nothing is moved: every step is at the same parameters and weights.
        cosearch._architecture_gradients(student, coloured("architecture", index), index)
        for name, given in found.items():
            gradient = student.parameters.get_parameter(name).grad
            assert gradient is not None
            given.append(gradient.clone())
    return {name: torch.stack(given) for name, given in found.items()}


def root_mean_square(values: Tensor) -> float:
    """Over all entries."""
    return float(values.square().mean().sqrt())


def signal(given: Tensor) -> float:
    """The root mean square of the mean over steps, what chance adds to its square taken off."""
    by_chance = given.var(dim=0) / len(given)
    return float((given.mean(dim=0).square() - by_chance).mean().clamp_min(0).sqrt())


def main() -> None:
    """Parse the arguments, and print a line for each way."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pretrain-steps", type=int, default=150)
    parser.add_argument("--steps", type=int, default=200)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{processor_name()}, torch {torch.__version__}")
    for way in WAYS:
        found = gradients(way, pretrain_steps=arguments.pretrain_steps, steps=arguments.steps)
        kinds, widths = found["operator_logits"], found["width_logits"]
        print(f"{way}: root mean square of a logit's gradient")
        for what, size in (("one step", root_mean_square), ("its mean", signal)):
            wide, kind = size(widths), size(kinds)
            print(f"  {what}: width {wide:.1e}, operator {kind:.1e}, ratio {wide / kind:.3f}")
        unheard = (widths == 0).all(dim=2).all(dim=0)
        print(f"  widths that no step gave anything: {int(unheard.sum())} of {len(unheard)}")


if __name__ == "__main__":
    main()
