"""Odd images and masks through check-data, train, evaluate and predict, all in one process.

Each is right to the pixel, or refused in one sentence with its exit code: no trace, no end of it.
The figures are printed: pytest -s tests/pipeline/test_image_zoo.py
"""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from image_zoo import hostile, zoo
from PIL import Image
from zoo_animals import Animal, content
from zoo_encoders import HEIGHT, WIDTH, Array, ids, png, scene

from fasterseg.cli import main
from fasterseg.datasets.data_files.written_paths import composed
from fasterseg.datasets.opening import open_data
from fasterseg.deploy.runtimes.models import load_model
from fasterseg.evaluation import ConfusionMatrix, EvaluationReport
from fasterseg.space.architecture import Architecture, Branch, CellChoice

CHECK, TRAIN, EVALUATE, PREDICT = "check-data", "train", "evaluate", "predict"
HEAD = "train: images/train\nval: images/val\nnames: [ground, car, road]\n"
SETTINGS = (
    "threads=1",
    f"target.height={HEIGHT}",
    f"target.width={WIDTH}",
    "student.steps=1",
    "student.evaluate_every=1",
    "student.distillation_weight=0",
    "student.precision=float32",
    f"student.augmentation.crop_height={HEIGHT}",
    f"student.augmentation.crop_width={WIDTH}",
)
# Of a processor, for one command on one image: what takes more has no end in sight.
MOST_SECONDS = 10.0
MOST_LETTERS = 1500

ANIMALS = zoo()
GOOD = [animal for animal in ANIMALS if animal.holds is not None]
BAD = [animal for animal in ANIMALS if animal.holds is None]
# Read and refused without commands in tests/datasets/test_hostile_pictures.py.
HOSTILE = {animal.name for animal in hostile()}


@dataclass(slots=True)
class Keeper:
    """Runs commands in this process, and counts what they took and how they ended."""

    folder: Path
    capture: pytest.CaptureFixture[str] | None = None
    seconds: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    ended: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    runs: int = 0

    def run(self, verb: str, *words: object) -> tuple[int, str]:
        """A command's exit code, and what it said on stderr."""
        assert self.capture is not None
        self.capture.readouterr()
        began = time.process_time()
        code = main([verb, *map(str, words), "--json"])
        took = time.process_time() - began
        said = self.capture.readouterr().err
        assert took < MOST_SECONDS, f"{words}: {took:.1f} s of processor"
        assert "Traceback" not in said
        self.seconds[verb] += took
        self.ended[f"{verb} {code}"] += 1
        return code, said

    def train(self, data: Path, *, images: int = 1) -> tuple[int, str, Path]:
        """Train the smallest network for a step on all images of a data set."""
        self.runs += 1
        run = self.folder / "runs" / str(self.runs)
        settings = [*SETTINGS, f"student.batch_size={images}"]
        words = [word for setting in settings for word in ("--set", setting)]
        code, said = self.run(
            TRAIN,
            *("student", "--architecture", self.folder / "architecture.json"),
            *("--data", data, "--run", run, *words),
        )
        return code, said, run / "training" / "student" / "last"


@pytest.fixture(scope="module")
def keeper(tmp_path_factory: pytest.TempPathFactory) -> Keeper:
    """The one keeper of all tests here."""
    folder = tmp_path_factory.mktemp("zoo")
    branch = Branch(stride=8, cells=(CellChoice(kind="conv", expansion=1),))
    found = Architecture(widths={"stem": 1, "head": 1}, branches=(branch,))
    found.save(folder / "architecture.json")
    return Keeper(folder)


@pytest.fixture(autouse=True)
def listens(keeper: Keeper, capsys: pytest.CaptureFixture[str]) -> None:
    """The keeper hears what this test's commands say."""
    keeper.capture = capsys


