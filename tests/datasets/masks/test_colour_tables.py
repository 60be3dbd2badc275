"""Tables of classes and their colours, in every form in which they are found."""

from __future__ import annotations

import random

import pytest

from fasterseg.datasets.masks.colour_tables import TABLE_SUFFIXES, Entry, entries_in

WANTED = (("void", (0, 0, 0)), ("dirt road", (108, 64, 20)), ("sand", (255, 229, 204)))
JSON_ENTRIES = (
    '{"version": 1, "labels": [{"name": "void", "color": [0, 0, 0], "evaluate": false}, '
    '{"name": "dirt road", "color": [108, 64, 20, 255]}, {"name": "sand", "color": "#FFE5CC"}]}'
)

FORMS = {
    "Kaggle": (".csv", "name, r, g, b\nvoid, 0, 0, 0\ndirt road,108,64,20\nsand,255,229,204\n"),
    "CamVid": (".txt", "0 0 0\t\tvoid\n108 64 20\tdirt road\n255 229 204\t\tsand\n"),
    "CVAT": (
        ".txt",
        "# label:color_rgb:parts:actions\nvoid:0,0,0::\ndirt road:108,64,20::\nsand:255,229,204::",
    ),
    "brackets": (".txt", "void (0, 0, 0)\n'dirt road' (108, 64, 20)\nsand (255, 229, 204)\n"),
    "equals": (".txt", "void = [0 0 0]\ndirt road = [108 64 20]\nsand = [255 229 204]\n"),
    "hexadecimal": (".txt", "# ours\nvoid #000000\ndirt road #6c4014\nsand #FFE5CC\n"),
    "hexadecimal first": (".txt", "#000000 void\n#6c4014 dirt road\n#ffe5cc sand\n"),
    "opaque": (
        ".csv",
        "class;r;g;b;a\nvoid;0;0;0;255\ndirt road;108;64;20;255\nsand;255;229;204;255",
    ),
    "to colours": (
        ".json",
        '{"void": [0, 0, 0], "dirt road": [108, 64, 20], "sand": [255, 229, 204]}',
    ),
    "to names": (
        ".json",
        '{"#000000": "void", "(108, 64, 20)": "dirt road", "255,229,204": "sand"}',
    ),
    "entries": (".json", JSON_ENTRIES),
    "two lists": (
        ".yaml",
        "classes: [void, dirt road, sand]\npalette: [[0, 0, 0], [108, 64, 20], [255, 229, 204]]",
    ),
}
WITH_IDS = {
    "RUGD": (".txt", "0 void 0 0 0\n2 sand 255 229 204\n1 dirt road 108 64 20\n"),
    "columns": (
        ".tsv",
        "id\tname\tcolor\n2\tsand\t#ffe5cc\n1\tdirt road\t#6c4014\n0\tvoid\t#000000",
    ),
    "all ahead": (".csv", "0,0,0,0,void\n1,108,64,20,dirt road\n2,255,229,204,sand\n"),
    "RELLIS": (
        ".yaml",
        "- {0: void, 1: dirt road, 2: sand}\n"
        "- {0: [0, 0, 0], 1: [108, 64, 20], 2: [255, 229, 204]}\n",
    ),
    "entries": (
        ".json",
        '[{"id": 0, "name": "void", "color": "#000000"}, {"id": 2, "name": "sand", "color": '
        '[255, 229, 204]}, {"id": 1, "label": "dirt road", "rgb": [108, 64, 20]}]',
    ),
}
OTHERS = {
    "a list": (".txt", "images/a.png\nimages/b.png\n"),
    "pairs": (".txt", "images/a.png masks/a.png\nimages/b.png masks/b.png\n"),
    "names": (".txt", "void\ndirt\nsand\n"),
    "names and ids": (".txt", "0: void\n1: dirt\n2: sand\n"),
    "numbers": (".csv", "0,1,2,3\n4,5,6,7\n"),
    "a line that is none": (".txt", "void 0 0 0\nsand 255 229 204\nsee the manual\n"),
    "beyond a byte": (".txt", "void 0 0 0\nsand 256 229 204\n"),
    "one colour for two": (".txt", "void 0 0 0\nsand 0 0 0\n"),
    "one name for two": (".txt", "void 0 0 0\nvoid 1 0 0\n"),
    "an id for some": (".txt", "0 void 0 0 0\nsand 255 229 204\n"),
    "more columns": (".csv", "void,flat,0,0,0\nsand,soil,255,229,204\n"),
    "no JSON": (".json", '{"void": [0, 0, 0], '),
    "COCO": (".json", '{"categories": [{"id": 1, "name": "car"}, {"id": 2, "name": "bus"}]}'),
    "truths": (".json", '{"void": [true, false, true], "sand": [false, true, true]}'),
    "nothing": (".yaml", ""),
    "nothing at all": (".txt", ""),
}


@pytest.mark.parametrize(("suffix", "text"), FORMS.values(), ids=FORMS)
def test_names_and_colours_are_read_in_their_order(suffix: str, text: str) -> None:
    assert entries_in(text, suffix) == tuple(Entry(*one) for one in WANTED)


@pytest.mark.parametrize(("suffix", "text"), WITH_IDS.values(), ids=WITH_IDS)
def test_ids_are_read_and_give_the_order(suffix: str, text: str) -> None:
    assert entries_in(text, suffix) == tuple(Entry(*one, label) for label, one in enumerate(WANTED))


@pytest.mark.parametrize(("suffix", "text"), OTHERS.values(), ids=OTHERS)
def test_what_is_no_table_has_no_classes(suffix: str, text: str) -> None:
    assert entries_in(text, suffix) == ()


@pytest.mark.parametrize("suffix", sorted(TABLE_SUFFIXES))
def test_no_text_is_stumbled_over(suffix: str) -> None:
    lottery = random.Random(suffix)
    parts = [text for _, text in (FORMS | WITH_IDS | OTHERS).values()]
    for _ in range(300):
        pieces = [lottery.choice(parts) for _ in range(2)]
        cuts = [lottery.randrange(len(one) + 1) for one in pieces]
        text = pieces[0][: cuts[0]] + lottery.choice("\n,#[{:\0é-9") + pieces[1][cuts[1] :]
        for one in entries_in(text, suffix):
            assert one.name and all(0 <= value <= 255 for value in one.colour)


def test_a_long_text_is_left_unread() -> None:
    assert entries_in("void 0 0 0\n" * 200_000, ".txt") == ()
    assert entries_in("1 " * 100_000, ".txt") == ()
