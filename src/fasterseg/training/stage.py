"""One network's training as a stage: what a step does, and what its state is."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import Any, cast

import torch
from torch import Tensor, nn

from fasterseg.config import TrainingSettings
from fasterseg.datasets.batches.loading import Batch
from fasterseg.datasets.sources.class_weights import class_weights_of
from fasterseg.evaluation import EvaluationReport
from fasterseg.layers.synchronised import average_statistics, synchronised
from fasterseg.learning.batch_loss import (
    DISTILLATION,
    BatchLoss,
    Criterion,
    Heads,
    LowResolution,
)
from fasterseg.learning.ema import WeightAverage
from fasterseg.learning.feeding import BatchFeed
from fasterseg.learning.precision import Numerics
from fasterseg.learning.ranks import ALONE, Ranks
from fasterseg.learning.schedules import Schedule, set_rate
from fasterseg.learning.shared_scores import evaluate_shared
from fasterseg.learning.states import (
    gradient_norm,
    nested,
    optimizer_tensors,
    part,
    require_finite,
    restore_optimizer,
)
from fasterseg.learning.stepping import CLOCK, StageState
from fasterseg.network.card import Score, Which
from fasterseg.network.predicting import NetworkPredictor
from fasterseg.runtime import derived_seed
from fasterseg.training.criterion import TEACHER_WEIGHT, criterion_of, teaching_share
from fasterseg.training.data import TrainingData
from fasterseg.training.scoring import scoring_interval

SCORING_SECONDS = "scoring_seconds"
WAITING_SECONDS = "waiting_seconds"
"""Under these names an event's clock has what a step spent on scores and on waiting for data."""


