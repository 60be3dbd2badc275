"""What a data file says of its masks: every key is followed, or refused with the line that is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from advice import follow, lines_of
from PIL import Image

from fasterseg.datasets.checking import check_data
from fasterseg.datasets.opening import open_data
from fasterseg.errors import DataError

MakeFolder = Callable[..., Path]

PLAIN = "train: images/train\nval: images/val\nnames: [ground, car, road]\n"
COLOURS = np.array([[0, 0, 0], [255, 0, 0], [0, 255, 0], [200, 0, 0]], dtype=np.uint8)
PALETTE = "palette: [[0, 0, 0], [255, 0, 0], [0, 255, 0]]\n"


@pytest.fixture
def make_colours(make_folder: MakeFolder) -> MakeFolder:
    """A function that makes a folder whose masks are colours, and writes its data file."""

    def make(text: str, *, values: tuple[int, ...] = (0, 1, 2)) -> Path:
        root = make_folder(text, values=values)
        for path in (root / "masks").rglob("*.png"):
            Image.fromarray(COLOURS[np.asarray(Image.open(path))]).save(path)
        return root

    return make


def refusal(root: Path) -> DataError:
    """The error that the checker ends with."""
    with pytest.raises(DataError) as caught:
        check_data(root)
    return caught.value


def labels_by_colour(root: Path) -> dict[tuple[int, ...], set[int]]:
    """Which labels the pixels of each colour of the first mask have."""
    source = open_data(root)
    labels = source.sample("train", 0).labels
    path = next((root / "masks" / "train").glob("*0.png"))
    colours = np.asarray(Image.open(path).convert("RGB"))
    return {
        tuple(colour): set(labels[(colours == colour).all(-1)].tolist())
        for colour in np.unique(colours.reshape(-1, 3), axis=0).tolist()
    }


@pytest.mark.parametrize(
    "line",
    [
        "label_mapping: {0: ignore_label}",
        "label_mapping: {0: 255}",
        "background: ignore",
        "reduce_zero_label: true",
        "ignore: 0",
        "background: ignore\nignore: 0\nlabel_mapping: {0: ignore_label}",
    ],
)
def test_beside_a_palette_a_key_of_integers_is_refused_with_the_lines_that_do_what_it_means(
    line: str, make_colours: MakeFolder
) -> None:
    root = make_colours(f"{PLAIN}{PALETTE}{line}\n")
    error = refusal(root)
    assert line.partition(":")[0] in error.why
    assert lines_of(error)["palette"]["ignore"] == [0, 0, 0]

    follow(error, root / "data.yaml")

    assert check_data(root).names == ("car", "road")
    assert labels_by_colour(root) == {(0, 0, 0): {255}, (255, 0, 0): {0}, (0, 255, 0): {1}}


@pytest.mark.parametrize("line", ["ignore: 255", "background: class", "label_mapping: {1: 2}"])
def test_beside_a_palette_a_key_of_integers_that_would_do_nothing_is_to_be_taken_out(
    line: str, make_colours: MakeFolder
) -> None:
    root = make_colours(f"{PLAIN}{PALETTE}{line}\n")
    error = refusal(root)

    follow(error, root / "data.yaml")

    assert check_data(root).names == ("ground", "car", "road")


@pytest.mark.parametrize(
    "palette",
    [
        "{ground: [0, 0, 0], car: [[255, 0, 0], [200, 0, 0]], road: [0, 255, 0]}",
        "[[0, 0, 0], [[255, 0, 0], [200, 0, 0]], [0, 255, 0]]",
    ],
)
def test_a_class_may_have_several_colours(palette: str, make_colours: MakeFolder) -> None:
    root = make_colours(f"{PLAIN}palette: {palette}\n", values=(0, 1, 2, 3))

    assert open_data(root).label_space.colours == ((0, 0, 0), (255, 0, 0), (0, 255, 0))
    assert labels_by_colour(root) == {
        (0, 0, 0): {0},
        (255, 0, 0): {1},
        (200, 0, 0): {1},
        (0, 255, 0): {2},
    }


def test_several_colours_may_never_count(make_colours: MakeFolder) -> None:
    text = PLAIN.replace("ground, ", "")
    text += "palette: {car: [255, 0, 0], road: [0, 255, 0], ignore: [[0, 0, 0], [200, 0, 0]]}\n"

    check_data(make_colours(text, values=(0, 1, 2, 3)))


def test_colours_that_the_palette_does_not_name_are_settled_by_the_line_in_the_message(
    make_colours: MakeFolder,
) -> None:
    text = PLAIN.replace("ground, ", "") + "palette: [[255, 0, 0], [0, 255, 0]]\n"
    root = make_colours(text, values=(0, 1, 2, 3))
    error = refusal(root)
    assert "[200, 0, 0]" in error.why
    assert lines_of(error)["palette"]["ignore"] == [[0, 0, 0], [200, 0, 0]]

    follow(error, root / "data.yaml")

    assert check_data(root).names == ("car", "road")


def test_a_sample_whose_colour_has_no_meaning_names_the_line_too(make_colours: MakeFolder) -> None:
    root = make_colours(PLAIN + PALETTE, values=(3,))
    with pytest.raises(DataError) as caught:
        open_data(root).sample("train", 0)

    follow(caught.value, root / "data.yaml")

    assert set(open_data(root).sample("train", 0).labels.ravel()) == {255}


@pytest.mark.parametrize(
    ("palette", "why"),
    [
        ("{ground: [0, 0, 0], car: [1, 1, 1]}", "it lacks road"),
        ("{ground: [0, 0, 0], car: [1, 1, 1], road: [2, 2, 2], sky: [3, 3, 3]}", "to sky, which"),
        ("[[0, 0, 0], [1, 1, 1]]", "2 entries, and there are 3 names"),
        ("{ground: [0, 0], car: [1, 1, 1], road: [2, 2, 2]}", "[0, 0] is no colour"),
        ("{ground: [], car: [1, 1, 1], road: [2, 2, 2]}", "[] is no colour"),
        ("{ground: [[0, 0, 0], 7], car: [1, 1, 1], road: [2, 2, 2]}", "is no colour"),
        ("{ground: [0, 0, yes], car: [1, 1, 1], road: [2, 2, 2]}", "is no colour"),
        ("{ground: [[0, 0, 0], [1, 1, 1]], car: [1, 1, 1], road: [2, 2, 2]}", "the same colour"),
        ("black", "write a colour for each class"),
    ],
)
def test_a_palette_that_cannot_be_is_refused_in_plain_words(
    palette: str, why: str, make_folder: MakeFolder
) -> None:
    error = refusal(make_folder(f"{PLAIN}palette: {palette}\n"))

    assert why in error.why
    assert "tuple" not in error.what


def test_colours_of_what_is_no_class_are_settled_by_the_line_in_the_message(
    make_colours: MakeFolder,
) -> None:
    palette = "{ground: [0, 0, 0], car: [255, 0, 0], road: [0, 255, 0], void: [[200, 0, 0]]}"
    root = make_colours(f"{PLAIN}palette: {palette}\n", values=(0, 1, 2, 3))

    follow(refusal(root), root / "data.yaml")

    assert labels_by_colour(root)[(200, 0, 0)] == {255}


@pytest.mark.parametrize(
    ("names", "mapping", "values"),
    [
        ("[road, car]", "{1: 0, 2: 1}", (0, 1, 2)),
        ("[road, car]", "{7: 0, 8: 1}", (0, 7, 8)),
        ("[road, car]", "{7: 0, 8: 1}", (1, 7, 8)),
        ("[thing]", "{1: 0}", (0, 1)),
        ("[road, car]", "{0: 1, 2: 0}", (0, 1, 2)),
    ],
)
def test_an_id_that_a_whole_mapping_leaves_out_is_no_class(
    names: str, mapping: str, values: tuple[int, ...], make_folder: MakeFolder
) -> None:
    head = "train: images/train\nval: images/val\n"
    root = make_folder(f"{head}names: {names}\nlabel_mapping: {mapping}\n", values=values)
    error = refusal(root)
    with pytest.raises(DataError, match="no class"):
        open_data(root).sample("train", 0)

    follow(error, root / "data.yaml")

    assert check_data(root).splits["train"].ignored_pixels > 0


def test_an_id_that_counts_beside_mapped_ones_is_noted_with_its_pixels(
    make_folder: MakeFolder,
) -> None:
    root = make_folder(PLAIN + "label_mapping: {7: 1}\n", values=(0, 1, 7))
    masks = [np.asarray(Image.open(path)) for path in (root / "masks").rglob("*.png")]
    pixels = sum(int((mask == 1).sum()) for mask in masks)

    notes = check_data(root).notes

    said = f"1, which label_mapping does not name, counts as car, to which it leads 7: {pixels:,}"
    assert any(said in note for note in notes)


def test_a_mapping_beside_ids_that_are_not_there_calls_for_no_note(make_folder: MakeFolder) -> None:
    root = make_folder(PLAIN + "label_mapping: {7: 1}\n", values=(0, 2, 7))

    assert not any("label_mapping" in note for note in check_data(root).notes)


@pytest.mark.parametrize("extra", ["", "label_mapping: {7: 1}\n", "reduce_zero_label: true\n"])
def test_ids_without_a_meaning_are_settled_by_the_line_in_the_message(
    extra: str, make_folder: MakeFolder
) -> None:
    root = make_folder(PLAIN + extra, values=(0, 1, 2, 9, 11))

    follow(refusal(root), root / "data.yaml")

    assert check_data(root).splits["train"].ignored_pixels > 0


def test_names_that_count_from_1_are_refused_with_the_two_lines_that_say_so(
    make_folder: MakeFolder,
) -> None:
    text = "train: images/train\nval: images/val\nnames: {1: a, 2: b, 4: c}\n"
    root = make_folder(text, values=(1, 2, 4))
    error = refusal(root)
    assert "1, 2, 4" in error.why

    follow(error, root / "data.yaml")

    assert check_data(root).names == ("a", "b", "c")


def test_ids_of_names_may_be_text_as_in_json(make_folder: MakeFolder) -> None:
    root = make_folder(PLAIN.replace("[ground, car, road]", '{"0": a, "1": b, "2": c}'))

    assert check_data(root).names == ("a", "b", "c")


@pytest.mark.parametrize(
    "lines",
    [
        "background: class\nignore: 0",
        "background: class\nreduce_zero_label: true",
        "background: class\nlabel_mapping: {0: ignore_label}",
        "background: ignore\nlabel_mapping: {0: 1}",
        "ignore: 5\nlabel_mapping: {5: 1}",
    ],
)
def test_two_keys_that_say_opposite_things_of_an_integer_are_refused(
    lines: str, make_folder: MakeFolder
) -> None:
    error = refusal(make_folder(f"{PLAIN}{lines}\n"))

    assert "never counts" in error.why
    assert error.next_step == "leave one of the two out"


@pytest.mark.parametrize("names", ["[ground, thing]", "[thing]"])
@pytest.mark.parametrize("background", ["class", "ignore"])
def test_the_line_for_1_and_255_in_one_mask_works(
    names: str, background: str, make_folder: MakeFolder
) -> None:
    text = f"train: images/train\nval: images/val\nnames: {names}\nbackground: {background}\n"
    root = make_folder(text, values=(0, 1, 255))

    follow(refusal(root), root / "data.yaml")

    ignored = check_data(root).splits["train"].ignored_pixels
    assert (ignored > 0) is (background == "ignore")


@pytest.mark.parametrize("mapping", ["", "label_mapping: {0: ignore_label}\n"])
@pytest.mark.parametrize("names", ["[ground, thing]", "[thing]", "[ground, thing, other]"])
@pytest.mark.parametrize("line", [0, 1])
def test_each_of_the_two_lines_for_masks_of_0_and_255_works(
    line: int, names: str, mapping: str, make_folder: MakeFolder
) -> None:
    text = f"train: images/train\nval: images/val\nnames: {names}\n{mapping}"
    root = make_folder(text, values=(0, 255))
    error = refusal(root)
    shown = [one.strip() for one in error.next_step.splitlines() if one.startswith(" " * 11)]
    key = shown[line].partition(":")[0]
    kept = [one for one in text.splitlines() if not one.startswith(key)]
    (root / "data.yaml").write_text("\n".join([*kept, shown[line], ""]))

    if mapping and line == 1:  # then nothing counts, and that is told
        assert "without one labelled pixel" in refusal(root).why
    else:
        assert check_data(root).splits["train"].labelled_pixels > 0


def test_more_colours_than_anybody_names_come_from_smoothing(make_colours: MakeFolder) -> None:
    root = make_colours(PLAIN + PALETTE)
    path = root / "masks" / "train" / "train0.png"
    noise = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)

    assert "smoothed" in refusal(root).next_step


def test_more_ids_than_anybody_names_are_those_of_single_things(make_folder: MakeFolder) -> None:
    root = make_folder(PLAIN, values=tuple(range(100)))

    assert "single things" in refusal(root).next_step
