"""Which relaxations a step evaluates: the difference between the exact and the sampled search.

Both train the shared weights by the sandwich rule: each step runs the widest and the narrowest
network, and some in between.  A teacher is always the widest.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from functools import partial

import torch
from torch import Tensor

from fasterseg.config import SearchSettings
from fasterseg.runtime import torch_generator
from fasterseg.searching.steps.contenders import Contender
from fasterseg.searching.steps.visits import Visits
from fasterseg.space.choices import Section
from fasterseg.supernet.relaxation import Relaxation, narrowest, random_widths, uniform, widest
from fasterseg.supernet.sampling import Sampler, between_two, one_of, resampled, straight


class Passes(ABC):
    """The relaxations of each step: pure functions of seed, index and architecture parameters.

    Those of weight steps depend on who has decided its kinds, too: the names in `decided`.
    """

    def __init__(
        self, settings: SearchSettings, contenders: Sequence[Contender], *, seed: int
    ) -> None:
        self.settings = settings
        self.contenders = contenders
        self.seed = seed

    def visits(self) -> Visits:
        """What counts the kinds that passes run; nothing is counted yet."""
        options = [one.options for one in self.contenders]
        return Visits(options, all_heads=self.settings.heads == "all")

    @abstractmethod
    def pretraining(self, index: int) -> Iterator[Relaxation]:
        """What a step of pre-training runs: widths sampled evenly."""

    @abstractmethod
    def weights(
        self, index: int, *, temperature: float, decided: Container[str] = ()
    ) -> Iterator[Relaxation]:
        """What the search's weight step runs: widths sampled as the contenders have them now."""

    @abstractmethod
    def architecture(self, contender: Contender, index: int, *, temperature: float) -> Relaxation:
        """What a contender's architecture step runs, with gradients to its parameters."""

    def _due(self, index: int) -> tuple[Contender, ...]:
        """Those whose sandwich is due at a step."""
        return in_turn(self.contenders, index, alone=self.settings.shared == "cells")

    def _generator(self, purpose: str, contender: Contender, index: int) -> torch.Generator:
        return torch_generator(self.seed, purpose, contender.name, index)


def in_turn(
    contenders: Sequence[Contender], index: int, *, alone: bool = False
) -> tuple[Contender, ...]:
    """Those whose sandwich is due at a step: students that may take the same take turns.

    The ends of their sandwiches are the same networks, so that another budget in a search costs
    what its student samples, and no second sandwich.  Where each is `alone`, with blocks of its
    own, they are not, and all are due.
    """
    groups: dict[object, list[Contender]] = {}
    for contender in contenders:
        student = contender.settings.role == "student" and not alone
        groups.setdefault(contender.options if student else contender.name, []).append(contender)
    due = [group[index % len(group)].name for group in groups.values()]
    return tuple(contender for contender in contenders if contender.name in due)


class ExactPasses(Passes):
    """Every kind on every path, weighted by its probability, for every contender."""

    def pretraining(self, index: int) -> Iterator[Relaxation]:
        """Widest, narrowest and random widths of each contender whose turn it is."""
        for contender in self._due(index):
            generator = self._generator("pretraining", contender, index)
            yield from _ends(contender, partial(_now, contender))
            if contender.settings.role == "student":
                for _ in range(self.settings.random_widths):
                    yield random_widths(contender.options, _now(contender), generator)

    def weights(
        self, index: int, *, temperature: float, decided: Container[str] = ()
    ) -> Iterator[Relaxation]:
        """Widest and narrowest of each contender in turn, and what each student would sample."""
        due = self._due(index)
        for contender in self.contenders:
            generator = self._generator("weights", contender, index)
            if contender in due:
                yield from _ends(contender, partial(_now, contender))
            if contender.settings.role == "student":
                yield contender.parameters.sampled(temperature, generator).detached()

    def architecture(self, contender: Contender, index: int, *, temperature: float) -> Relaxation:
        """Kinds and paths by their probabilities, widths sampled straight through."""
        generator = self._generator("architecture", contender, index)
        return contender.parameters.sampled(temperature, generator)


