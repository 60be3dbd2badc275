"""OpenVINO's files of strangers: read strictly, and refused where they are no plain network."""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from refusals import told_of
from small_onnx import CARD, CLASSES, HEIGHT, WIDTH, small_bytes

from fasterseg.datasets.labels import LabelSpace
from fasterseg.deploy.exporting.exported_card import METADATA_KEY, ExportedCard, UnsealedCard
from fasterseg.deploy.exporting.seals import BLANK_SEAL, sealed
from fasterseg.deploy.runtimes.opening import open_export
from fasterseg.deploy.runtimes.openvino.files import looked_at, the_core
from fasterseg.deploy.runtimes.openvino.installed import imported_openvino
from fasterseg.errors import FileError

pytest.importorskip("openvino", reason="the extra 'openvino' is not installed")

from fasterseg.deploy.runtimes.openvino.trial_child import try_model

Pair = tuple[str, bytes]
PLACE = "<layers>"


def pair(card: ExportedCard = CARD) -> Pair:
    """The text and the weights of a small network, of which all is true; without a seal."""
    return _with_card(card.to_text())


@cache
def _with_card(card: str) -> Pair:
    import tempfile

    import openvino

    model = the_core().read_model(small_bytes())
    model.set_rt_info(card, METADATA_KEY)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "small.xml"
        openvino.save_model(model, str(path), compress_to_fp16=False)
        return path.read_text(), path.with_suffix(".bin").read_bytes()


def written(text: str, weights: bytes, folder: Path) -> Path:
    """The two files, sealed as a stranger can do too."""
    data = f"{text}<!-- {BLANK_SEAL} -->\n".encode("utf-8", "surrogateescape")
    path = folder / "small.xml"
    path.write_bytes(sealed(data, companions=[weights]))
    path.with_suffix(".bin").write_bytes(weights)
    return path


def replaced(old: str, new: str, *, count: int = 1) -> Callable[[Pair], Pair]:
    """The text with something else in one place."""

    def change(whole: Pair) -> Pair:
        text, weights = whole
        assert old in text
        return text.replace(old, new, count), weights

    return change


def matched(pattern: str, new: str) -> Callable[[Pair], Pair]:
    """The text with something else where a pattern matches first."""

    def change(whole: Pair) -> Pair:
        text, weights = whole
        assert re.search(pattern, text)
        return re.sub(pattern, new, text, count=1), weights

    return change


def before(place: str, more: str) -> Callable[[Pair], Pair]:
    """The text with more before a place."""
    return replaced(place, more + place)


def of_weights(change: Callable[[bytes], bytes]) -> Callable[[Pair], Pair]:
    """The weights changed."""
    return lambda whole: (whole[0], change(whole[1]))


def with_number(value: float) -> Callable[[bytes], bytes]:
    """The weights, those of the normalisation such a number."""
    scale = np.array(1 / (255 * np.array(CARD.std)), np.float32).tobytes()
    return lambda data: data.replace(scale, np.full(3, value, np.float32).tobytes())


ENTITY = '<?xml version="1.0"?>\n<!DOCTYPE net [<!ENTITY x SYSTEM "canary.bin">]>'
LAUGHS = '<?xml version="1.0"?>\n<!DOCTYPE net [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]>'
HEAD = '<?xml version="1.0"?>'
RELU = '<layer id="{id}" name="r" type="{type}" version="{version}">{body}</layer>'


EDGE = '<edge from-layer="0" from-port="0" to-layer="{}" to-port="{}"/>'
IMAGE = f'shape="1,{HEIGHT},{WIDTH},3"'
PARAMETER = '<data shape="1" element_type="u8"/><output><port id="0"/></output>'


def layer(kind: str, version: str = "opset1", body: str = "") -> Callable[[Pair], Pair]:
    """One more layer, which nobody reads."""
    return replaced(PLACE, PLACE + RELU.format(id=777, type=kind, version=version, body=body))


def retyped(kind: str, version: str = "opset1") -> Callable[[Pair], Pair]:
    """The convolution as another operator."""
    return matched(r'type="Convolution" version="opset1"', f'type="{kind}" version="{version}"')


