"""Training of the supernet's weights: what pre-training and the search's weight step share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from fasterseg.config import SearchSettings
from fasterseg.datasets.batches.loading import Batch
from fasterseg.layers.units import Take, taken
from fasterseg.learning.batch_loss import SEGMENTATION, BatchLoss, Criterion
from fasterseg.learning.losses import OhemSettings
from fasterseg.learning.precision import Formats, Numerics, choose_numerics
from fasterseg.learning.ranks import ALONE, Ranks
from fasterseg.learning.schedules import Schedule
from fasterseg.learning.states import nested, part, require_finite
from fasterseg.searching.steps.gradients import SlicedGradients
from fasterseg.searching.steps.sliced_sgd import SlicedSGD
from fasterseg.supernet.computation import Computation
from fasterseg.supernet.folded import FoldedComputation
from fasterseg.supernet.relaxation import Relaxation
from fasterseg.supernet.supernet import Supernet

# With channels last, convolutions take maps as they lie.  In single precision, kernels with more
# numbers than this are left: they belong to small maps, and sorting their gradients costs more.
LARGE_KERNEL = 200_000


@dataclass(frozen=True, slots=True)
class Objective:
    """The task's loss on the supernet's outputs: main head, and auxiliary heads at a weight.

    Of a supernet with all heads it is the sum of their losses, as in the authors' code.  A batch
    goes through in `accumulate` parts, of what this one of the `ranks` has of it.
    """

    ignore: int
    auxiliary_weight: float
    hard_pixels: OhemSettings
    numerics: Numerics
    computation: Callable[[Take], Computation] = FoldedComputation
    accumulate: int = 1
    ranks: Ranks = ALONE

    def parts(
        self, supernet: Supernet, batch: Batch, relaxation: Relaxation, *, take: Take = taken
    ) -> Iterator[Tensor]:
        """What each part adds to the loss of a relaxation; backward goes each before the next."""
        heads = partial(self._heads, supernet, relaxation, take)
        for losses in self._loss_on(supernet, batch).by_parts(heads, network=supernet):
            yield losses[SEGMENTATION]

    def value(
        self, supernet: Supernet, batch: Batch, relaxation: Relaxation, *, take: Take = taken
    ) -> Tensor:
        """The sum of all parts, without gradients."""
        heads = partial(self._heads, supernet, relaxation, take)
        return self._loss_on(supernet, batch).value(heads)

    def _heads(
        self, supernet: Supernet, relaxation: Relaxation, take: Take, images: Tensor
    ) -> tuple[Tensor, dict[int, Tensor]]:
        """The main head's logits, and the others'."""
        with self.numerics.autocast():
            if not supernet.walk.all_heads:
                return supernet(images, relaxation, self.computation(take))  # type: ignore[no-any-return]
            main, *others = supernet.heads(images, relaxation, self.computation(take)).values()
            return main, dict(enumerate(others))

    def _loss_on(self, supernet: Supernet, batch: Batch) -> BatchLoss:
        weight = 1.0 if supernet.walk.all_heads else self.auxiliary_weight
        return BatchLoss(
            batch.images.contiguous(memory_format=torch.channels_last),
            batch.labels,
            criterion=Criterion(self.ignore, self.hard_pixels, weight),
            parts=self.accumulate,
            ranks=self.ranks,
        )


def search_numerics(
    settings: SearchSettings, device: torch.device, *, others: Formats | None = None
) -> Numerics:
    """The number format of a search, together with the `others`: see `SearchSettings`."""
    exact = settings.mode == "exact" and settings.precision == "auto"
    wanted = "float32" if exact else settings.precision
    return choose_numerics(wanted, device, scaled=False, others=others)


def laid_out(supernet: Supernet, numerics: Numerics) -> Supernet:
    """The supernet with each kernel in the order in memory that is fastest to train."""
    half = numerics.precision != "float32"
    for parameter in supernet.parameters():
        if parameter.dim() == 4 and (half or parameter.numel() < LARGE_KERNEL):
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    return supernet


class WeightTraining:
    """The supernet's weights and their optimiser; architecture parameters are not its business.

    In exact mode an update moves every weight that has a gradient; in sampled mode it leaves
    alone, decay and momentum included, the parts that no pass used.  Of several ranks each has its
    share of a batch; they run the same passes, and update by the sum of their gradients.
    """

    def __init__(
        self, supernet: Supernet, objective: Objective, settings: SearchSettings, *, stage: str
    ) -> None:
        self.supernet = laid_out(supernet, objective.numerics)
        self.objective = objective
        self.settings = settings
        self.stage = stage
        self.ranks = objective.ranks
        self.gradients = SlicedGradients(whole=settings.mode == "exact")
        self.optimizer = SlicedSGD(
            rate=settings.lr,
            momentum=settings.momentum,
            decay=settings.weight_decay,
            clip_norm=settings.clip_norm,
            half=objective.numerics.precision != "float32",
        )

    @property
    def updates_each(self) -> bool:
        """Whether every pass is an update of its own, rather than all of a step together."""
        sampled = self.settings.mode == "sampled"
        return sampled and self.settings.sampling.weight_updates == "each"

    def _divisor(self, relaxations: Sequence[Relaxation]) -> int:
        """What each pass's loss is divided by: their number, or nothing where they are added up."""
        return 1 if self.settings.passes == "sum" else len(relaxations)

    def updates(
        self, batch_at: Callable[[int], Batch], relaxations: Sequence[Relaxation], *, index: int
    ) -> float:
        """The updates of one step's passes, and their mean loss.

        `batch_at` gives the batches in the order in which they are used.
        """
        if not self.updates_each:
            return self.step(batch_at(index), relaxations, index=index)
        first = index * len(relaxations)
        losses = [
            self.step(batch_at(first + number), [relaxation], index=index)
            for number, relaxation in enumerate(relaxations)
        ]
        return sum(losses) / len(losses)

    def step(self, batch: Batch, relaxations: Sequence[Relaxation], *, index: int) -> float:
        """One update by the gradients of several passes over one batch; the mean loss."""
        self.gradients.clear()
        losses = []
        for relaxation in relaxations:
            for loss in self.objective.parts(
                self.supernet, batch, relaxation, take=self.gradients.take
            ):
                (loss / self._divisor(relaxations)).backward()
                losses.append(loss.detach())
        mean = torch.stack(losses).sum() / len(relaxations)
        gradients = [used.gradient for used in self.gradients]
        self.ranks.all_reduce_([mean, *gradients])
        norm = torch.nn.utils.get_total_norm(gradients)
        names, ranks = batch.names, self.ranks
        require_finite(mean, norm, step=index, stage=self.stage, names=names, ranks=ranks)
        self.optimizer.step(self.gradients, norm)
        self.gradients.clear()
        return float(mean)

    def set_rate(self, schedule: Schedule, step: int) -> None:
        """The learning rate of a step."""
        self.optimizer.rate = schedule.rate(step)

    def tensors(self) -> dict[str, Tensor]:
        """Weights and optimiser state by name."""
        return {
            **nested("supernet", self.supernet.state_dict()),
            **nested("weight_optimizer", self.optimizer.tensors(self._names())),
        }

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Go back to what `tensors` returned."""
        self.supernet.load_state_dict(part("supernet", tensors))
        self.optimizer.restore(self._names(), part("weight_optimizer", tensors))

    def _names(self) -> dict[str, nn.Parameter]:
        return dict(self.supernet.named_parameters())