def _now(contender: Contender) -> Relaxation:
    """Every choice with its present probability, without gradients."""
    return contender.parameters.probabilities().detached()


def _ends(contender: Contender, relaxation: Callable[[], Relaxation]) -> Iterator[Relaxation]:
    """The ends of the sandwich, each with kinds and paths asked for anew."""
    yield widest(contender.options, relaxation())
    if contender.settings.role == "student":
        yield narrowest(contender.options, relaxation())


class SampledPasses(Passes):
    """Kinds and paths sampled, so that a pass costs about what a network costs.

    Students that may take the same share the ends of the sandwich: at each step one of them, in
    turn, runs them.  Weights learn from kinds that are sampled evenly, until their contender has
    decided them: sampled by probability from the start, what learns fastest gets the passes.
    """

    def __init__(
        self, settings: SearchSettings, contenders: Sequence[Contender], *, seed: int
    ) -> None:
        super().__init__(settings, contenders, seed=seed)
        self._even: Mapping[str, dict[str, Tensor]] = {
            one.name: uniform(one.options).section("kinds") for one in contenders
        }

    def pretraining(self, index: int) -> Iterator[Relaxation]:
        """As `weights`, with widths sampled evenly; of students the one in turn alone.

        Nothing is decided yet: what another would sample has the same chances.
        """
        for contender in self._due(index):
            generator = self._generator("pretraining", contender, index)
            yield from _ends(contender, partial(self._sampled, contender, generator))
            if contender.settings.role == "student":
                for _ in range(self.settings.random_widths):
                    sampled = self._sampled(contender, generator)
                    yield random_widths(contender.options, sampled, generator)

    def weights(
        self, index: int, *, temperature: float, decided: Container[str] = ()
    ) -> Iterator[Relaxation]:
        """The teacher's network, the ends of the student in turn, and one of each student."""
        due = self._due(index)
        for contender in self.contenders:
            generator = self._generator("weights", contender, index)
            sampled = partial(self._sampled, contender, generator, decided=decided)
            if contender in due:
                yield from _ends(contender, sampled)
            if contender.settings.role == "student":
                yield resampled(sampled(), {"widths": partial(one_of, generator=generator)})

    def architecture(self, contender: Contender, index: int, *, temperature: float) -> Relaxation:
        """As many options of each choice as the settings say, with gradients to the logits."""
        generator = self._generator("architecture", contender, index)
        sampling = self.settings.sampling
        samplers: dict[str, Sampler] = {
            "one": partial(straight, temperature=temperature, generator=generator),
            "two": partial(between_two, generator=generator),
        }
        counts: dict[Section, str] = {
            "kinds": sampling.architecture_operators,
            "paths": sampling.architecture_parents,
            "widths": sampling.architecture_widths,
        }
        chosen = {section: samplers[n] for section, n in counts.items() if n != "all"}
        return resampled(contender.parameters.probabilities(), chosen)

    def _sampled(
        self, contender: Contender, generator: torch.Generator, *, decided: Container[str] = ()
    ) -> Relaxation:
        """Kinds and paths sampled anew, without gradients; widths by their probabilities."""
        one = partial(one_of, generator=generator)
        two = partial(between_two, generator=generator)
        kinds = one if self.settings.sampling.weight_operators == "one" else two
        return resampled(self._chances(contender, decided), {"kinds": kinds, "paths": one})

    def _chances(self, contender: Contender, decided: Container[str]) -> Relaxation:
        """By what kinds and paths are sampled for the weights."""
        how, now = self.settings.sampling.weight_kinds, _now(contender)
        probable = how == "probable" or (how != "even" and contender.name in decided)
        return now if probable else now | self._even[contender.name]


def passes_of(settings: SearchSettings, contenders: Sequence[Contender], *, seed: int) -> Passes:
    """The passes of the search's mode."""
    kind = ExactPasses if settings.mode == "exact" else SampledPasses
    return kind(settings, contenders, seed=seed)