CHANGES: dict[str, Callable[[Pair], Pair]] = {
    "no text": lambda whole: ("", whole[1]),
    "no XML": lambda whole: ("never a model", whole[1]),
    "half": lambda whole: (whole[0][: len(whole[0]) // 2], whole[1]),
    "another root": lambda whole: ("<web/>", whole[1]),
    "an entity that reads a file": replaced(HEAD, ENTITY),
    "entities that laugh": replaced(HEAD, LAUGHS),
    "a schema elsewhere": replaced(HEAD, f'{HEAD}\n<!DOCTYPE net SYSTEM "http://localhost/x.dtd">'),
    "an instruction": before("<net ", '<?xml-stylesheet href="x.xsl"?>'),
    "raw text": before("</net>", "<![CDATA[ <layer/> ]]>"),
    "a null character": before("</net>", "\0"),
    "another encoding": replaced(HEAD, '<?xml version="1.0" encoding="utf-16"?>\0'),
    "letters of no encoding": before("</net>", "\udcff"),
    "a million layers": before("</layers>", "<layer/>" * 700_000),
    "parts in parts without end": before("</net>", "<a>" * 100_000 + "</a>" * 100_000),
    "version 9999": matched(r'version="11"', 'version="9999"'),
    "no version": matched(r' version="11"', ""),
    "no layers": matched(r"(?s)<layers>.*</layers>", ""),
    "two lists of layers": before("<edges>", "<layers></layers>"),
    "no edges": matched(r"(?s)<edges>.*</edges>", ""),
    "edges that are empty": matched(r"(?s)<edges>.*</edges>", "<edges/>"),
    "weights of another place": before("</net>", '<weights path="canary.bin"/>'),
    "a loop": layer("Loop", "opset5", "<body><layers/><edges/></body>"),
    "a loop without a body": layer("Loop", "opset5"),
    "an iterator": layer("TensorIterator", "opset1"),
    "a branch": layer("If", "opset8", "<then_body/>"),
    "chance": layer("RandomUniform", "opset8"),
    "dice": layer("Multinomial", "opset13"),
    "a state": layer("Assign", "opset6"),
    "a state that is read": layer("ReadValue", "opset6"),
    "sizes by what is in the image": layer("NonZero", "opset3"),
    "boxes": layer("NonMaxSuppression", "opset9"),
    "texts": layer("StringTensorPack", "opset15"),
    "an operator of an extension": retyped("Convolution", "extension"),
    "an operator of a library": retyped("Run", "com.example"),
    "an operator of no standard": retyped("Exec"),
    "an operator of no opset": retyped("Convolution", "opset"),
    "an operator within": matched(r'type="Convolution"', 'type="Convolution" name="x" '),
    "a part that is no layer": before("</layers>", '<custom_layer library="./canary.so"/>'),
    "a library within a layer": before("</layer>", '<extension path="./canary.so"/>'),
    "two layers of a number": matched(r'<layer id="2"', '<layer id="1"'),
    "an edge from nowhere": matched(r'from-layer="\d+"', 'from-layer="999"'),
    "an edge to nowhere": before("</edges>", EDGE.format(9, 77)),
    "an input joined twice": before("</edges>", EDGE.format(2, 0)),
    "a constant beyond the weights": matched(r'offset="0"', 'offset="999999999"'),
    "a constant before the weights": matched(r'offset="0"', 'offset="-8"'),
    "a constant that is larger than it is": matched(r'shape="4" offset', 'shape="4096" offset'),
    "a constant of negative size": matched(r'shape="4" offset', 'shape="-4" offset'),
    "a constant of huge size": matched(r'size="32"', 'size="999999999999999999999"'),
    "a constant of texts": matched(r'element_type="i64"', 'element_type="string"'),
    "a constant of half bytes": matched(r'element_type="i64"', 'element_type="u4"'),
    "weights that are cut": of_weights(lambda data: data[:-9]),
    "no weights": of_weights(lambda data: b""),
    "weights that are no numbers": of_weights(with_number(float("nan"))),
    "endless weights": of_weights(with_number(float("inf"))),
    "an image of floats": replaced('element_type="u8"', 'element_type="f32"'),
    "an image of another size": replaced(IMAGE, 'shape="1,32,32,3"'),
    "an image of any size": replaced(IMAGE, 'shape="1,?,?,3"'),
    "an image of any rank": replaced(IMAGE, 'shape="..."'),
    "an image of huge size": replaced(IMAGE, f'shape="1,{2**40},{2**40},3"'),
    "two images": layer("Parameter", "opset1", PARAMETER),
    "two outputs": layer("Result", "opset1"),
    "a name without end": replaced('name="image"', f'name="{"x" * 2_000_000}"'),
    "a length that is no number": matched(r"<dim>64</dim>", "<dim>many</dim>"),
    "a length with a part": matched(r"<dim>64</dim>", "<dim>64<dim/></dim>"),
    "no card": matched(r"(?s)<rt_info>.*</rt_info>", ""),
    "two cards": before("</rt_info>", '<fasterseg value="{}"/>'),
    "a card that is no JSON": matched(r'<fasterseg value="[^"]*"', '<fasterseg value="{{{{"'),
    "a card nested without end": matched(
        r'<fasterseg value="[^"]*"', f'<fasterseg value="{"[" * 100_000}"'
    ),
}  # fmt: skip

LYING_CARDS = {
    "any size": CARD.model_copy(update={"height": None, "width": None}),
    "another size": CARD.model_copy(update={"width": 32}),
    "another mean": CARD.model_copy(update={"mean": (0.5, 0.5, 0.5)}),
    "more classes": CARD.model_copy(
        update={"label_space": LabelSpace.from_names([f"{index}" for index in range(40)])}
    ),
    "logits": CARD.model_copy(update={"output": "logits"}),
    "half precision": CARD.model_copy(update={"precision": "float16"}),
}


def refused(whole: Pair, folder: Path) -> str:
    """The error that opening such files ends in, which is short and names the file."""
    return told_of(written(*whole, folder), looked_at)


@pytest.mark.parametrize("name", CHANGES)
def test_what_is_no_plain_network_is_refused(name: str, tmp_path: Path) -> None:
    refused(CHANGES[name](pair()), tmp_path)


@pytest.mark.parametrize("name", LYING_CARDS)
def test_a_card_of_which_the_graph_knows_nothing_is_refused(name: str, tmp_path: Path) -> None:
    assert "its card says" in refused(pair(LYING_CARDS[name]), tmp_path)


def test_layers_that_wait_for_each_other_are_refused(tmp_path: Path) -> None:
    text, weights = pair()
    edges = re.findall(r'<edge from-layer="(\d+)" from-port="(\d+)" to-layer="(\d+)"', text)
    last, port, _ = edges[-1]
    text = re.sub(
        r'<edge from-layer="0" from-port="0"',
        f'<edge from-layer="{last}" from-port="{port}"',
        text,
        count=1,
    )
    assert "wait for each other" in refused((text, weights), tmp_path)


def test_there_are_more_than_thirty_of_them() -> None:
    assert len(CHANGES) + len(LYING_CARDS) > 60


def test_only_the_weights_beside_are_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("canary.bin", "canary.so"):
        (tmp_path / name).write_bytes(b"\0" * 4)
    opened: list[str] = []
    watching = [True]

    def hook(event: str, words: tuple[object, ...]) -> None:
        if watching and event == "open":
            opened.append(str(words[0]))

    whole = [CHANGES[name](pair()) for name in CHANGES if "million" not in name]
    sys.addaudithook(hook)
    for one in whole:
        refused(one, tmp_path)
    watching.clear()
    assert {Path(name).name for name in opened} == {"small.xml", "small.bin"}


def test_a_pair_without_its_weights_is_refused(tmp_path: Path) -> None:
    path = written(*pair(), tmp_path)
    path.with_suffix(".bin").unlink()
    with pytest.raises(FileError, match=r"small\.bin"):
        looked_at(path)


def tried(path: Path) -> None:
    """What the child does with the files, done here."""
    files = [path, path.with_suffix(".bin")]
    digests = [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]
    try_model([str(f) for f in files], digests, [(HEIGHT, WIDTH)], "labels", CLASSES, 1)


FAILING: dict[str, Callable[[Pair], Pair]] = {
    "strides that give another size": matched(r'strides="1, ?1"', 'strides="2, 2"'),
    "strides that are none": matched(r'strides="1, ?1"', 'strides="x"'),
    "an operator that takes more": retyped("PReLU"),
    "an axis that there is not": matched(r'axis="1"', 'axis="99"'),
}


@pytest.mark.parametrize("name", FAILING)
def test_what_does_not_run_as_it_says_is_refused_by_its_trial(name: str, tmp_path: Path) -> None:
    path = written(*FAILING[name](pair()), tmp_path)
    with pytest.raises(FileError) as caught:
        looked_at(path)
        tried(path)
    assert len(str(caught.value).splitlines()) == 4
    assert len(str(caught.value)) < 700


def test_notes_on_layers_are_left_out(tmp_path: Path) -> None:
    note = '<rt_info><attribute name="old_api_map_order" version="0" value="9,9"/></rt_info>'
    path = written(*replaced("</layer>", f"{note}</layer>", count=99)(pair()), tmp_path)
    text, _, card = looked_at(path)
    assert card == CARD
    assert b"rt_info" not in text.anew
    tried(path)


def test_a_pair_of_the_time_before_seals_is_read(tmp_path: Path) -> None:
    earlier = UnsealedCard(**CARD.model_dump())
    text, weights = pair(earlier)
    path = tmp_path / "small.xml"
    path.write_text(text)
    path.with_suffix(".bin").write_bytes(weights)
    assert looked_at(path)[2] == earlier
    tried(path)


def test_openvino_tells_nobody_that_it_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "openvino_telemetry", raising=False)
    imported_openvino()
    with pytest.raises(ImportError):
        import openvino_telemetry  # noqa: F401


def test_a_plain_pair_of_a_stranger_runs_once_it_was_tried(tmp_path: Path) -> None:
    path = written(*pair(), tmp_path)
    session, card = open_export(path)
    assert session.run(np.zeros((HEIGHT, WIDTH, 3), np.uint8)).shape == (HEIGHT, WIDTH)
    assert card == CARD
