from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from fasterseg import caches
from fasterseg.datasets.drawing import kept
from fasterseg.datasets.drawing.kept import (
    KeptMasks,
    Wanted,
    content_digest,
    draw_missing,
    stamp_of_file,
)
from fasterseg.datasets.faults import Fault, FaultKind, FileFault
from fasterseg.datasets.masks.mask_reading import read_mask
from fasterseg.errors import EnvironmentFault, Interrupted

MASK = np.arange(12, dtype=np.uint8).reshape(3, 4)


@pytest.fixture(autouse=True)
def folder_of_caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FASTERSEG_CACHE", str(tmp_path / "caches"))
    monkeypatch.setattr(caches, "SETTLED_S", 0.0)
    return tmp_path / "caches"


class Drawing:
    """Counts how often it is asked to draw."""

    def __init__(self, mask: np.ndarray = MASK) -> None:  # type: ignore[type-arg]
        self.times = 0
        self.mask = mask

    def __call__(self) -> np.ndarray:  # type: ignore[type-arg]
        self.times += 1
        return self.mask


def wanted(store: KeptMasks, content: str, draw: Callable[[], np.ndarray]) -> Wanted:  # type: ignore[type-arg]
    return Wanted(store.mask(content), draw)


def test_a_mask_is_drawn_once_and_read_back_as_it_was(tmp_path: Path) -> None:
    store, drawing = KeptMasks(tmp_path, "labelme"), Drawing()
    one = wanted(store, content_digest(b"shapes"), drawing)

    assert draw_missing([one], lambda *_: None) == []
    assert draw_missing([one], lambda *_: None) == []
    assert drawing.times == 1
    assert np.array_equal(read_mask(one.mask), MASK)


def test_masks_of_16_bits_are_read_back(tmp_path: Path) -> None:
    wide = MASK.astype(np.uint16) * 300
    one = wanted(KeptMasks(tmp_path, "coco"), "ab" * 32, Drawing(wide))

    draw_missing([one], lambda *_: None)

    assert np.array_equal(read_mask(one.mask), wide)


def test_a_mask_that_a_power_cut_emptied_is_drawn_again(tmp_path: Path) -> None:
    drawing = Drawing()
    one = wanted(KeptMasks(tmp_path, "labelme"), "ab" * 32, drawing)
    draw_missing([one], lambda *_: None)
    one.mask.write_bytes(b"")

    draw_missing([one], lambda *_: None)

    assert drawing.times == 2
    assert np.array_equal(read_mask(one.mask), MASK)


def test_what_cannot_be_drawn_is_told_and_the_rest_is_drawn(tmp_path: Path) -> None:
    store, told = KeptMasks(tmp_path, "coco"), list[tuple[int, int, str]]()
    fault = Fault(FaultKind.BAD_SHAPE, "a.json", "a polygon of 2 points")

    def refuse() -> np.ndarray:  # type: ignore[type-arg]
        raise FileFault(fault)

    some = [wanted(store, f"{number:064d}", Drawing()) for number in range(5)]
    bad = wanted(store, "f" * 64, refuse)

    assert draw_missing([*some[:2], bad, *some[2:]], lambda *one: told.append(one)) == [fault]
    assert all(one.mask.is_file() for one in some)
    assert told[-1][:2] == (6, 6)
    assert not bad.mask.exists()


def test_no_other_process_sees_half_a_mask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = wanted(KeptMasks(tmp_path, "coco"), "ab" * 32, Drawing())
    seen: list[bool] = []
    replace = Path.replace

    def look(path: Path, target: Path) -> Path:
        seen.append(one.mask.exists())
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", look)
    draw_missing([one], lambda *_: None)

    assert seen == [False]
    assert [path.name for path in one.mask.parent.iterdir()] == [one.mask.name]


def test_a_folder_that_cannot_be_written_is_told_with_what_names_another(
    tmp_path: Path, folder_of_caches: Path
) -> None:
    store = KeptMasks(tmp_path, "coco")
    folder_of_caches.write_text("no folder")

    with pytest.raises(EnvironmentFault, match="could not"):
        draw_missing([wanted(store, "ab" * 32, Drawing())], lambda *_: None)


