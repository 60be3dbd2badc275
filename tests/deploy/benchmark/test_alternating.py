"""Turns: their order, their length, and what the canary's runs stand beside."""

from __future__ import annotations

from noisy_machine import NoisyMachine, Work, canary, network, played, quiet_machine

from fasterseg.deploy.benchmark.alternating import (
    Alternation,
    AlternationSettings,
    queries_of,
    seconds_of,
)

SETTINGS = AlternationSettings(
    chunk_seconds=0.04, least_queries=2, canary_runs=3, warmup_runs=4, warmup_most_runs=4
)


def recorded(names: list[str], name: str, quiet_ms: float) -> object:
    """A query that notes its turn."""

    def query(image: int) -> Work:
        names.append(name)
        return Work(quiet_ms)

    return query


def in_turn(names: list[str]) -> str:
    """The turns, each once."""
    return "".join(name for place, name in enumerate(names) if names[place - 1 : place] != [name])


def test_a_round_is_there_and_back_again() -> None:
    names: list[str] = []
    queries = {name: recorded(names, name, 10.0) for name in "abc"}
    timed = Alternation(
        queries,  # type: ignore[arg-type]
        canary=canary,
        settings=SETTINGS,
        stopwatch=quiet_machine(),
    )
    timed.warm_up()
    del names[:]
    timed.play_round()
    timed.play_round()
    assert in_turn(names) == "abcbabcba"  # two chunks of c, and of a between rounds, in a row


def test_a_chunk_is_as_long_as_asked_and_not_shorter_than_a_few_queries() -> None:
    queries = {"quick": network(4.0), "slow": network(35.0), "instant": network(0.01)}
    timed = played(queries, quiet_machine(), rounds=1, settings=SETTINGS)
    lengths = {name: len(chunks[0].times_ms) for name, chunks in timed.chunks.items()}
    assert lengths == {"quick": 10, "slow": 2, "instant": 256}


def test_the_first_query_of_a_chunk_does_not_count_unless_queries_are_long() -> None:
    for quiet_ms, uncounted in ((10.0, 1), (300.0, 0)):
        asked: list[int] = []

        def query(image: int, asked: list[int] = asked, quiet_ms: float = quiet_ms) -> Work:
            asked.append(image)
            return Work(quiet_ms)

        timed = played({"one": query}, quiet_machine(), rounds=3, settings=SETTINGS)
        chunks = timed.chunks["one"]
        warm_up = SETTINGS.warmup_runs
        assert len(asked) - warm_up - queries_of(chunks) == uncounted * len(chunks)
        assert asked == list(range(len(asked)))  # every image has its turn


def test_the_warm_up_ends_with_enough_runs_or_enough_seconds() -> None:
    def warmed(quiet_ms: float) -> int:
        runs = []
        settings = AlternationSettings(warmup_runs=10, warmup_most_runs=200, warmup_seconds=1.0)
        timed = Alternation(
            {"one": lambda image: runs.append(image) or Work(quiet_ms)},  # type: ignore[func-returns-value]
            canary=canary,
            settings=settings,
            stopwatch=quiet_machine(),
        )
        timed.warm_up()
        return len(runs)

    assert [warmed(1.0), warmed(20.0), warmed(500.0)] == [200, 50, 10]


def test_a_chunk_has_the_canary_at_both_ends() -> None:
    # The machine slows down by half after the first of two chunks.
    machine = quiet_machine(lambda seconds: 1.0 if seconds < 0.09 else 1.5)
    timed = played({"one": network(10.0)}, machine, rounds=1, settings=SETTINGS)
    first, second = timed.chunks["one"]
    assert first.canaries_ms == (1.0, 1.0, 1.0, 1.5, 1.5, 1.5)
    assert second.canaries_ms == (1.5,) * 6
    assert seconds_of([first]) == 0.04


def test_a_call_below_the_clock_s_resolution_takes_more_than_nothing() -> None:
    timed = played({"one": network(0.0)}, NoisyMachine(), rounds=1, settings=SETTINGS)
    assert min(timed.chunks["one"][0].times_ms) > 0
