"""The losses against plain references, and where the authors' went wrong (C-33, C-34)."""

import math

import pytest
import torch
from given_logits import mean_divergence, ohem_cross_entropy, segmentation_loss
from torch import Tensor

from fasterseg.learning.losses import OhemSettings
from fasterseg.runtime import torch_generator

IGNORE = 255


def plain_ohem(
    logits: Tensor, labels: Tensor, ignore: int, threshold: float, fraction: float
) -> float:
    """The definition, pixel by pixel."""
    losses = []
    for image, truth in zip(logits.double(), labels, strict=True):
        for row in range(truth.shape[0]):
            for column in range(truth.shape[1]):
                label = int(truth[row, column])
                if label != ignore:
                    scores = [float(value) for value in image[:, row, column]]
                    top = max(scores)
                    total = sum(math.exp(score - top) for score in scores)
                    losses.append(math.log(total) + top - scores[label])
    if not losses:
        return 0.0
    losses.sort(reverse=True)
    wanted = math.ceil(len(losses) * fraction)
    kept = [loss for loss in losses if math.exp(-loss) < threshold]
    if len(kept) < wanted:
        kept = [loss for loss in losses if loss >= losses[wanted - 1]]
    return sum(kept) / len(kept)


def random_case(seed: int, spread: float) -> tuple[Tensor, Tensor]:
    generator = torch_generator(seed, "ohem")
    labels = torch.randint(0, 4, (2, 7, 9), generator=generator)
    labels[torch.rand(2, 7, 9, generator=generator) < 0.2] = IGNORE
    logits = torch.randn(2, 4, 7, 9, generator=generator)
    truth = torch.nn.functional.one_hot(labels.clamp(max=3), 4).permute(0, 3, 1, 2)
    return logits + spread * truth, labels


@pytest.mark.parametrize("spread", [-2.0, 0.0, 3.0, 9.0])
@pytest.mark.parametrize("fraction", [1 / 16, 0.5, 1.0])
def test_ohem_equals_its_definition(spread: float, fraction: float) -> None:
    for seed in range(3):
        logits, labels = random_case(seed, spread)
        loss = ohem_cross_entropy(
            logits, labels, ignore=IGNORE, hard_pixels=OhemSettings(0.7, fraction)
        )
        assert loss.item() == pytest.approx(plain_ohem(logits, labels, IGNORE, 0.7, fraction), 1e-5)


def test_class_weights_give_the_weighted_mean() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 3, 8, 9, generator=generator)
    labels = torch.randint(3, (2, 8, 9), generator=generator)
    labels[0, :3] = IGNORE
    weights = (0.5, 2.0, 7.0)

    found = ohem_cross_entropy(
        logits, labels, ignore=IGNORE, hard_pixels=OhemSettings(1.0, 1.0, weights)
    )

    wanted = torch.nn.functional.cross_entropy(
        logits, labels, weight=torch.tensor(weights), ignore_index=IGNORE
    )
    torch.testing.assert_close(found, wanted)


def test_batch_without_labels_has_zero_loss_and_zero_gradient() -> None:
    logits = torch.randn(1, 3, 4, 4, requires_grad=True)
    labels = torch.full((1, 4, 4), IGNORE)
    loss = segmentation_loss(
        logits,
        {16: logits},
        labels,
        ignore=IGNORE,
        auxiliary_weight=1.0,
        hard_pixels=OhemSettings(),
    )
    loss.backward()
    assert loss.item() == 0
    assert logits.grad is not None
    assert not logits.grad.any()


def test_one_labelled_pixel_is_kept_however_easy_it_is() -> None:
    logits, labels = torch.zeros(1, 2, 3, 3), torch.full((1, 3, 3), IGNORE)
    logits[0, 1, 2, 1], labels[0, 2, 1] = 4.0, 1
    loss = ohem_cross_entropy(logits, labels, ignore=IGNORE, hard_pixels=OhemSettings())
    assert loss.item() == pytest.approx(math.log1p(math.exp(-4)), rel=1e-5)


def test_pixels_that_tie_are_all_kept_wherever_they_lie() -> None:
    logits, labels = torch.zeros(1, 2, 4, 4), torch.zeros(1, 4, 4, dtype=torch.int64)
    logits[0, 0] = 5.0
    logits[0, 0, 1, 1:4] = 2.0
    logits.requires_grad_(True)
    pixels = OhemSettings(threshold=0.7, kept_fraction=1 / 16)
    ohem_cross_entropy(logits, labels, ignore=IGNORE, hard_pixels=pixels).backward()
    assert logits.grad is not None
    touched = logits.grad[0, 0] != 0
    assert touched.nonzero().tolist() == [[1, 1], [1, 2], [1, 3]]


