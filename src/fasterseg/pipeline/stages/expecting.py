"""What the stages of a run are expected to take: by its forecast, else by the recipe's hours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fasterseg.config import Recipe
from fasterseg.config.distillation_use import keeps_answers
from fasterseg.console.whole_run import Expected
from fasterseg.errors import FastersegError
from fasterseg.forecasting.forecast import SECONDS_PER_HOUR, RunForecast
from fasterseg.runs import RunFolder
from fasterseg.stages import PART

# Where nothing is known: shares of a run on two cores, by which only the time left is guessed.
_SHARES: Mapping[str, float] = {
    "check-data": 1,
    "profile": 15,
    "search": 40,
    "train": 35,
    "evaluate": 3,
    "measure": 5,
    "report": 1,
}
_SEARCH_STEPS = (0.05, 0.3, 0.35)  # both ends of the space, pre-training, the search
_ASKING = 0.03
"""Of all trainings, so much goes into asking the teacher, where no plan was made."""
_LONG = ("search", "train")


def expected(recipe: Recipe, folder: RunFolder, stages: Sequence[str]) -> dict[str, Expected]:
    """Each stage's seconds, and the shares of its steps; of no forecast only their ratios count."""
    hours = _hours(recipe)
    seconds = _forecast(folder) or _by_hours(hours)
    steps = _steps_of(recipe, asks=keeps_answers(recipe))
    return {
        name: Expected(seconds.get(name, 0.0), steps.get(name, ()), fixed=bool(hours.get(name)))
        for name in stages
    }


def _forecast(folder: RunFolder) -> dict[str, float]:
    """What `plan` said; nothing where it was not asked, or of a file that cannot be read."""
    if not folder.forecast.is_file():
        return {}
    try:
        told = RunForecast.load(folder.forecast).stages
    except FastersegError:
        return {}  # the run does not depend on it
    found: dict[str, float] = {}
    for stage in told:
        whole = stage.name.partition(PART)[0]
        found[whole] = found.get(whole, 0.0) + SECONDS_PER_HOUR * stage.hours
    return found


def _hours(recipe: Recipe) -> dict[str, float | None]:
    """The hours that stages were given; None where they have steps."""
    return {"search": recipe.search.hours, "train": _training_hours(recipe)}


def _by_hours(hours: Mapping[str, float | None]) -> dict[str, float]:
    """Search and training by their hours, where both have some; the rest as it usually is."""
    if not all(hours.values()):
        return dict(_SHARES)
    known = {name: SECONDS_PER_HOUR * (given or 0.0) for name, given in hours.items()}
    per_share = sum(known.values()) / sum(_SHARES[name] for name in _LONG)
    return {name: per_share * share for name, share in _SHARES.items()} | known


def _training_hours(recipe: Recipe) -> float | None:
    given = [recipe.training_of(one.role).hours for one in recipe.contenders]
    return None if None in given else sum(filter(None, given))


def _steps_of(recipe: Recipe, *, asks: bool) -> dict[str, Sequence[float]]:
    """The shares of the steps that a stage shows, as far as it is known which these are.

    Where it `asks` the teacher, that comes before the first student.
    """
    contenders = sorted(recipe.contenders, key=lambda one: one.role != "teacher")
    training = [recipe.training_of(one.role) for one in contenders]
    by_hours = all(one.hours for one in training)
    long = [float((one.hours if by_hours else one.steps) or 1) for one in training]
    even = [1 / len(contenders)] * len(contenders)
    trained = [one / sum(long) for one in long]
    if asks:
        teachers = sum(one.role == "teacher" for one in contenders)
        trained = [(1 - _ASKING) * one for one in trained]
        trained.insert(teachers, _ASKING)
    return {
        "check-data": (1.0,),
        "search": _SEARCH_STEPS,
        "train": trained,
        "evaluate": even,
        "measure": even,
        "report": (1.0,),
    }
