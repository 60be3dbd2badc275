"""A batch's loss is one number, whichever ranks hold its images and in how many parts they go."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from ranked import in_ranks
from torch import Tensor, nn

from fasterseg.learning.batch_loss import BatchLoss, Criterion
from fasterseg.learning.losses import OhemSettings
from fasterseg.learning.pixel_losses import Truth, cross_entropies
from fasterseg.learning.ranks import ALONE, Ranks

IGNORE, CLASSES, IMAGES = 255, 4, 5
WEIGHTS = (0.5, 1.0, 3.0, 7.0)
HARD = {
    "every pixel": OhemSettings(1.0, 1.0),
    "every pixel, classes weighted": OhemSettings(1.0, 1.0, WEIGHTS),
    "many are hard": OhemSettings(0.9, 1 / 16),
    "too few are hard": OhemSettings(1e-3, 0.3),
    "too few, classes weighted": OhemSettings(1e-3, 0.3, WEIGHTS),
    "few in one head, many in another": OhemSettings(0.2, 0.5, WEIGHTS),
}
CASES = pytest.mark.parametrize("hard", HARD.values(), ids=HARD)
Found = dict[str, Tensor]


class Small(nn.Module):
    """A network of two heads, with a norm and with dropout where it is asked for."""

    def __init__(self, dtype: torch.dtype, *, dropout: float = 0.0) -> None:
        super().__init__()
        torch.manual_seed(7)
        self.stem = nn.Sequential(
            nn.Conv2d(3, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(), nn.Dropout(dropout)
        )
        self.main, self.auxiliary = nn.Conv2d(6, CLASSES, 1), nn.Conv2d(6, CLASSES, 1)
        self.to(dtype)

    def heads(self, images: Tensor) -> tuple[Tensor, dict[int, Tensor]]:
        features = self.stem(images)
        return 3 * self.main(features), {16: self.auxiliary(F.avg_pool2d(features, 2))}


def batch_of(dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Images, and labels of which the last image has none; so has a rank of four ranks."""
    generator = torch.Generator().manual_seed(2)
    images = torch.randn(IMAGES, 3, 12, 10, generator=generator, dtype=torch.float64)
    labels = torch.randint(CLASSES, (IMAGES, 12, 10), generator=generator)
    labels[torch.rand(labels.shape, generator=generator) < 0.2] = IGNORE
    labels[-1] = IGNORE
    images[1] = images[0]  # their pixels tie
    labels[1] = labels[0]
    return images.to(dtype), labels


def computed(ranks: Ranks, hard: OhemSettings, parts: int, dtype: torch.dtype) -> Found:
    """Losses of all parts and ranks, gradients, and the network's state."""
    network, teacher = Small(dtype).eval(), Small(dtype).eval()
    nn.init.normal_(teacher.main.weight)
    images, labels = (given[[*ranks.share.within(IMAGES)]] for given in batch_of(dtype))
    criterion = Criterion(IGNORE, hard, 0.4, 0.7, temperature=2.0, pairwise_weight=0.3)
    loss = BatchLoss(images, labels, criterion=criterion, parts=parts, ranks=ranks)
    total: dict[str, Tensor] = {}
    for losses in loss.by_parts(
        network.heads, network=network, teacher=lambda given: teacher.heads(given)[0]
    ):
        torch.stack([*losses.values()]).sum().backward()
        for name, one in losses.items():
            total[name] = total.get(name, torch.zeros((), dtype=dtype)) + one.detach()
    value = loss.value(network.heads)
    gradients = {
        f"{n}.gradient": p.grad for n, p in network.named_parameters() if p.grad is not None
    }
    found = {**total, "value": value, **gradients}
    ranks.all_reduce_([*found.values()])
    return {**found, **network.state_dict()}


@CASES
@pytest.mark.parametrize("count", [2, 4])
def test_losses_and_gradients_of_ranks_add_up_to_one_process_s(
    count: int, hard: OhemSettings
) -> None:
    whole = computed(ALONE, hard, 1, torch.float64)
    for found in in_ranks(count, computed, hard, 1, torch.float64):
        assert_equal(found, whole)


