from __future__ import annotations

from random import Random

import pytest
from scipy.stats import spearmanr

from fasterseg.latency.calibration import (
    LEAST_SHARE,
    calibrate,
    fit,
    mape,
    predict,
    spearman,
)
from fasterseg.latency.table import Entry, WholeNetwork

CHEAP = (Entry(median_ms=0.1, spread_ms=0.01, runs=5), 1000)
DEAR = (Entry(median_ms=1.0, spread_ms=0.01, runs=5), 100_000)


def networks_by(
    scale: float, per_block_ms: float, per_byte_ms: float, *, noise: float = 0.0, count: int = 20
) -> list[WholeNetwork]:
    generator = Random(0)
    found = []
    for _ in range(count):
        blocks_ms, blocks = generator.uniform(5, 30), generator.randint(10, 40)
        border_bytes = generator.randint(10**6, 10**7)
        exact = scale * blocks_ms + per_block_ms * blocks + per_byte_ms * border_bytes
        found.append(
            WholeNetwork(
                measured_ms=exact * (1 + noise * generator.uniform(-1, 1)),
                blocks_ms=blocks_ms,
                blocks=blocks,
                border_bytes=border_bytes,
            )
        )
    return found


@pytest.mark.parametrize(
    ("scale", "per_block_ms", "per_byte_ms"),
    [(1.0, 0.0, 0.0), (0.9, 0.02, 0.0), (1.1, 0.0, 1e-7), (0.95, 0.0, -1e-7)],
)
def test_the_fit_finds_the_law_that_made_the_measurements(
    scale: float, per_block_ms: float, per_byte_ms: float
) -> None:
    found = fit(networks_by(scale, per_block_ms, per_byte_ms), [CHEAP, DEAR])
    assert found.scale == pytest.approx(scale, abs=1e-6)
    assert found.per_block_ms == pytest.approx(per_block_ms, abs=1e-6)
    assert found.per_byte_ms == pytest.approx(per_byte_ms, abs=1e-12)


def test_one_term_for_each_block_is_enough() -> None:
    found = fit(networks_by(0.9, 0.02, 2e-7), [CHEAP, DEAR])
    assert 0.0 in (found.per_block_ms, found.per_byte_ms)
    assert found.per_block_ms + found.per_byte_ms > 0


def test_no_block_becomes_free() -> None:
    prices = [CHEAP, DEAR]
    found = fit(networks_by(1.3, -0.2, 0.0), prices)
    for entry, border_bytes in prices:
        assert found.cost_ms(entry.median_ms, border_bytes) >= LEAST_SHARE * entry.median_ms


def test_the_error_is_that_of_networks_that_were_not_fitted() -> None:
    networks = networks_by(1.0, 0.0, 0.0)
    spoiled = [
        n.model_copy(update={"measured_ms": n.measured_ms * (2 if index % 2 else 1)})
        for index, n in enumerate(networks)
    ]
    found, half = calibrate(spoiled, [CHEAP]), fit(spoiled[::2], [CHEAP])
    assert half.scale == pytest.approx(1.0)
    assert found.mape == pytest.approx(0.5)
    assert [n.held_out for n in found.networks] == [False, True] * 10
    assert all(n.predicted_ms == pytest.approx(predict(half, n)) for n in found.networks)


def test_what_is_used_is_fitted_on_all_networks() -> None:
    networks = networks_by(1.0, 0.0, 0.0, noise=0.05)
    found = calibrate(networks, [CHEAP])
    assert found.model_copy(update={"networks": (), "mape": None, "spearman": None}) == fit(
        networks, [CHEAP]
    )
    assert found.scale != fit(networks[::2], [CHEAP]).scale


def test_measurement_noise_bounds_the_reported_error() -> None:
    found = calibrate(networks_by(0.9, 0.01, 1e-7, noise=0.03), [CHEAP, DEAR])
    assert found.mape is not None and found.spearman is not None
    assert 0.0 < found.mape < 0.05
    assert found.spearman > 0.95


def test_two_networks_are_enough_for_a_scale() -> None:
    found = calibrate(networks_by(0.8, 0.0, 0.0, count=2), [CHEAP])
    assert found.scale == pytest.approx(0.8)
    assert found.spearman is None, "one held-out network has no rank"


def test_rank_correlation_is_scipys() -> None:
    generator = Random(1)
    networks = [
        WholeNetwork(
            measured_ms=generator.randint(1, 9),
            blocks_ms=1,
            blocks=1,
            border_bytes=0,
            predicted_ms=generator.randint(1, 9),
        )
        for _ in range(30)
    ]
    expected = spearmanr(
        [n.predicted_ms for n in networks], [n.measured_ms for n in networks]
    ).statistic
    assert spearman(networks) == pytest.approx(expected)
    assert mape(networks) > 0
