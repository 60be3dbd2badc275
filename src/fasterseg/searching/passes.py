"""Which relaxations a step evaluates: the difference between the exact and the sampled search.

Both train the shared weights by the sandwich rule: each step runs the widest and the narrowest
network, and some in between.  A teacher is always the widest.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import torch

from fasterseg.config import SearchSettings
from fasterseg.runtime import torch_generator
from fasterseg.searching.contenders import Contender
from fasterseg.supernet.drawing import Draw, between_two, one_of, redrawn, straight
from fasterseg.supernet.relaxation import Relaxation, detached, narrowest, random_widths, widest


class Passes(ABC):
    """The relaxations of each step: pure functions of seed, index and architecture parameters."""

    def __init__(
        self, settings: SearchSettings, contenders: Sequence[Contender], *, seed: int
    ) -> None:
        self.settings = settings
        self.contenders = contenders
        self.seed = seed

    @abstractmethod
    def pretraining(self, index: int) -> Iterator[Relaxation]:
        """What a step of pre-training runs: widths drawn evenly."""

    @abstractmethod
    def weights(self, index: int, *, temperature: float) -> Iterator[Relaxation]:
        """What the search's weight step runs: widths drawn as the contenders have them now."""

    @abstractmethod
    def architecture(self, contender: Contender, index: int, *, temperature: float) -> Relaxation:
        """What a contender's architecture step runs, with gradients to its parameters."""

    def _generator(self, purpose: str, contender: Contender, index: int) -> torch.Generator:
        return torch_generator(self.seed, purpose, contender.name, index)


def in_turn(contenders: Sequence[Contender], index: int) -> tuple[Contender, ...]:
    """Those whose sandwich is due at a step: students that may take the same take turns.

    The ends of their sandwiches are the same networks, so that another budget in a search costs
    what its student samples, and no second sandwich.
    """
    groups: dict[object, list[Contender]] = {}
    for contender in contenders:
        student = contender.settings.role == "student"
        groups.setdefault(contender.options if student else contender.name, []).append(contender)
    due = [group[index % len(group)].name for group in groups.values()]
    return tuple(contender for contender in contenders if contender.name in due)


class ExactPasses(Passes):
    """Every operator on every path, weighted by its probability, for every contender."""

    def pretraining(self, index: int) -> Iterator[Relaxation]:
        """Widest, narrowest and random widths of each contender whose turn it is."""
        for contender in in_turn(self.contenders, index):
            generator = self._generator("pretraining", contender, index)
            yield from _ends(contender, partial(_now, contender))
            if contender.settings.role == "student":
                for _ in range(self.settings.random_widths):
                    yield random_widths(contender.options, _now(contender), generator)

    def weights(self, index: int, *, temperature: float) -> Iterator[Relaxation]:
        """Widest and narrowest of each contender in turn, and what each student would sample."""
        due = in_turn(self.contenders, index)
        for contender in self.contenders:
            generator = self._generator("weights", contender, index)
            if contender in due:
                yield from _ends(contender, partial(_now, contender))
            if contender.settings.role == "student":
                yield detached(contender.parameters.sampled(temperature, generator))

    def architecture(self, contender: Contender, index: int, *, temperature: float) -> Relaxation:
        """Operators and paths by their probabilities, widths drawn straight through."""
        generator = self._generator("architecture", contender, index)
        return contender.parameters.sampled(temperature, generator)


def _now(contender: Contender) -> Relaxation:
    """Every choice with its present probability, without gradients."""
    return detached(contender.parameters.probabilities())


def _ends(contender: Contender, relaxation: Callable[[], Relaxation]) -> Iterator[Relaxation]:
    """The ends of the sandwich, each with operators and paths asked for anew."""
    yield widest(contender.options, relaxation())
    if contender.settings.role == "student":
        yield narrowest(contender.options, relaxation())


class SampledPasses(Passes):
    """Operators and paths drawn, so that a pass costs about what a network costs.

    Students that may take the same share the ends of the sandwich: at each step one of them, in
    turn, runs them.
    """

    def pretraining(self, index: int) -> Iterator[Relaxation]:
        """As `weights`, with widths drawn evenly; the student in turn runs several."""
        due = in_turn(self.contenders, index)
        for contender in self.contenders:
            generator = self._generator("pretraining", contender, index)
            if contender in due:
                yield from _ends(contender, partial(self._drawn, contender, generator))
            if contender.settings.role == "student":
                for _ in range(self.settings.random_widths if contender in due else 1):
                    drawn = self._drawn(contender, generator)
                    yield random_widths(contender.options, drawn, generator)

    def weights(self, index: int, *, temperature: float) -> Iterator[Relaxation]:
        """The teacher's network, the ends of the student in turn, and one of each student."""
        due = in_turn(self.contenders, index)
        for contender in self.contenders:
            generator = self._generator("weights", contender, index)
            if contender in due:
                yield from _ends(contender, partial(self._drawn, contender, generator))
            if contender.settings.role == "student":
                drawn = self._drawn(contender, generator)
                yield redrawn(drawn, widths=partial(one_of, generator=generator))

    def architecture(self, contender: Contender, index: int, *, temperature: float) -> Relaxation:
        """As many options of each choice as the settings say, with gradients to the logits."""
        generator = self._generator("architecture", contender, index)
        sampling = self.settings.sampling
        draws: dict[str, Draw | None] = {
            "one": partial(straight, temperature=temperature, generator=generator),
            "two": partial(between_two, generator=generator),
            "all": None,
        }
        return redrawn(
            contender.parameters.probabilities(),
            operators=draws[sampling.architecture_operators],
            paths=draws[sampling.architecture_parents],
            widths=draws[sampling.architecture_widths],
        )

    def _drawn(self, contender: Contender, generator: torch.Generator) -> Relaxation:
        """Operators and paths drawn anew, without gradients; widths by their probabilities."""
        one = partial(one_of, generator=generator)
        two = partial(between_two, generator=generator)
        return redrawn(
            _now(contender),
            operators=one if self.settings.sampling.weight_operators == "one" else two,
            paths=one,
        )


def passes_of(settings: SearchSettings, contenders: Sequence[Contender], *, seed: int) -> Passes:
    """The passes of the search's mode."""
    kind = ExactPasses if settings.mode == "exact" else SampledPasses
    return kind(settings, contenders, seed=seed)
