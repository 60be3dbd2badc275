"""A program is run here as PyTorch runs it, at each size and type, and is looked at before."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from altered_programs import CARD, Draft
from tiny_export import FORM, SIZE, origin
from torch import Tensor

import fasterseg
from fasterseg.baselines.catalogue import BASELINES
from fasterseg.config import OutputForm
from fasterseg.deploy.exporting.exported_card import ExportedCard, whole_job
from fasterseg.deploy.exporting.formats import ExportForm
from fasterseg.deploy.runtimes.opening import open_export
from fasterseg.deploy.runtimes.programs import torch_program
from fasterseg.deploy.runtimes.programs.operators import CHECKS, OPERATORS
from fasterseg.deploy.runtimes.sessions import Running
from fasterseg.errors import DataError
from fasterseg.space.blocks import Size

FIXED = replace(FORM, format="torch")
ANY = replace(FIXED, size=None)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Programs as they are exported."""
    folder = tmp_path_factory.mktemp("programs")
    return {
        "labels": written(FIXED, "labels", folder / "labels.pt2"),
        "any size": written(ANY, "low-resolution-logits", folder / "any.pt2"),
    }


def written(form: ExportForm, output: OutputForm, path: Path) -> Path:
    """The tiny network as a program."""
    card = origin().card_like(replace(form, output=output))
    torch_program.write(whole_job(origin().predictor.network, card), card, form, path)
    return path


def image(size: Size) -> Tensor:
    """Any image."""
    return torch.randint(0, 256, (1, *size, 3), generator=torch.Generator().manual_seed(0)).byte()


@pytest.mark.parametrize(
    ("name", "size"),
    [("labels", SIZE), ("any size", Size(45, 77)), ("any size", Size(1, 6))],
)
def test_it_gives_what_pytorch_s_own_reader_gives_to_the_bit(
    name: str, size: Size, files: dict[str, Path]
) -> None:
    program, _ = torch_program.read(files[name])
    theirs = torch.export.load(files[name]).module()
    with torch.inference_mode():
        assert torch.equal(program(image(size)), theirs(image(size)))


@pytest.mark.parametrize("name", BASELINES)
def test_the_operators_of_every_baseline_are_run_here(name: str) -> None:
    network, example = BASELINES[name](5).eval(), torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        program = torch.export.export(network, (example,))
    asked = {str(node.target) for node in program.graph.nodes if node.op == "call_function"}
    aten = {f"torch.ops.{target}" for target in asked if target.startswith("aten.")}
    assert "torch.ops.aten.conv2d.default" in aten
    assert aten <= {*OPERATORS, *CHECKS}


def test_it_can_be_compiled_as_a_whole(files: dict[str, Path]) -> None:
    program, _ = torch_program.read(files["labels"])
    compiled = torch.compile(program.program, backend="eager", fullgraph=True)
    with torch.inference_mode():
        assert torch.equal(compiled(image(SIZE)), program(image(SIZE)))


def test_it_can_compute_in_bfloat16(files: dict[str, Path]) -> None:
    images = image(SIZE)[0].numpy()
    found, expected = (
        open_export(files["labels"], Running(precision=precision))[0].run(images)  # type: ignore[arg-type]
        for precision in ("bfloat16", "float32")
    )
    assert 0.9 < (found == expected).mean() < 1.0


def test_an_image_of_another_size_or_type_is_refused(files: dict[str, Path]) -> None:
    program, _ = torch_program.read(files["labels"])
    for other in (image(Size(64, 64)), image(SIZE).float(), image(SIZE)[0], image(SIZE)[..., :2]):
        with pytest.raises(DataError, match="image"):
            program(other)


def test_a_file_of_the_time_before_seals_is_read(files: dict[str, Path], tmp_path: Path) -> None:
    draft = Draft(files["labels"].read_bytes(), tmp_path / "mark")
    draft.json[CARD]["schema"] = "fasterseg/exported/1"
    draft.seal = ""
    old = tmp_path / "old.pt2"
    old.write_bytes(draft.data())
    program, card = torch_program.read(old)
    assert not card.is_sealed
    with torch.inference_mode():
        assert torch.equal(
            program(image(SIZE)), torch_program.read(files["labels"])[0](image(SIZE))
        )


def test_what_is_written_needs_no_unpickling_and_names_no_file_of_this_machine(
    files: dict[str, Path], tmp_path: Path
) -> None:
    for path in files.values():
        draft = Draft(path.read_bytes(), tmp_path / "mark")
        assert draft.records["data/sample_inputs/model.pt"] == b""
        assert '"use_pickle": true' not in json.dumps(draft.json)
        assert "stack_trace" not in json.dumps(draft.document)
        assert str(Path(fasterseg.__file__).parent) not in json.dumps(draft.document)


def test_the_card_says_what_the_file_is(files: dict[str, Path]) -> None:
    _, card = torch_program.read(files["any size"])
    assert isinstance(card, ExportedCard)
    assert card.size is None and card.output == "low-resolution-logits"
