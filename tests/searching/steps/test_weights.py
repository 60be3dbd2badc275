"""The weight step: exact mode is torch's SGD, sampled mode moves what it used and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest
import torch
from given_logits import segmentation_loss
from small_searches import SmallSearch, random_batch, small_search
from small_spaces import make_space
from torch import Tensor, nn

from fasterseg.config import SearchSettings
from fasterseg.datasets.batches.loading import Batch
from fasterseg.errors import FileError
from fasterseg.searching.steps.gradients import SlicedGradients
from fasterseg.searching.steps.weights import search_numerics
from fasterseg.supernet.folded import FoldedComputation
from fasterseg.supernet.plain import PlainComputation
from fasterseg.supernet.relaxation import Relaxation, narrowest
from fasterseg.supernet.sampling import one_of, resampled

SPACE = make_space(4, expansions=(2, 4))


def plain_update(search: SmallSearch, batch: Batch, relaxations: list[Relaxation]) -> None:
    """What exact mode is to compute, by torch alone; the clip at work."""
    supernet, settings = search.weights.supernet, search.weights.settings
    kernels = [p for p in supernet.parameters() if p.dim() > 1]
    others = [p for p in supernet.parameters() if p.dim() == 1]
    optimizer = torch.optim.SGD(
        [
            {"params": kernels, "weight_decay": settings.weight_decay},
            {"params": others, "weight_decay": 0.0},
        ],
        lr=settings.lr,
        momentum=settings.momentum,
    )
    for _ in range(2):
        optimizer.zero_grad()
        for relaxation in relaxations:
            main, auxiliary = supernet(batch.images, relaxation, PlainComputation())
            loss = segmentation_loss(
                main,
                auxiliary,
                batch.labels,
                ignore=255,
                auxiliary_weight=settings.auxiliary_weight,
                hard_pixels=search.weights.objective.hard_pixels,
            )
            (loss / len(relaxations)).backward()
        torch.nn.utils.clip_grad_norm_(supernet.parameters(), settings.clip_norm)
        optimizer.step()


@pytest.fixture
def double_precision() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.usefixtures("double_precision")
@pytest.mark.parametrize("clip_norm", [0.01, 1e6])
def test_exact_mode_moves_the_weights_as_torch_would(clip_norm: float) -> None:
    settings = {"mode": "exact", "clip_norm": clip_norm, "lr": 0.003}
    fast, plain = (small_search(space=SPACE, **settings) for _ in range(2))
    batch = random_batch("weights", 0)
    relaxations = [*fast.cosearch.passes.weights(0, temperature=1.0)]
    for index in range(2):
        fast.weights.step(batch, relaxations, index=index)
    plain_update(plain, batch, relaxations)
    wanted = dict(plain.weights.supernet.named_parameters())
    for name, parameter in fast.weights.supernet.named_parameters():
        # The loss itself is computed in float32.
        torch.testing.assert_close(parameter, wanted[name], rtol=0, atol=1e-6)


def masks_of(supernet: nn.Module, used: SlicedGradients) -> dict[nn.Parameter, Tensor]:
    """Which numbers of each parameter some pass took."""
    masks = {p: torch.zeros_like(p, dtype=torch.bool) for p in supernet.parameters()}
    for part in used:
        masks[part.parameter][part.where] = True
    return masks


def a_narrow_network(search: SmallSearch, seed: int) -> Relaxation:
    student = search.contenders[-1]
    now = student.parameters.probabilities().detached()
    one = partial(one_of, generator=torch.Generator().manual_seed(seed))
    drawn = resampled(now, {"kinds": one, "paths": one})
    return narrowest(student.options, drawn)


def test_a_sampled_step_moves_what_it_used_and_nothing_else() -> None:
    search = small_search(space=SPACE, mode="sampled", precision="float32")
    supernet, batch = search.weights.supernet, random_batch("weights", 0)
    momenta = search.weights.optimizer._momentum
    for index, seed in enumerate((0, 1, 2)):
        relaxation = a_narrow_network(search, seed)
        noting = SlicedGradients(whole=False)
        supernet(batch.images, relaxation, FoldedComputation(noting.take))
        before = {p: (p.detach().clone(), momenta(p).clone()) for p in supernet.parameters()}
        search.weights.step(batch, [relaxation], index=index)
        moved = 0
        for parameter, mask in masks_of(supernet, noting).items():
            for now, then in zip((parameter, momenta(parameter)), before[parameter], strict=True):
                assert torch.equal(now[~mask], then[~mask])
            moved += int((parameter != before[parameter][0])[mask].sum())
        used = sum(int(mask.sum()) for mask in masks_of(supernet, noting).values())
        assert 0.5 * used < moved <= used < sum(p.numel() for p in supernet.parameters()) / 4


def test_a_sampled_update_of_all_that_there_is_is_an_exact_one() -> None:
    """Where every pass uses every weight whole, both optimisers are one."""
    sampled, exact = (
        small_search(space=SPACE, mode=mode, precision="float32") for mode in ("sampled", "exact")
    )
    batch = random_batch("weights", 0)
    relaxations = [*exact.cosearch.passes.weights(0, temperature=1.0)]
    for search in (sampled, exact):
        search.weights.step(batch, relaxations, index=0)
    wanted = dict(exact.weights.supernet.named_parameters())
    for name, parameter in sampled.weights.supernet.named_parameters():
        if "skip" not in name:
            torch.testing.assert_close(parameter, wanted[name])


def test_momentum_of_another_network_is_refused() -> None:
    search = small_search()
    search.weights.step(random_batch("w", 0), [a_narrow_network(search, 0)], index=0)
    tensors = search.weights.tensors()
    tensors["weight_optimizer/elsewhere/momentum_buffer"] = torch.zeros(1)
    with pytest.raises(FileError, match="another network"):
        search.weights.restore(tensors)


def test_a_sampled_search_computes_in_what_the_device_has_and_an_exact_one_in_single() -> None:
    device = torch.device("cpu")
    assert search_numerics(SearchSettings(mode="exact"), device).precision == "float32"
    assert search_numerics(SearchSettings(precision="float32"), device).precision == "float32"
    assert search_numerics(SearchSettings(), device).precision in {"float32", "bfloat16"}


def test_the_first_weights_of_a_supernet_may_be_drawn_by_the_inputs_of_an_output() -> None:
    found = {}
    for how in ("fan-out", "fan-in"):
        weights = dict(small_search(initialisation=how).weights.supernet.named_parameters())
        found[how] = weights["blocks.cells_0_8_down_conv.conv1.weight"]
        count = found[how][:, 0].numel() if how == "fan-out" else found[how][0].numel()
        assert float(found[how].detach().std()) == pytest.approx((2 / count) ** 0.5, rel=0.1)
    assert not torch.equal(found["fan-out"], found["fan-in"])


@pytest.mark.usefixtures("double_precision")
@pytest.mark.parametrize("clip_norm", [0.5, 1e6])
def test_passes_that_are_added_up_are_a_higher_rate_under_an_earlier_clip(clip_norm: float) -> None:
    rates = {"lr": 0.003, "weight_decay": 1e-2, "clip_norm": clip_norm}
    summed = small_search(space=SPACE, mode="exact", passes="sum", **rates)
    count = len([*summed.search.passes.weights(0, temperature=1.0)])
    alike = {"lr": count * 0.003, "weight_decay": 1e-2 / count, "clip_norm": clip_norm / count}
    mean = small_search(space=SPACE, mode="exact", **alike)
    assert count > 1
    for search in (summed, mean):
        for index in range(2):
            passes = [*search.search.passes.weights(index, temperature=1.0)]
            search.weights.step(random_batch("w", index), passes, index=index)
    ours, theirs = (one.weights.supernet.state_dict() for one in (summed, mean))
    for name, tensor in ours.items():
        torch.testing.assert_close(tensor, theirs[name], rtol=0, atol=1e-6, msg=name)
