"""Several processes at one command: the leader runs it, the others follow its orders.

What can be ordered stands in a table, a row for each order.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import (
    AbstractContextManager,
    contextmanager,
    redirect_stderr,
    redirect_stdout,
)
from pathlib import Path
from typing import Any

from fasterseg.errors import FastersegError, Interrupted
from fasterseg.learning import machines
from fasterseg.learning.leading import Builder, Calls, dismiss, follow
from fasterseg.learning.presence import LEADER_SAYS_S, Report
from fasterseg.learning.process_group import joined
from fasterseg.learning.ranks import Ranks
from fasterseg.paths import user_path
from fasterseg.pipeline.models import evaluating
from fasterseg.pipeline.settings.recipes import STREET
from fasterseg.pipeline.stages.searching import follow_search
from fasterseg.pipeline.stages.trainer import follow_training
from fasterseg.searching.beginnings import sharing as searching
from fasterseg.stopping import stop_on_signals
from fasterseg.training import sharing as training

BUILDERS: Mapping[str, Builder] = {
    machines.ORDER: machines.follow_machine,
    searching.ORDER: follow_search,
    training.ORDER: follow_training,
    evaluating.ORDER: evaluating.follow_evaluation,
}
"""By an order's name, what builds its part at a follower."""


@contextmanager
def leading(device: str, report: Report) -> Iterator[None]:
    """Run a command within, while the other ranks follow; `report` is for what ends it midway.

    They are dismissed in the end.  Where the command was stopped because one of them had ended,
    that is raised.
    """
    with joined(device, report) as ranks:
        try:
            yield
        except BaseException as error:
            if (gone := _rank_behind(error, ranks)) is not None:
                raise gone from error
            raise
        finally:
            dismiss(ranks)


def _rank_behind(error: BaseException, ranks: Ranks) -> FastersegError | None:
    """The rank whose end made torchrun stop this one; None where that is not why it fails."""
    if ranks.alone:
        return None
    ranks.presence.is_first_to_say()  # the others need not
    return ranks.presence.gone() if isinstance(error, Interrupted) else None


def follow_leader(
    device: str,
    report: Report,
    explain: Callable[[BaseException], FastersegError],
    *,
    data: str = "",
) -> int:
    """Follow the leader until it dismisses this rank; return the exit code.

    `data` names where the data of the leader's recipe lie on this machine, if not at its place.
    Nothing is printed but, by `report`, the end of a leader that cannot tell of it itself.
    """
    place = "" if data in ("", STREET) else str(user_path(data, "--data").absolute())
    builders = {name: _with_data_at(place, builder) for name, builder in BUILDERS.items()}
    with (
        Path(os.devnull).open("w", encoding="utf-8") as nowhere,
        redirect_stdout(nowhere),
        redirect_stderr(nowhere),
        stop_on_signals() as stop,
        joined(device, report) as ranks,
    ):
        try:
            follow(ranks, builders, stop=stop, explain=explain)
        except BaseException as error:
            return _ended_with(explain(error), ranks, report)
    return 0


def _with_data_at(place: str, builder: Builder) -> Builder:
    """The builder, which looks for the data of its order's recipe at a place of this machine."""

    def build(ranks: Ranks, words: Mapping[str, Any]) -> AbstractContextManager[Calls]:
        recipe = words.get("recipe")
        if not place or recipe is None:
            return builder(ranks, words)
        here = {**recipe, "data": {**recipe["data"], "source": place}}
        return builder(ranks, {**words, "recipe": here})

    return build


def _ended_with(fault: FastersegError, ranks: Ranks, report: Report) -> int:
    """Let the leader say the fault; say it where it cannot."""
    leader_is_gone = ranks.presence.outlast(0, at_most_s=LEADER_SAYS_S)
    if leader_is_gone and ranks.presence.is_first_to_say():
        report(fault)
    return fault.exit_code
