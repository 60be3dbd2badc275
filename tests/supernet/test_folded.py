"""The fast computation computes what the plain one does, to the last gradient."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
import torch
from small_spaces import make_space, make_student, make_teacher
from torch import Tensor, nn

from fasterseg.config import ContenderSettings
from fasterseg.layers.units import normalised, taken_frozen
from fasterseg.searching.steps.gradients import SlicedGradients
from fasterseg.space.choices import SECTIONS
from fasterseg.space.kinds import OPERATORS
from fasterseg.space.lattice import Lattice
from fasterseg.space.options import Options
from fasterseg.supernet.computation import Computation
from fasterseg.supernet.folded import FoldedComputation
from fasterseg.supernet.parameters import ArchitectureParameters
from fasterseg.supernet.plain import PlainComputation
from fasterseg.supernet.relaxation import Relaxation, narrowest, random_widths, widest
from fasterseg.supernet.sampling import between_two, one_of, resampled, straight
from fasterseg.supernet.supernet import Supernet

pytestmark = pytest.mark.usefixtures("double_precision")

CLASSES = 3
SPACE = make_space(3, expansions=(2, 4), operators=OPERATORS)
LATTICE = Lattice(SPACE)
TEACHER, STUDENT = make_teacher(), make_student(stem_expansion=None, head_expansion=None)
OPTIONS = Options.of(SPACE, STUDENT)
SIZES = {0: (64, 96), 1: (37, 70), 2: (65, 33)}
Kind = Callable[[ArchitectureParameters, torch.Generator], Relaxation]


def soft(parameters: ArchitectureParameters, generator: torch.Generator) -> Relaxation:
    return parameters.sampled(1.0, generator)


def one_hot(parameters: ArchitectureParameters, generator: torch.Generator) -> Relaxation:
    one = partial(one_of, generator=generator)
    return resampled(soft(parameters, generator), {"kinds": one, "paths": one})


def paired(parameters: ArchitectureParameters, generator: torch.Generator) -> Relaxation:
    draw = partial(between_two, generator=generator)
    return resampled(parameters.probabilities(), dict.fromkeys(SECTIONS, draw))


def straight_through(parameters: ArchitectureParameters, generator: torch.Generator) -> Relaxation:
    draw = partial(straight, temperature=0.7, generator=generator)
    return resampled(parameters.probabilities(), dict.fromkeys(SECTIONS, draw))


KINDS: dict[str, Kind] = {
    "soft": soft,
    "one-hot": one_hot,
    "between two": paired,
    "straight through": straight_through,
    "widest": lambda parameters, generator: widest(OPTIONS, soft(parameters, generator)),
    "narrowest": lambda parameters, generator: narrowest(OPTIONS, soft(parameters, generator)),
    "random widths": lambda p, g: random_widths(OPTIONS, one_hot(p, g), g),
}


def scattered_supernet() -> Supernet:
    """A supernet in which every scale and shift differs, some of them negative."""
    options = [Options.of(SPACE, contender) for contender in (TEACHER, STUDENT)]
    supernet = Supernet(LATTICE, CLASSES, contenders=options)
    generator = torch.Generator().manual_seed(0)
    for parameter in supernet.parameters():
        if parameter.dim() == 1:
            nn.init.normal_(parameter, mean=0.5, std=0.5, generator=generator)
    return supernet


def scattered_parameters(contender: ContenderSettings, seed: int) -> ArchitectureParameters:
    generator = torch.Generator().manual_seed(seed)
    parameters = ArchitectureParameters(Options.of(SPACE, contender), generator)
    for parameter in parameters.parameters():
        nn.init.normal_(parameter, generator=generator)
    return parameters


def images_of(seed: int) -> Tensor:
    return torch.randn(2, 3, *SIZES[seed % 3], generator=torch.Generator().manual_seed(seed))


def computed(
    supernet: Supernet, relaxation: Relaxation, images: Tensor, computation: Computation
) -> tuple[list[Tensor], Tensor]:
    """The outputs, and a loss that depends on each entry of them in its own way."""
    main, auxiliary = supernet(images, relaxation, computation)
    outputs = [main, *auxiliary.values()]
    generator = torch.Generator().manual_seed(1)
    weights = [torch.randn(output.shape, generator=generator) for output in outputs]
    terms = [(w * output.sigmoid()).sum() for w, output in zip(weights, outputs, strict=True)]
    return outputs, torch.stack(terms).sum()


def close(found: Tensor | None, wanted: Tensor | None) -> None:
    assert (found is None) == (wanted is None)
    if found is not None and wanted is not None:
        torch.testing.assert_close(found, wanted, rtol=1e-9, atol=1e-9)


CASES = [
    *((STUDENT, kind) for kind in KINDS),
    *((TEACHER, kind) for kind in ("soft", "one-hot", "between two", "straight through")),
]


@pytest.mark.parametrize(("contender", "kind"), CASES, ids=lambda case: getattr(case, "name", case))
def test_fast_and_plain_computation_agree_in_outputs_and_all_gradients(
    contender: ContenderSettings, kind: str
) -> None:
    supernet = scattered_supernet()
    for seed in range(3):
        parameters = scattered_parameters(contender, seed)
        wanted = [*parameters.parameters(), *supernet.parameters()]
        found: list[list[Tensor | None]] = []
        for computation in (FoldedComputation(), PlainComputation()):
            relaxation = KINDS[kind](parameters, torch.Generator().manual_seed(seed))
            outputs, loss = computed(supernet, relaxation, images_of(seed), computation)
            gradients = torch.autograd.grad(loss, wanted, allow_unused=True)
            found.append([*outputs, *gradients])
        for fast, plain in zip(*found, strict=True):
            close(fast, plain)


@pytest.mark.parametrize("whole", [True, False])
def test_gradients_added_in_place_are_those_of_autograd(whole: bool) -> None:
    """Of several passes together, sliced narrowly first and widely later."""
    supernet = scattered_supernet()
    parameters = scattered_parameters(STUDENT, 0)
    gradients = SlicedGradients(whole=whole)
    kinds = [KINDS[name] for name in ("narrowest", "random widths", "soft", "one-hot", "widest")]
    for seed, kind in enumerate(kinds):
        for computation in (FoldedComputation(gradients.take), FoldedComputation()):
            relaxation = kind(parameters, torch.Generator().manual_seed(seed))
            computed(supernet, relaxation, images_of(seed), computation)[1].backward()
    found = {parameter: torch.zeros_like(parameter) for parameter in supernet.parameters()}
    for used in gradients:
        found[used.parameter][used.where] += used.gradient
    for parameter, gradient in found.items():
        wanted = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        close(gradient, wanted)


def test_gradients_are_those_of_one_update_only() -> None:
    supernet, parameters = scattered_supernet(), scattered_parameters(STUDENT, 0)
    gradients = SlicedGradients(whole=True)
    sums = []
    for _ in range(2):
        gradients.clear()
        relaxation = soft(parameters, torch.Generator().manual_seed(0))
        computation = FoldedComputation(gradients.take)
        computed(supernet, relaxation, images_of(0), computation)[1].backward()
        sums.append({used.parameter: used.gradient.clone() for used in gradients})
    assert sums[0].keys() == sums[1].keys()
    for parameter, gradient in sums[0].items():
        assert torch.equal(gradient, sums[1][parameter])


def test_a_computation_of_frozen_weights_reaches_the_architecture_alone() -> None:
    supernet, parameters = scattered_supernet(), scattered_parameters(STUDENT, 0)
    relaxation = soft(parameters, torch.Generator().manual_seed(0))
    computation = FoldedComputation(taken_frozen)
    computed(supernet, relaxation, images_of(0), computation)[1].backward()
    assert all(parameter.grad is None for parameter in supernet.parameters())
    for parameter in parameters.parameters():
        assert parameter.grad is not None
        assert float(parameter.grad.abs().sum()) > 0


def test_each_tensor_that_enters_a_cell_keeps_its_own_statistics(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As many normalisations as the plain computation has, each over one batch."""
    batches: list[int] = []

    def noted(features: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        batches.append(len(features))
        return normalised(features, scale, shift)

    monkeypatch.setattr("fasterseg.layers.units.normalised", noted)
    supernet, parameters = scattered_supernet(), scattered_parameters(TEACHER, 0)
    counts = []
    for computation in (FoldedComputation(), PlainComputation()):
        batches.clear()
        relaxation = soft(parameters, torch.Generator().manual_seed(0))
        supernet(images_of(0), relaxation, computation)
        assert set(batches) == {2}
        counts.append(len(batches))
    assert counts[0] == counts[1]