@CASES
@pytest.mark.parametrize("parts", [2, 5])
def test_parts_add_up_to_one_pass(parts: int, hard: OhemSettings) -> None:
    assert_equal(
        computed(ALONE, hard, parts, torch.float64), computed(ALONE, hard, 1, torch.float64)
    )


@CASES
def test_parts_of_ranks_add_up_too(hard: OhemSettings) -> None:
    whole = computed(ALONE, hard, 1, torch.float64)
    for found in in_ranks(2, computed, hard, 2, torch.float64):
        assert_equal(found, whole)


def assert_equal(found: Found, whole: Mapping[str, Tensor]) -> None:
    assert found.keys() == whole.keys()
    assert whole["segmentation"] > 0
    assert whole["distillation"] > 0
    assert whole["pairwise"] > 0
    torch.testing.assert_close(found["value"], found["segmentation"], rtol=1e-10, atol=1e-12)
    for name, tensor in whole.items():
        torch.testing.assert_close(found[name], tensor, rtol=1e-10, atol=1e-12, msg=name)


def plain(losses: Sequence[Tensor], labels: Tensor, hard: OhemSettings) -> list[Tensor]:
    """Each head's mean as one process has always computed it, to the last bit."""
    found, labelled = [], labels != IGNORE
    weights = torch.tensor(hard.class_weights)
    for one in losses:
        known = one.detach()
        kept = labelled if hard.kept_fraction == 1 else known > -math.log(hard.threshold)
        wanted = math.ceil(int(labelled.sum()) * hard.kept_fraction)
        if int(kept.sum()) < wanted:
            kept = (known >= known[labelled].topk(wanted).values[-1]) & labelled
        if not hard.class_weights:
            found.append((one * kept).sum() / max(int(kept.sum()), 1))
        else:
            counts = kept * weights[labels.masked_fill(~labelled, 0)]
            found.append((one * counts).sum() / (counts.sum() if kept.any() else 1))
    return found


@CASES
def test_alone_and_in_one_part_the_numbers_are_those_of_before(hard: OhemSettings) -> None:
    network = Small(torch.float32).eval()
    images, labels = batch_of(torch.float32)
    criterion = Criterion(IGNORE, hard, auxiliary_weight=0.4)
    (found,) = BatchLoss(images, labels, criterion=criterion).by_parts(
        network.heads, network=network
    )
    main, auxiliary = network.heads(images)
    truth = Truth.of(labels, IGNORE)
    losses = [cross_entropies(one, truth) for one in (main, auxiliary[16])]
    first, second = plain(losses, labels, hard)
    assert torch.equal(found["segmentation"], first + 0.4 * (torch.zeros(()) + second))


def asked(ranks: Ranks, hard: OhemSettings) -> int:
    """How many exchanges a pass takes."""

    class Counted(Ranks):
        count_of = 0

        @property
        def alone(self) -> bool:
            return False

        def all_reduce_(self, tensors: object) -> None:
            Counted.count_of += 1

    computed(Counted(), hard, 1, torch.float32)
    return Counted.count_of - 1  # the test's own


@pytest.mark.parametrize(("case", "exchanges"), [("every pixel", 2), ("many are hard", 3)])
def test_a_pass_takes_one_exchange_and_two_of_every_pixel_one_together_a_teacher_one_more(
    case: str, exchanges: int
) -> None:
    assert asked(ALONE, HARD[case]) == exchanges


