"""An interrupt is a stop, wherever it comes: also where a library would lose it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import suppress

import pytest
import torch
from torch import nn

from fasterseg.deploy.exporting.export import export_module
from fasterseg.stopping import interrupts_kept, stop_on_signals


@pytest.fixture(autouse=True)
def heard() -> Iterator[None]:
    """Interrupts are heard, also where the tests were started without them."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_an_interrupt_that_is_lost_inside_is_raised_at_the_end() -> None:
    done = False
    with pytest.raises(KeyboardInterrupt), interrupts_kept():
        with suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        done = True
    assert done
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_interrupt_that_was_taken_for_a_fault_is_one() -> None:
    with pytest.raises(KeyboardInterrupt), interrupts_kept():
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt as lost:
            raise RuntimeError("Failed to export the model") from lost


def test_a_fault_and_an_end_stay_what_they_are() -> None:
    with pytest.raises(ValueError, match="own"), interrupts_kept():
        raise ValueError("its own")
    with interrupts_kept():
        pass


def test_a_request_is_left_one() -> None:
    with stop_on_signals() as stop, interrupts_kept():
        signal.raise_signal(signal.SIGINT)
    assert stop


class _Interrupts(nn.Module):
    """A network during whose export an interrupt comes, in a finaliser."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        class Finalised:
            def __del__(self) -> None:
                signal.raise_signal(signal.SIGINT)

        found = Finalised()
        del found
        return image + 1


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_export_ends_on_an_interrupt_in_a_finaliser() -> None:
    with pytest.raises(KeyboardInterrupt):
        export_module(_Interrupts().eval(), (torch.zeros(1, 3, 4, 4),), inputs=["i"], outputs=["o"])
