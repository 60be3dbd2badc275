"""How much does a student gain from a teacher, by how far that one is ahead?

One student, twelve seeds, without a teacher and from teachers that know more and more, by the plan
beside this file, which says what was registered.  What is printed are the teachers' scores, how far
each is ahead of the student without a teacher, and the gain of those that learned from it, in
points of mean IoU on the test split, paired by seed, with 95 % intervals: at equal steps, and at
equal minutes.

    python benchmarks/teachers_street.py --work runs/teachers --results docs/studies/teachers.json

The work is resumed when the same command is given again, on another machine from what ``--results``
kept; ``--table`` only prints what there is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import fmean

from arms import chosen_of, pace, plan_in, table, train_and_score
from paired_differences import interval_of
from study_plans import Study, asked_of_study
from study_tables import table as print_markdown

PLAN = Path(__file__).with_suffix(".yaml")
ALONE, LONGER = "none", "none-longer"
HEAD = ("teacher", "its score", "ahead", "gain at equal steps", "gain at equal minutes", "seeds")


def gains(study: Study) -> Iterator[Sequence[str]]:
    """Each taught arm's teacher, how far that is ahead, and what it brought; in order of that."""
    alone = scores_of(study, ALONE)
    rows = []
    for arm, own in study.plan.arms.items():
        known = _teacher_scores(study, own.teacher)
        if known and alone and scores_of(study, arm):
            ahead = fmean(known) - fmean(alone.values())
            rows.append((ahead, arm, fmean(known)))
    for ahead, arm, score in sorted(rows):
        steps, minutes = (_gain(study, arm, other) for other in (ALONE, LONGER))
        count = len(scores_of(study, arm))
        yield arm, f"{score:.2f}", f"{ahead:+.2f}", steps, minutes, str(count)


def _teacher_scores(study: Study, teacher: str | None) -> list[float]:
    found = study.results("teachers").items()
    return [float(one["score"]) for name, one in found if name.rpartition("-")[0] == teacher]


def scores_of(study: Study, arm: str) -> dict[int, float]:
    """An arm's scores by seed, those that there are."""
    seeds = range(study.plan.arms[arm].seeds)
    return {seed: found for seed in seeds if (found := study.score(arm, seed)) is not None}


def _gain(study: Study, arm: str, other: str) -> str:
    """The mean paired difference with its interval; nothing where no seed has both."""
    own, others = scores_of(study, arm), scores_of(study, other)
    both = [own[seed] - others[seed] for seed in own if seed in others]
    return str(interval_of(both)) if both else ""


def main() -> None:
    """Do what is missing, seed by seed; print the table after each."""
    given = asked_of_study(__doc__, plan=PLAN, work="teachers-street")
    study = Study(plan_in(given.plan), "", given.work, given.results)
    chosen = list(chosen_of(study.plan, (), None))
    if not given.table:
        if not all(arm in study.pace for arm in study.plan.arms):
            pace(study, chosen)
        for seed in dict.fromkeys(seed for _, seed in chosen):
            train_and_score(study, [pair for pair in chosen if pair[1] == seed])
            print_markdown(HEAD, gains(study))
    table(study, chosen)
    print_markdown(HEAD, gains(study))


if __name__ == "__main__":
    main()