class TrainingStage:
    """Trains a network: OHEM cross-entropy, auxiliary heads, distillation from a teacher, SGD.

    Scores the live weights on the validation split every so many steps and keeps the best; after
    the last step scores the live and the averaged weights.  Implements `Stage`.
    """

    def __init__(
        self,
        network: nn.Module,
        *,
        name: str,
        data: TrainingData,
        settings: TrainingSettings,
        seed: int,
        numerics: Numerics,
        teacher: nn.Module | None = None,
        class_weights: tuple[float, ...] | None = None,
        ranks: Ranks = ALONE,
    ) -> None:
        self.name = name
        self._ranks = ranks
        self._seed = seed
        self.settings = settings
        self.numerics = numerics
        layout = torch.channels_last if settings.channels_last else torch.contiguous_format
        self._layout = layout
        self.network = self._placed(network).train()
        self.teacher = None if teacher is None else self._placed(teacher).eval()
        self.data = data
        batches = data.batches(
            settings.augmentation,
            batch_size=settings.batch_size,
            seed=seed,
            share=ranks.share,
        )
        self._feed = BatchFeed(batches, steps=settings.steps, workers=data.workers)
        self._schedule = schedule_of(settings)
        self._score_every = scoring_interval(
            settings,
            train_images=data.train_count(),
            scored_images=data.val_count(),
            seen=data.val_is_seen(),
        )
        space = data.source.label_space
        if class_weights is None:
            class_weights = class_weights_of(data.source, data.train_split, settings.class_weights)
        self._criterion = criterion_of(settings, space, class_weights)
        self._names = dict(self.network.named_parameters())
        self._norms_apart = not settings.synchronises(ranks=ranks.count)
        if not self._norms_apart:
            synchronised(self.network, ranks)
        self._optimizer = sgd(self.network, settings)
        self._scaler = numerics.scaler()
        self._average = WeightAverage(self.network, decay=settings.ema_decay)
        self._best: dict[str, Tensor] = {}
        self.scores: dict[Which, Score] = {}

    def step(self, index: int) -> dict[str, Any]:
        """One update from batch `index`; scores where it is due."""
        began = time.monotonic()
        batch = self._feed.batch(index)
        waited = time.monotonic() - began
        rate = self._schedule.rate(index)
        set_rate(self._optimizer, rate)
        with self._own_randomness(index):
            losses = self._update(batch, index)
        self._average.update(self.network, step=index)
        began = time.monotonic()
        scores = self._scores_due(index + 1)
        clock = {WAITING_SECONDS: round(waited, 4)}
        if scores:
            clock[SCORING_SECONDS] = round(time.monotonic() - began, 3)
        return {"lr": rate, **losses, **scores, CLOCK: clock}

    @contextmanager
    def _own_randomness(self, index: int) -> Iterator[None]:
        """What dropout leaves out in step `index` is a function of seed, index and rank."""
        device, ranks = self.numerics.device, self._ranks
        words = ("step", str(index)) if ranks.leads else ("step", str(index), f"rank {ranks.rank}")
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            torch.manual_seed(derived_seed(self._seed, *words))
            yield

    def _update(self, batch: Batch, index: int) -> dict[str, float]:
        self._optimizer.zero_grad(set_to_none=True)
        share = teaching_share(self.settings, index)
        losses = self._backward(batch, self._criterion.teaching(share))
        suspects = self._add_up(losses, batch)
        self._scaler.unscale(self._optimizer)
        total, norm = torch.stack([*losses.values()]).sum(), gradient_norm(self._names.values())
        # In float16 a gradient may overflow now and then: the scaler leaves such a step out.
        checked = () if self._scaler.may_overflow else (norm,)
        require_finite(
            total, *checked, step=index, stage=self.name, names=suspects, ranks=self._ranks
        )
        if self.settings.clip_norm:
            parameters = self._names.values()
            nn.utils.clip_grads_with_norm_(parameters, self.settings.clip_norm, norm)
        self._scaler.step(self._optimizer)
        found = {"loss": total.item(), **{name: loss.item() for name, loss in losses.items()}}
        if DISTILLATION in found:
            found[TEACHER_WEIGHT] = share * self.settings.distillation_weight
        return found

    def dry_run(self, batch: Batch) -> None:
        """The passes of a step forwards and backwards, without an update."""
        self._backward(batch, self._criterion)

    def _backward(self, batch: Batch, criterion: Criterion) -> dict[str, Tensor]:
        """This rank's part of the losses; its gradients are left to be summed and unscaled."""
        found: dict[str, Tensor] = {}
        parts = self._losses(batch, criterion)
        while losses := self._next(parts):
            self._scaler.scaled(torch.stack([*losses.values()]).sum()).backward()
            for name, loss in losses.items():
                found[name] = found[name] + loss.detach() if name in found else loss.detach()
        return found

    def _next(self, parts: Iterator[dict[str, Tensor]]) -> dict[str, Tensor] | None:
        """The losses of the next part; only what goes forwards computes in the chosen format."""
        with self.numerics.autocast():
            return next(parts, None)

    def _add_up(self, losses: dict[str, Tensor], batch: Batch) -> tuple[str, ...]:
        """Make losses and gradients those of all ranks, and statistics their means.

        Returns the samples that something which is not finite may come from.
        """
        if self._ranks.alone:
            return batch.names
        gradients = [p.grad for p in self._names.values() if p.grad is not None]
        own, norm = torch.stack([*losses.values()]), gradient_norm(self._names.values())
        self._ranks.all_reduce_([*losses.values(), *gradients])
        if self._norms_apart:
            share = len(batch.names) / self.settings.batch_size
            average_statistics(self.network, self._ranks, weight=share)
        # Norms over the images of all ranks let one's loss spoil the gradients of the others.
        met = norm if bool(torch.isfinite(torch.stack([*losses.values()])).all()) else own
        return () if bool(torch.isfinite(met).all()) else batch.names

    def _losses(self, batch: Batch, criterion: Criterion) -> Iterator[dict[str, Tensor]]:
        """Each part's losses, to go backwards before the next is asked for."""
        device, teacher, distils = self.numerics.device, None, criterion.distils
        if self.teacher is not None and distils:
            teacher = cast(LowResolution, self.teacher.low_resolution)
        taught, answers = batch.taught, batch.answers
        yield from BatchLoss(
            batch.images.to(device, memory_format=self._layout),
            batch.labels.to(device),
            criterion=criterion,
            parts=self.settings.accumulate,
            ranks=self._ranks,
            taught=None if taught is None else taught.to(device),
            answers=None if answers is None or not distils else answers.to(device),
        ).by_parts(cast(Heads, self.network.heads), network=self.network, teacher=teacher)

    def _scores_due(self, done: int) -> dict[str, Any]:
        """Score what is due after `done` steps, keep it, and return it for the log."""
        last = done == self.settings.steps
        if not last and done % self._score_every:
            return {}
        live = self._scored(self.network, done)
        if "best" not in self.scores or live.mean_iou > self.scores["best"].mean_iou:
            # A score on images that were trained on comes once, at the end, and chooses nothing.
            self.scores["best"] = live.model_copy(update={"decided": not live.seen})
            self._best = {k: t.detach().clone() for k, t in self.network.state_dict().items()}
        if not last:
            return {"val": live.model_dump(mode="json")}
        self.scores["last"] = live
        averaged = deepcopy(self.network)
        averaged.load_state_dict(self._average.tensors())
        self.scores["ema"] = self._scored(averaged, done)
        return {
            "val": live.model_dump(mode="json"),
            "val_ema": self.scores["ema"].model_dump(mode="json"),
        }

    def score(self) -> EvaluationReport:
        """How the live weights do on the validation split; nothing is kept."""
        return self._evaluated(self.network)

    def close(self) -> None:
        """End whatever reads batches ahead."""
        self._feed.close()

    def _scored(self, network: nn.Module, done: int) -> Score:
        return Score.of(self._evaluated(network), step=done, seen=self.data.val_is_seen())

    def _evaluated(self, network: nn.Module) -> EvaluationReport:
        """Scored on whole validation images at their own resolution, in float32."""
        predictor = NetworkPredictor(
            network,
            label_space=self.data.source.label_space,
            normalisation=self.data.source.normalisation,
            device=self.numerics.device,
        )
        report = evaluate_shared(
            predictor.labels,
            self.data.source,
            self.data.val_split,
            ranks=self._ranks,
            subject=self.name,
            limit=self.data.val_images,
        )
        self.network.train()
        return report

    def weights(self, which: Which) -> dict[str, Tensor]:
        """The state of the network of that name; best and last exist once they were scored."""
        if which == "ema":
            return self._average.tensors()
        return self._best if which == "best" else self.network.state_dict()

    def state(self) -> StageState:
        """Weights, momentum, average, best weights; scores and the loss scale."""
        tensors = {
            **nested("network", self.network.state_dict()),
            **nested("optimizer", optimizer_tensors(self._optimizer, self._names)),
            **nested("average", self._average.tensors()),
            **nested("best", self._best),
        }
        scores = {which: score.model_dump(mode="json") for which, score in self.scores.items()}
        return StageState(tensors, {"scores": scores, "scaler": self._scaler.values()})

    def restore(self, state: StageState) -> None:
        """Go back to what `state` returned."""
        self.network.load_state_dict(part("network", state.tensors))
        restore_optimizer(self._optimizer, self._names, part("optimizer", state.tensors))
        self._average.restore(part("average", state.tensors))
        self._best = part("best", state.tensors)
        scores = state.values["scores"]
        self.scores = {which: Score.model_validate(score) for which, score in scores.items()}
        self._scaler.restore(state.values["scaler"])

    def _placed(self, network: nn.Module) -> nn.Module:
        # Module.to has no overload for a device together with a memory format.
        return network.to(self.numerics.device).to(memory_format=self._layout)  # type: ignore[call-overload,no-any-return]


def sgd(network: nn.Module, settings: TrainingSettings) -> torch.optim.SGD:
    """SGD with momentum; weight decay on weights only, not on batch norms and biases.

    The authors decayed them too: `decay_normalisation`.
    """
    parameters = list(network.parameters())
    plain = [] if settings.decay_normalisation else [p for p in parameters if p.dim() <= 1]
    spared = {id(parameter) for parameter in plain}
    groups: list[dict[str, Any]] = [{"params": [p for p in parameters if id(p) not in spared]}]
    if plain:
        groups.append({"params": plain, "weight_decay": 0.0})
    return torch.optim.SGD(
        groups,
        lr=settings.lr,
        momentum=settings.momentum,
        weight_decay=settings.weight_decay,
    )


def schedule_of(settings: TrainingSettings) -> Schedule:
    """The learning-rate schedule of the settings."""
    return Schedule(
        settings.schedule,
        settings.lr,
        steps=settings.steps,
        warmup_steps=settings.warmup,
        steps_per_epoch=settings.steps_per_epoch,
        power=settings.poly_power,
        epoch_decay=settings.epoch_decay,
    )
