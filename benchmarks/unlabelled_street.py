"""What are 900 images without labels worth beside 100 with labels?

One student, three seeds, by the plan beside this file, which says what was registered: from 100
labelled scenes, from these and a teacher's answers to them, from these and its answers to 900 other
scenes whose labels were thrown away, and from 1,000 labelled scenes.  What is printed are scores,
differences paired by seed with 95 % intervals, and how much of the way from 100 to 1,000 labelled
scenes the 900 go.

    python benchmarks/unlabelled_street.py --work runs/unlabelled --results unlabelled-street.json

The work is resumed when the same command is given again, on another machine from what ``--results``
kept; ``--table`` only prints what there is.
"""

from __future__ import annotations

from pathlib import Path
from statistics import fmean

from arms import chosen_of, plan_in, table, train_and_score
from study_plans import PERCENT, Study, asked_of_study

PLAN = Path(__file__).with_suffix(".yaml")
FEW, MIXED, MANY = "labelled-100", "unlabelled-900", "labelled-1000"


def share_of_the_way(study: Study) -> float | None:
    """How much of the way from few to many labels goes with images without any, in percent.

    Of the seeds that all three have; None where there is none, or no way to go.
    """
    seeds = range(study.plan.arms[MIXED].seeds)
    known = [[study.score(arm, seed) for arm in (FEW, MIXED, MANY)] for seed in seeds]
    whole = [[one for one in scores if one is not None] for scores in known]
    whole = [scores for scores in whole if len(scores) == 3]
    if not whole:
        return None
    few, mixed, many = (fmean(scores) for scores in zip(*whole, strict=True))
    return PERCENT * (mixed - few) / (many - few) if many > few else None


def main() -> None:
    """Do what is missing, seed by seed; print the table after each."""
    given = asked_of_study(__doc__, plan=PLAN, work="unlabelled-street")
    study = Study(plan_in(given.plan), "", given.work, given.results)
    chosen = list(chosen_of(study.plan, (), None))
    if not given.table:
        for seed in dict.fromkeys(seed for _, seed in chosen):
            train_and_score(study, [pair for pair in chosen if pair[1] == seed])
    table(study, chosen)
    if (share := share_of_the_way(study)) is not None:
        print(f"{MIXED} goes {share:.0f} % of the way from {FEW} to {MANY}")


if __name__ == "__main__":
    main()