def test_what_was_read_of_a_file_holds_until_it_changes(tmp_path: Path) -> None:
    file = tmp_path / "ä.json"
    file.write_text("{}")
    store = KeptMasks(tmp_path, "labelme")
    store.keep(file, stamp_of_file(file), [{"labels": ["car"]}, {"more": 1}])
    store.write([file])

    assert KeptMasks(tmp_path, "labelme").known(file) == [{"labels": ["car"]}, {"more": 1}]
    assert KeptMasks(tmp_path, "coco").known(file) is None
    os.utime(file, ns=(1, 1))
    assert KeptMasks(tmp_path, "labelme").known(file) is None


def test_what_changed_a_moment_ago_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(caches, "SETTLED_S", 3600.0)
    file = tmp_path / "a.json"
    file.write_text("{}")
    store = KeptMasks(tmp_path, "labelme")

    store.keep(file, stamp_of_file(file), [{}])
    store.write([file])

    assert KeptMasks(tmp_path, "labelme").known(file) is None


@pytest.mark.parametrize("text", ["", "no JSON\n", "[1, 2]\n", '["a", [1, 2], {}]\n', "\0" * 99])
def test_a_damaged_list_of_readings_is_read_as_none(text: str, tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_text("{}")
    store = KeptMasks(tmp_path, "labelme")
    store.folder.mkdir(parents=True)
    (store.folder / "read.jsonl").write_text(text)

    assert KeptMasks(tmp_path, "labelme").known(file) is None


def test_a_digest_says_where_its_parts_end_and_by_which_rules_is_drawn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = content_digest(b"ab", b"c")
    assert first != content_digest(b"a", b"bc")
    monkeypatch.setattr(kept, "RULES", kept.RULES + 1)
    assert content_digest(b"ab", b"c") != first


LONG_AGO = time.time() - 100 * 86_400


def age(path: Path) -> None:
    """Let it have been used long ago."""
    os.utime(path, (LONG_AGO, LONG_AGO))


def test_masks_of_a_data_set_that_nobody_opened_for_long_go(tmp_path: Path) -> None:
    old, recent = (KeptMasks(tmp_path / name, "coco") for name in ("old", "recent"))
    unmarked = old.folder.with_name("kept by an earlier version")
    for store in (old, recent):
        draw_missing([wanted(store, "ab" * 32, Drawing())], lambda *_: None)
        store.write([])
    unmarked.mkdir()
    age(unmarked)
    age(old.folder / ".used")

    recent.write([])

    assert not old.folder.exists()
    assert not unmarked.exists()
    assert recent.mask("ab" * 32).exists()


def test_masks_of_labels_as_they_were_long_ago_go_and_those_in_use_stay(tmp_path: Path) -> None:
    store, again = KeptMasks(tmp_path, "labelme"), Drawing()
    earlier, now, new = (wanted(store, one * 32, again) for one in ("ab", "cd", "ef"))
    draw_missing([earlier, now], lambda *_: None)
    age(earlier.mask)
    age(now.mask)

    draw_missing([now, new], lambda *_: None)

    assert not earlier.mask.exists()
    assert again.times == 3, "what is wanted stays, however old"
    assert now.mask.stat().st_mtime > LONG_AGO + 86_400, "and is noted as used"


def test_what_is_told_may_stop_the_drawing_and_what_was_drawn_stays(tmp_path: Path) -> None:
    store, drawing = KeptMasks(tmp_path, "labelme"), Drawing()
    all_of = [wanted(store, one * 32, drawing) for one in ("ab", "cd", "ef")]

    def stop(*_: object) -> None:
        raise Interrupted("stopped")

    with pytest.raises(Interrupted):
        draw_missing(all_of, stop)
    assert drawing.times == 1
    draw_missing(all_of, lambda *_: None)
    assert drawing.times == 3