def test_kept_fraction_counts_labelled_pixels_only() -> None:
    """Half the pixels are unlabelled: a quarter of the rest is kept, not a quarter of all."""
    logits, labels = torch.zeros(1, 2, 1, 16), torch.zeros(1, 1, 16, dtype=torch.int64)
    logits[0, 0, 0] = torch.arange(16) / 4 + 2
    labels[0, 0, 8:] = IGNORE
    logits.requires_grad_(True)
    pixels = OhemSettings(threshold=0.7, kept_fraction=0.25)
    ohem_cross_entropy(logits, labels, ignore=IGNORE, hard_pixels=pixels).backward()
    assert logits.grad is not None
    assert int((logits.grad[0, 0] != 0).sum()) == 2


def test_auxiliary_heads_add_their_weighted_losses() -> None:
    logits, labels = random_case(0, 0.0)
    other, _ = random_case(1, 0.0)
    pixels = OhemSettings()

    def alone(head: Tensor) -> float:
        return ohem_cross_entropy(head, labels, ignore=IGNORE, hard_pixels=pixels).item()

    together = segmentation_loss(
        logits,
        {16: other, 32: logits},
        labels,
        ignore=IGNORE,
        auxiliary_weight=0.2,
        hard_pixels=pixels,
    )
    assert together.item() == pytest.approx(1.2 * alone(logits) + 0.2 * alone(other), 1e-6)


def everywhere(logits: Tensor) -> Tensor:
    return torch.ones(logits.shape[0], *logits.shape[2:], dtype=torch.bool)


def test_distillation_of_two_classes_has_its_closed_form() -> None:
    student, teacher = 0.3, -1.2
    logits = torch.tensor([student, 0.0]).reshape(1, 2, 1, 1)
    truth = torch.tensor([teacher, 0.0]).reshape(1, 2, 1, 1)
    p, q = (1 / (1 + math.exp(-x)) for x in (teacher, student))
    expected = p * math.log(p / q) + (1 - p) * math.log((1 - p) / (1 - q))
    loss = mean_divergence(logits, truth, everywhere(logits))
    assert loss.item() == pytest.approx(expected, rel=1e-6)


def test_official_scale_is_smaller_by_the_number_of_classes() -> None:
    """The authors' `KLDivLoss()` on unmasked pixels, as they call it."""
    student, teacher = torch.randn(2, 19, 4, 5), torch.randn(2, 19, 4, 5)
    official = torch.nn.KLDivLoss(reduction="none")(
        student.softmax(dim=1).log(), teacher.softmax(dim=1)
    ).mean()
    ours = mean_divergence(student, teacher, everywhere(student))
    assert ours.item() / 19 == pytest.approx(official.item(), rel=1e-5)


@pytest.mark.parametrize("value", [200.0, -200.0])
def test_distillation_stays_finite_with_saturated_logits(value: float) -> None:
    student = torch.zeros(1, 3, 2, 2)
    student[:, 0] = value
    teacher = torch.zeros(1, 3, 2, 2)
    teacher[:, 1] = -value
    student.requires_grad_(True)
    loss = mean_divergence(student, teacher, everywhere(student))
    loss.backward()
    assert math.isfinite(loss.item())
    assert student.grad is not None
    assert bool(torch.isfinite(student.grad).all())


def test_distillation_reads_valid_pixels_only_and_leaves_the_teacher_alone() -> None:
    student = torch.randn(1, 3, 2, 4, requires_grad=True)
    teacher = torch.randn(1, 3, 2, 4, requires_grad=True)
    mask = everywhere(student)
    mask[:, :, 2:] = False
    half = mean_divergence(student, teacher, mask)
    part = mean_divergence(student[..., :2], teacher[..., :2], mask[..., :2])
    assert half.item() == pytest.approx(part.item(), rel=1e-6)
    half.backward()
    assert teacher.grad is None
    assert student.grad is not None
    assert not student.grad[..., 2:].any()
    nothing = mean_divergence(student, teacher, torch.zeros_like(mask))
    assert nothing.item() == 0


def test_unlabelled_pixels_never_tie_with_the_last_kept_one() -> None:
    """Pixels that are surely right have a loss of 0, as unlabelled ones do."""
    logits, labels = torch.zeros(1, 2, 1, 8), torch.zeros(1, 1, 8, dtype=torch.int64)
    logits[0, 0] = 200.0
    logits[0, 0, 0, 0] = 2.0
    labels[0, 0, 4:] = IGNORE
    pixels = OhemSettings(threshold=0.7, kept_fraction=0.5)
    loss = ohem_cross_entropy(logits, labels, ignore=IGNORE, hard_pixels=pixels)
    assert loss.item() == pytest.approx(math.log1p(math.exp(-2)) / 4, rel=1e-6)
