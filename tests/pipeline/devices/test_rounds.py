"""Rounds: a kit is packed once for a question, waited for, and its answer read until it is kept."""

from __future__ import annotations

from pathlib import Path

import pytest
from far_device import BOARD, answer
from runnable_kits import a_network

from fasterseg.console.options import Common
from fasterseg.deploy.runtimes.web_runtime import DIGESTS, WebRuntime
from fasterseg.errors import FileError, Interrupted, UsageError
from fasterseg.kit import page
from fasterseg.kit.hosts import ByHand, answer_beside
from fasterseg.kit.kept import kit_of
from fasterseg.kit.manifest import KitManifest
from fasterseg.kit.measured import read_measured
from fasterseg.kit.packing import pack_networks
from fasterseg.kit.reading import conditions_there
from fasterseg.kit.writing import PackedKit
from fasterseg.latency.table import LatencyTable, Target
from fasterseg.pipeline.devices.remote import require_from_a_kit, require_same_device
from fasterseg.pipeline.devices.rounds import Answer, Rounds
from fasterseg.pipeline.kits.kit_reading import read_named

TARGET = Target(
    device="cpu",
    backend="onnxruntime",
    precision="float32",
    threads=1,
    height=8,
    width=12,
    classes=3,
)


class Asking:
    """Asks for the latency of one small network, by hand, and counts what is packed."""

    def __init__(self, folder: Path, target: Target = TARGET) -> None:
        self.rounds = Rounds(folder, ByHand("type this"))
        self.target = target
        self.packed: list[str] = []

    def ask(self, seed: int = 0) -> Answer:
        with self.rounds.round(
            "landing", asked={"seed": seed}, pack=lambda into: self.pack(into, seed), why="a time"
        ) as found:
            return found

    def pack(self, into: Path, seed: int) -> PackedKit:
        self.packed.append(into.name)
        return pack_networks({f"net {seed}": a_network(seed)}, self.target, name="some", into=into)

    def waits(self, seed: int = 0) -> Interrupted:
        with pytest.raises(Interrupted) as caught:
            self.ask(seed)
        return caught.value


def test_who_waits_is_told_for_what_where_and_what_to_type(tmp_path: Path) -> None:
    waiting = Asking(tmp_path).waits()
    assert "a time" in waiting.what
    assert waiting.where == str(tmp_path / "landing.zip")
    assert Path(waiting.where).is_file()
    assert "python3 run.py" in waiting.next_step
    assert "type this" in waiting.next_step
    assert waiting.exit_code == 7


def test_a_browser_s_kit_is_a_page_to_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = WebRuntime(dict.fromkeys(DIGESTS, b"made up"))
    monkeypatch.setattr(page, "web_runtime", lambda: runtime)
    web = TARGET.model_copy(update={"backend": "onnxruntime-web"})
    assert "index.html" in Asking(tmp_path, web).waits().next_step


def test_the_same_question_waits_for_the_same_kit(tmp_path: Path) -> None:
    asking = Asking(tmp_path)
    asking.waits()
    asking.waits()
    assert asking.packed == ["landing"]


@pytest.mark.parametrize("inside", [True, False])
def test_an_answer_is_read_from_the_kit_s_folder_and_from_beside_it(
    inside: bool, tmp_path: Path
) -> None:
    asking = Asking(tmp_path)
    asking.waits()
    place = "" if inside else str(answer_beside(kit_of(tmp_path / "landing")))
    answer(tmp_path / "landing", place=place)
    found = asking.ask()
    assert found.measured.device == BOARD
    assert [*found.measured.promised] == ["net 0"]


def test_another_question_takes_the_place_of_one_that_nobody_answered(tmp_path: Path) -> None:
    asking = Asking(tmp_path)
    asking.waits(seed=0)
    answer(tmp_path / "landing")
    asking.waits(seed=1)  # what was answered was the other question
    assert asking.packed == ["landing", "landing"]
    assert [*KitManifest.load(tmp_path / "landing" / "manifest.json").promised] == ["net 1"]


def test_a_kit_that_was_packed_before_it_was_asked_for_keeps_its_answer(tmp_path: Path) -> None:
    asking = Asking(tmp_path)
    asking.pack(tmp_path / "landing", 0)
    answer(tmp_path / "landing")
    assert asking.ask().measured.device == BOARD


def test_what_was_kept_is_asked_anew_in_a_round_of_its_own(tmp_path: Path) -> None:
    asking = Asking(tmp_path)
    asking.waits()
    answer(tmp_path / "landing")
    asking.ask()
    asking.waits()
    assert asking.packed == ["landing", "landing-2"]
    answer(tmp_path / "landing-2", steady=4)
    asking.ask()
    asking.waits(seed=1)
    assert asking.packed[-1] == "landing-3"


def test_an_answer_that_could_not_be_kept_is_there_next_time(tmp_path: Path) -> None:
    asking = Asking(tmp_path)
    asking.waits()
    answer(tmp_path / "landing")
    with (
        pytest.raises(OSError, match="no room"),
        asking.rounds.round(
            "landing", asked={"seed": 0}, pack=lambda into: asking.pack(into, 0), why="a time"
        ),
    ):
        raise OSError("no room")
    assert asking.ask().measured.device == BOARD
    assert asking.packed == ["landing"]


def test_the_answer_to_another_kit_is_refused(tmp_path: Path) -> None:
    asking, other = Asking(tmp_path / "a"), Asking(tmp_path / "b")
    asking.waits(seed=0)
    other.waits(seed=1)
    answer(tmp_path / "b" / "landing", place=str(tmp_path / "a" / "landing" / "measured.json"))
    with pytest.raises(FileError, match="another kit"):
        asking.ask()


def table(kit: PackedKit) -> LatencyTable:
    measured = read_measured(kit.folder / "measured.json", kit.manifest)
    return LatencyTable(target=TARGET, conditions=conditions_there(measured), entries={})


def test_a_later_round_is_held_against_the_device_of_the_table(tmp_path: Path) -> None:
    asking = Asking(tmp_path)
    asking.waits()
    kit = kit_of(tmp_path / "landing")
    answer(kit.folder)
    known = table(kit)
    require_same_device(asking.ask().measured, known, kit.folder)
    other = BOARD.model_copy(update={"processor": "Made-up B7", "language": "Python 3.12"})
    answer(kit.folder, device=other)
    with pytest.raises(UsageError, match="the device differs") as caught:
        require_same_device(
            read_measured(kit.folder / "measured.json", kit.manifest), known, kit.folder
        )
    assert "Made-up B7" in caught.value.why
    assert "3.12" not in caught.value.why


def test_a_table_of_this_machine_is_no_other_host_s(tmp_path: Path) -> None:
    known = LatencyTable(target=TARGET, conditions={"processor": "this"}, entries={})
    with pytest.raises(UsageError, match="measured on this machine"):
        require_from_a_kit(known, tmp_path)
    assert known.told_target().endswith("tail in the graph")


def test_kit_read_lays_the_answer_where_its_run_waits_for_it(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "recipe.json").write_text("{}")
    asking = Asking(tmp_path / "run" / "kit")
    asking.waits()
    came = answer(tmp_path / "run" / "kit" / "landing", place=str(tmp_path / "measured.json"))
    found = read_named(came, Common(run=tmp_path / "run"), "")
    assert "fasterseg run --run" in found.next_step
    assert asking.ask().measured.device == BOARD
