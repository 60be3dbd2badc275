"""What to change where a run does not fit: fewer steps, or smaller images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from fasterseg.amounts import duration
from fasterseg.config import Recipe, build_recipe
from fasterseg.forecasting.forecast import BudgetForecast, Proposal, RunForecast
from fasterseg.forecasting.stages import forecast_stages
from fasterseg.forecasting.timings import Timings
from fasterseg.forecasting.workload import Workload
from fasterseg.space.architecture import Geometry
from fasterseg.space.blocks import Size
from fasterseg.space.pricing import Pricing

STEPS = {"search": ("pretrain_steps", "steps"), "teacher": ("steps",), "student": ("steps",)}
"""The sections of a recipe that have steps, and how these are called."""

FEWEST_STEPS = 0.05
"""With a smaller share of its steps a recipe is another one."""

SIDE_SHARE, SIDE_UNIT = 0.75, 8


def proposals(forecast: RunForecast, work: Workload, timings: Timings) -> Iterator[Proposal]:
    """One for the hours, and one for each budget out of reach."""
    if "hours" in forecast.shortages:
        yield _fewer_steps(forecast, work, timings)
    yield from (_smaller_images(one, work) for one in forecast.budgets if not one.is_reachable)


def _fewer_steps(forecast: RunForecast, work: Workload, timings: Timings) -> Proposal:
    """So many steps that the rest of the time suffices, in whole percent with one to spare."""

    def hours_with(share: float) -> float:
        values = steps_times(work.recipe, share).items()
        changed = build_recipe(
            overrides=tuple(f"{key}={value}" for key, value in values),
            base=work.recipe.content(),
        )
        return sum(s.hours for s in forecast_stages(replace(work, recipe=changed), timings))

    wanted, by_steps = forecast.hours_wanted or 0.0, 2 * (forecast.hours - hours_with(0.5))
    share = 1 - (forecast.hours - wanted) / max(by_steps, 1e-9)
    share = max(FEWEST_STEPS, int(100 * share - 1) / 100)
    after = hours_with(share)
    enough = "" if after <= wanted else ", which is not enough by itself"
    brings = f"{100 * share:.0f} % of the steps take {duration(hours=after)}{enough}"
    return Proposal.of("hours", steps_times(work.recipe, share), brings)


def steps_times(recipe: Recipe, share: float) -> Mapping[str, float]:
    """Every number of steps times a share; where hours stand for them, these."""
    values: dict[str, float] = {}
    for section, counts in STEPS.items():
        settings = getattr(recipe, section)
        if settings.hours is not None:
            values[f"{section}.hours"] = round(share * settings.hours, 4)
            continue
        known = {f"{section}.{name}": getattr(settings, name) for name in counts}
        values |= {key: max(1, int(share * count)) for key, count in known.items() if count}
    return values


def _smaller_images(budget: BudgetForecast, work: Workload) -> Proposal:
    """Three quarters of the side: the fastest network's time in proportion to its estimate."""
    units = [max(1, int(SIDE_SHARE * side) // SIDE_UNIT) for side in work.recipe.target.size]
    height, width = (SIDE_UNIT * count for count in units)
    values: dict[str, float | str] = {"target.height": height, "target.width": width}
    if work.recipe.data.size is not None:  # which the target follows
        values = {"data.size": f"{height}x{width}"}
    elif work.recipe.data.source == "street":
        values |= {"data.street.height": height, "data.street.width": width}
    smaller = Pricing(Geometry(Size(height, width), work.classes), work.target.prices)
    fastest, _ = budget.ends
    share = smaller(fastest.architecture) / max(fastest.estimate_ms, 1e-9)
    after_ms = share * budget.promised_ms(fastest)
    enough = "" if after_ms <= budget.budget_ms else ", which is not enough by itself"
    brings = f"{budget.student}'s fastest network takes about {after_ms:.2f} ms{enough}"
    return Proposal.of("budget", values, brings)