def labels_for(image: Array) -> Array:
    """A mask for an image of any size."""
    rows, columns = np.mgrid[: image.shape[0], : image.shape[1]]
    return ((rows // 5 + columns // 7) % 3).astype(np.uint8)


def habitat(root: Path, animals: Sequence[Animal]) -> Path:
    """A data set of these animals, each in a folder of its own, and a plain split beside them."""
    for index, animal in enumerate(animals):
        own = {role: root / f"{role}s" / "train" / f"{index:03}" for role in ("image", "mask")}
        for folder in own.values():
            folder.mkdir(parents=True)
        animal.put(own[animal.role] / animal.file)
        stem = animal.file.rpartition(".")[0]
        if animal.role == "mask":
            (own["image"] / f"{stem}.png").write_bytes(png(scene()))
        else:
            beside = scene() if animal.holds is None else animal.holds
            (own["mask"] / f"{stem}.png").write_bytes(png(labels_for(beside)))
    painted = any("palette" in animal.lines for animal in animals)
    for role, pixels in (("images", 255 - scene()), ("masks", ids() * 0)):
        (root / role / "val").mkdir(parents=True)
        values = pixels if role == "images" or not painted else np.zeros_like(scene())
        (root / role / "val" / "plain.png").write_bytes(png(values))
    if any("reduce_zero_label" in animal.lines for animal in animals):
        (root / "masks" / "val" / "plain.png").write_bytes(png(ids() * 0 + 1))
    if any("{5: 0" in animal.lines for animal in animals):
        (root / "masks" / "val" / "plain.png").write_bytes(png(ids() * 0 + 5))
    (root / "data.yaml").write_text(HEAD + animals[0].lines)
    return root


def held(animal: Animal) -> tuple[Array, Array]:
    """What an animal's sample is: its image and its labels."""
    assert animal.holds is not None
    if animal.role == "mask":
        return scene(), animal.holds
    return animal.holds, labels_for(animal.holds)


def herds() -> dict[str, list[Animal]]:
    """The good animals that can live in one data set."""
    found: dict[str, list[Animal]] = {}
    for animal in GOOD:
        key = "images" if animal.role == "image" else f"masks {animal.lines}".strip()
        found.setdefault(key, []).append(animal)
    return found


HERDS = herds()


def test_image_zoo_has_its_274_animals() -> None:
    assert len(ANIMALS) >= 274


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", HERDS)
def test_image_zoo_of_good_files_is_right_to_the_pixel_in_every_command(
    name: str, keeper: Keeper, tmp_path: Path
) -> None:
    animals = HERDS[name]
    data = habitat(tmp_path / "data", animals)
    keys = [f"{index:03}/{animal.file.rpartition('.')[0]}" for index, animal in enumerate(animals)]

    assert keeper.run(CHECK, data)[0] == 0
    source = open_data(data)
    assert source.names("train") == tuple(sorted(map(composed, keys)))
    for animal, key in zip(animals, keys, strict=True):
        sample = source.sample("train", source.names("train").index(composed(key)))
        image, labels = held(animal)
        assert np.array_equal(sample.image, image), animal.name
        assert np.array_equal(sample.labels, labels), animal.name

    code, said, bundle = keeper.train(data, images=len(animals))
    assert code == 0, said
    model = load_model(bundle)
    out = tmp_path / "scores.json"
    words = ("--data", data, "--split", "train", "--out", out)
    assert keeper.run(EVALUATE, bundle, *words)[0] == 0
    scores = {one.name: one.mean_iou for one in EvaluationReport.load(out).image_scores}
    code, said = keeper.run(
        PREDICT, bundle, data / "images" / "train", "--out", tmp_path / "predictions"
    )
    assert code == 0, said
    for animal, key in zip(animals, keys, strict=True):
        image, labels = held(animal)
        found = model.label_map(image)
        matrix = ConfusionMatrix(3)
        matrix.update(found, labels, ignore=255)
        assert scores[composed(key)] == matrix.mean_iou(), animal.name
        written = tmp_path / "predictions" / f"{key}_labels.png"
        assert np.array_equal(np.asarray(Image.open(written)), found), animal.name


PENS = 4


@pytest.mark.parametrize("name", ["png cut at 50%", "mask: an id that is no class"])
def test_image_zoo_s_broken_files_end_an_export_in_a_sentence_too(
    name: str, keeper: Keeper, tmp_path: Path
) -> None:
    (animal,) = [animal for animal in BAD if animal.name == name]
    data = habitat(tmp_path / "data", [animal])
    words = ("--data", data, "--split", "train", "--out", tmp_path / "a.onnx")

    code, said = keeper.run("export", trained(keeper, tmp_path), *words)

    assert not fault_of(animal, "export", code, said)


def trained(keeper: Keeper, folder: Path) -> Path:
    """A bundle, whichever was trained first."""
    bundle = keeper.folder / "runs" / "1" / "training" / "student" / "last"
    if not bundle.exists():
        plain = Animal("plain", "a.png", content(png(scene())), scene())
        code, said, bundle = keeper.train(habitat(folder / "plain", [plain]))
        assert code == 0, said
    return bundle


def refusals(
    animal: Animal, verbs: Sequence[str], keeper: Keeper, bundle: Path, folder: Path
) -> Iterator[str]:
    """Give a broken file to some commands: what is wrong with the way in which each refused it."""
    data = habitat(folder, [animal])
    for verb in verbs:
        if verb == CHECK:
            code, said = keeper.run(verb, data)
        elif verb == TRAIN:
            code, said, _ = keeper.train(data)
        elif verb == EVALUATE:
            words = ("--data", data, "--split", "train", "--out", folder / "out.json")
            code, said = keeper.run(verb, bundle, *words)
        else:
            file = data / "images" / "train" / "000" / animal.file
            code, said = keeper.run(verb, bundle, file, "--out", folder / "out")
        if fault := fault_of(animal, verb, code, said):
            yield f"{animal.name}: {verb} {code}: {fault}: {said[-600:]}"


def takers(animal: Animal) -> list[str]:
    """The commands that can be given a file: a mask is nothing for predict."""
    return [CHECK, TRAIN, EVALUATE, *([PREDICT] if animal.role == "image" else [])]


def test_image_zoo_of_every_second_broken_file_is_refused_in_a_sentence_by_one_command(
    keeper: Keeper, tmp_path: Path
) -> None:
    """The commands take turns, so that each meets every kind of file."""
    bundle = trained(keeper, tmp_path)
    wrong: list[str] = []
    for index, animal in enumerate([one for one in BAD if one.name not in HOSTILE][::2]):
        verbs = takers(animal)
        # Formats are cut at eight places, masks at two: turns that end together would not mix.
        verb = verbs[(index + index // len(verbs)) % len(verbs)]
        wrong += refusals(animal, [verb], keeper, bundle, tmp_path / str(index))
    assert not wrong, "\n".join(wrong)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("pen", range(PENS))
def test_image_zoo_of_broken_files_is_refused_in_a_sentence_by_every_command(
    pen: int, keeper: Keeper, tmp_path: Path
) -> None:
    bundle = trained(keeper, tmp_path)
    wrong: list[str] = []
    for index, animal in enumerate(BAD[pen::PENS]):
        wrong += refusals(animal, takers(animal), keeper, bundle, tmp_path / str(index))
    assert not wrong, "\n".join(wrong)


def fault_of(animal: Animal, verb: str, code: int, said: str) -> str:
    """What is wrong with the way in which a command refused an animal; nothing if it is right."""
    if code != animal.codes.get(verb, 3):
        return f"the code is not {animal.codes.get(verb, 3)}"
    events = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    errors = [event for event in events if event.get("event") == "error"]
    if verb == PREDICT and not errors:
        return ""  # images that cannot be read are told with the others' results
    if len(errors) != 1 or errors[0]["exit_code"] != code:
        return "there is not one error with that code"
    (error,) = errors
    if not all(error[part] for part in ("what", "where", "next")):
        return "a part is missing"
    if "\n" in error["what"] or len(str(error)) > MOST_LETTERS:
        return "that is no sentence"
    return ""


def test_image_zoo_says_how_many_it_has_and_what_each_command_took(
    keeper: Keeper, capsys: pytest.CaptureFixture[str], pytestconfig: pytest.Config
) -> None:
    masks = sum(animal.role == "mask" for animal in ANIMALS)
    lines = [f"{len(ANIMALS)} odd files ({masks} masks): {len(GOOD)} read, {len(BAD)} refused"]
    for verb, seconds in keeper.seconds.items():
        ended = {key: count for key, count in keeper.ended.items() if key.startswith(verb)}
        lines.append(f"  {verb}: {seconds:.1f} s of processor, {ended}")
    assert all(f"{verb} 1" not in keeper.ended for verb in keeper.seconds)
    if pytestconfig.getoption("capture") == "no":
        with capsys.disabled():
            print("\n" + "\n".join(lines))