def test_the_first_of_two_passes_leaves_no_trace() -> None:
    """Statistics move once a part, and a part's dropout is the same in both passes."""
    hard, states = HARD["many are hard"], []
    images, labels = batch_of(torch.float32)
    for pixels in (hard, HARD["every pixel"]):
        network, seen = Small(torch.float32, dropout=0.5).train(), list[Tensor]()

        def heads(given: Tensor, network: Any = network, seen: Any = seen) -> Any:
            outputs = network.heads(given)
            seen.append(outputs[0].detach())
            return outputs

        torch.manual_seed(5)
        loss = BatchLoss(images, labels, criterion=Criterion(IGNORE, pixels, 0.4), parts=2)
        for losses in loss.by_parts(heads, network=network):
            losses["segmentation"].backward()
        states.append((network.stem[1].state_dict(), seen, torch.rand(3)))
    (two, seen, after), (one, expected, wanted) = states
    assert (len(seen), len(expected)) == (4, 2)
    assert all(torch.equal(two[name], tensor) for name, tensor in one.items())
    assert int(one["num_batches_tracked"]) == 2
    for found in (seen[:2], seen[2:]):
        assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))
    assert torch.equal(after, wanted)


def with_answers(parts: int, *, brought: bool, taught: Tensor | None = None) -> Found:
    """Losses and gradients where a teacher's word is in the batch, or is asked for."""
    network, teacher = Small(torch.float64).eval(), Small(torch.float64).eval()
    nn.init.normal_(teacher.main.weight)
    images, labels = batch_of(torch.float64)
    with torch.no_grad():
        answers = teacher.heads(images)[0]
    criterion = Criterion(IGNORE, HARD["many are hard"], 0.4, 0.7, temperature=2.0)
    loss = BatchLoss(
        images,
        labels,
        criterion=criterion,
        parts=parts,
        taught=taught,
        answers=answers if brought else None,
    )
    total: dict[str, Tensor] = {}
    ask = None if brought else lambda given: teacher.heads(given)[0]
    for losses in loss.by_parts(network.heads, network=network, teacher=ask):
        torch.stack([*losses.values()]).sum().backward()
        for name, one in losses.items():
            total[name] = total.get(name, torch.zeros((), dtype=torch.float64)) + one.detach()
    gradients = {n: p.grad for n, p in network.named_parameters() if p.grad is not None}
    return {**total, **gradients}


@pytest.mark.parametrize("parts", [1, 2, 5])
def test_answers_in_the_batch_teach_what_a_teacher_that_is_asked_does(parts: int) -> None:
    brought, asked_for = with_answers(parts, brought=True), with_answers(parts, brought=False)
    assert brought["distillation"] > 0
    for name, tensor in asked_for.items():
        torch.testing.assert_close(brought[name], tensor, rtol=1e-10, atol=1e-12, msg=name)


def test_a_teacher_s_word_counts_where_the_batch_says_by_default_at_labelled_pixels() -> None:
    _, labels = batch_of(torch.float64)
    alike = with_answers(1, brought=True, taught=labels != IGNORE)
    default = with_answers(1, brought=True)
    everywhere = with_answers(1, brought=True, taught=torch.ones_like(labels, dtype=torch.bool))
    for name, tensor in default.items():
        assert torch.equal(alike[name], tensor), name
    assert torch.equal(everywhere["segmentation"], default["segmentation"])
    assert not torch.equal(everywhere["distillation"], default["distillation"])
    nowhere = with_answers(2, brought=True, taught=torch.zeros_like(labels, dtype=torch.bool))
    assert nowhere["distillation"] == 0


def test_a_batch_without_labels_has_zero_loss_and_zero_gradient_in_parts() -> None:
    network = Small(torch.float32)
    images, labels = batch_of(torch.float32)
    for hard in HARD.values():
        network.zero_grad()
        criterion = Criterion(IGNORE, hard, 0.4, 1.0)
        loss = BatchLoss(images, torch.full_like(labels, IGNORE), criterion=criterion, parts=2)
        for losses in loss.by_parts(
            network.heads, network=network, teacher=lambda given: network.heads(given)[0]
        ):
            assert not any(bool(one.detach()) for one in losses.values())
            torch.stack([*losses.values()]).sum().backward()
        gradients = [p.grad for p in network.parameters() if p.grad is not None]
        assert gradients
        assert not any(bool(gradient.any()) for gradient in gradients)
