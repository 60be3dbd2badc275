"""What is typed to have a file opened, verb by verb."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from case import Place, Words
from stock import Stock, small

PathOf = Callable[[Place], object]


def way(*words: object) -> Words:
    """What is typed: texts, and functions of a place that give paths."""

    def typed(place: Place) -> list[str]:
        return [str(word(place) if callable(word) else word) for word in words]

    return typed


def brought(name: str) -> PathOf:
    """The path of what a stranger brought."""
    return lambda place: place.brought / name


def out(name: str) -> PathOf:
    """The path of what is written."""
    return lambda place: place.out / name


def _lazily(make: Callable[[], Words]) -> Words:
    def typed(place: Place) -> list[str]:
        return list(make()(place))

    return typed


def of_model(stock: Stock, model: PathOf | str, verbs: Iterable[str]) -> dict[str, Words]:
    """Every way, of those that are named, in which a model is opened."""
    ways: dict[str, Words] = {
        "describe": way("describe", model),
        "draw": way("draw", model),
        "report": way("report", model, "--out", out("page.html")),
        "load_model": way("python", "load_model", model),
        "load_network": way("python", "load_network", model),
        "predict": _lazily(lambda: way("predict", model, stock.picture, "--out", out("seen"))),
        "python-predict": _lazily(lambda: way("python", "predict", model, stock.picture)),
        "evaluate": _lazily(
            lambda: way(
                *("evaluate", model, "--data", stock.data, "--split", "val"),
                *("--out", out("score.json")),
            )
        ),
        "verify": _lazily(
            lambda: way(
                *("verify", model, "--against", stock.bundle, "--data", stock.data),
                *("--images", "1", "--split", "val", "--out", out("report.json")),
            )
        ),
        "benchmark": way("benchmark", model, "--quick", "--out", out("times")),
        "export": _lazily(
            lambda: way("export", model, "--data", stock.data, "--out", out("x.onnx"))
        ),
        "train-teacher": _lazily(
            lambda: way(
                *("train", "student", "--architecture", stock.architecture, "--teacher", model),
                *("--run", out("run"), *small(), "--set", "student.distillation_weight=1"),
            )
        ),
        "plan-budget": way("plan", "--budget", model, "--run", out("run"), *small()),
        "search-budget": way("search", "--budget", model, "--run", out("run"), *small()),
        "run-budget": way("run", "--budget", model, "--run", out("run"), *small()),
    }
    return {verb: ways[verb] for verb in verbs}


def of_data(stock: Stock, data: PathOf, verbs: Iterable[str]) -> dict[str, Words]:
    """Every way, of those that are named, in which a data set is opened."""
    settings = small()[2:]
    ways: dict[str, Words] = {
        "check-data": way("check-data", data),
        "open_data": way("python", "open_data", data),
        "evaluate": _lazily(
            lambda: way(
                *("evaluate", stock.bundle, "--data", data, "--split", "val"),
                *("--out", out("score.json")),
            )
        ),
        "train": _lazily(
            lambda: way(
                *("train", "student", "--architecture", stock.architecture, "--data", data),
                *("--run", out("run"), *settings),
            )
        ),
        "export": _lazily(
            lambda: way(
                *("export", stock.bundle, "--data", data, "--split", "val"),
                *("--out", out("x.onnx")),
            )
        ),
        "search": way("search", "--data", data, "--run", out("run"), *settings),
        "run": way("run", "--data", data, "--run", out("run"), *settings),
        "plan": way("plan", "--data", data, "--run", out("run"), *settings),
        "profile": way("profile", "--data", data, "--run", out("run"), *settings),
    }
    return {verb: ways[verb] for verb in verbs}


def stock_data(stock: Stock) -> PathOf:
    """The path of an honest data set, made when it is asked for."""
    return lambda _: stock.data


def of_recipe(stock: Stock, recipe: PathOf, verbs: Iterable[str]) -> dict[str, Words]:
    """Every way, of those that are named, in which a recipe is read."""
    return {
        verb: way(
            verb,
            *((stock_data(stock),) if verb == "check-data" else ()),
            *("--recipe", recipe),
            *(("--run", out("run")) if verb != "check-data" else ()),
        )
        for verb in verbs
    }
