"""How should a student be distilled: temperature, weight, its schedule, division, pairwise loss.

Short trainings of one student by the plan beside this file, which says what was registered: first
every pair of a temperature and a weight, then from the best of these one change at a time.  Prints
the table of decision 0096: the mean score on the test split of each arm's seeds, and how far it is
from the defaults (temperature 1, weight 1) and from no teacher, paired by seed, with 95 %
intervals.  An arm ``t2-w0.5`` has temperature 2 and weight 0.5.

    python benchmarks/distillation_sweep.py --work runs/sweep --results docs/studies/sweep.json

The work is resumed when the same command is given again, on another machine from what ``--results``
kept; ``--table`` only prints what there is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from pydantic import BaseModel, ConfigDict

from arms import chosen_of, train_and_score
from fasterseg.foreign.strict_yaml import load_yaml
from paired_differences import interval_of
from study_plans import Arm, Plan, Study, TeacherArm, asked_of_study
from study_tables import table as print_markdown
from teachers_street import scores_of

PLAN = Path(__file__).with_suffix(".yaml")
ALONE, TEACHER = "none", "wide"
HEAD = ("arm", "mean", "by seed", "less the defaults", "less no teacher")


class Sweep(BaseModel):
    """The file beside this one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str
    recipe: dict[str, Any]
    student: str
    steps: int
    seeds: int
    split: str
    teacher: TeacherArm
    temperatures: tuple[float, ...]
    weights: tuple[float, ...]
    then: dict[str, tuple[str, ...]]

    def plan(self, arms: dict[str, Arm]) -> Plan:
        """The study of some arms, and of the student without a teacher."""
        return Plan(
            title=self.title,
            recipe=self.recipe,
            reference=ALONE,
            reference_steps=self.steps,
            split=self.split,
            arms={ALONE: Arm(network=self.student, seeds=self.seeds, steps=self.steps), **arms},
            teachers={TEACHER: self.teacher},
        )

    def pairs(self) -> dict[str, Arm]:
        """Every temperature with every weight."""
        return {
            _named(temperature, weight): self._taught(
                f"student.distillation.temperature={temperature:g}",
                f"student.distillation_weight={weight:g}",
            )
            for temperature in self.temperatures
            for weight in self.weights
        }

    def changed(self, best: str) -> dict[str, Arm]:
        """The best of these with one change each."""
        begun = self.pairs()[best].changes
        return {f"{best}-{name}": self._taught(*begun, *one) for name, one in self.then.items()}

    def _taught(self, *changes: str) -> Arm:
        return Arm(
            network=self.student,
            seeds=self.seeds,
            steps=self.steps,
            teacher=TEACHER,
            changes=changes,
        )


def _named(temperature: float, weight: float) -> str:
    return f"t{temperature:g}-w{weight:g}"


DEFAULTS = _named(1, 1)


def best_of(study: Study, arms: Sequence[str], seeds: int) -> str | None:
    """The arm of the greatest mean; None before all of them are whole."""
    means = {arm: scores_of(study, arm) for arm in arms}
    if any(len(found) < seeds for found in means.values()):
        return None
    return max(arms, key=lambda arm: fmean(means[arm].values()))


def rows(study: Study) -> Iterator[Sequence[str]]:
    """Each arm that has scores."""
    for arm in study.plan.arms:
        own = scores_of(study, arm)
        if own:
            told = ", ".join(f"{value:.2f}" for value in own.values())
            apart = (_apart(own, scores_of(study, other)) for other in (DEFAULTS, ALONE))
            yield arm, f"{fmean(own.values()):.2f}", told, *apart


def _apart(own: dict[int, float], other: dict[int, float]) -> str:
    both = [own[seed] - other[seed] for seed in own if seed in other]
    return str(interval_of(both)) if both and own != other else ""


def main() -> None:
    """Do what is missing, the pairs first; print the table."""
    given = asked_of_study(__doc__, plan=PLAN, work="distillation-sweep")
    sweep = Sweep.model_validate(load_yaml(given.plan.read_text()))
    pairs = sweep.pairs()
    study = Study(sweep.plan(pairs), "", given.work, given.results)
    if not given.table:
        train_and_score(study, list(chosen_of(study.plan, (), None)))
    best = best_of(study, [*pairs], sweep.seeds)
    if best is not None:
        arms = {**pairs, **sweep.changed(best)}
        study = Study(sweep.plan(arms), "", given.work, given.results)
        if not given.table:
            train_and_score(study, list(chosen_of(study.plan, (), None)))
    print_markdown(HEAD, rows(study))


if __name__ == "__main__":
    main()
