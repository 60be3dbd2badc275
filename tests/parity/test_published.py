"""The published networks: decoded, counted, priced, with the authors' own outputs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from official_files import DATA, TABLE, arch_file, expected, images, write_weights
from published import PUBLISHED_STUDENT, PUBLISHED_TEACHER

from fasterseg import load_model, load_network
from fasterseg.cli import main
from fasterseg.commands.import_official import import_official
from fasterseg.errors import FileError, UsageError
from fasterseg.latency.table import LatencyTable
from fasterseg.network.foreign_files import read_numbers, read_tensors
from fasterseg.network.official import decode, read_logits
from fasterseg.network.official_table import CLASSES, SIZE, misread, official_table
from fasterseg.network.official_weights import convert_weights
from fasterseg.space.architecture import Architecture, Geometry, wire

PUBLISHED = {"student": PUBLISHED_STUDENT, "teacher": PUBLISHED_TEACHER}


@pytest.fixture(scope="module", params=["student", "teacher"])
def imported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a bundle that the command line made of files in the authors' format."""
    folder = tmp_path_factory.mktemp("official")
    role = request.param
    words = ["--arch", str(arch_file(role)), "--weights", str(write_weights(role, folder))]
    assert main(["import-official", *words, "--out", str(folder / role)]) == 0
    return folder / role


@pytest.mark.parametrize("role", ["student", "teacher"])
def test_their_logits_decode_to_the_published_architecture(role: str) -> None:
    logits = read_logits(read_tensors(arch_file(role)), where=role)
    assert logits.role == role
    assert decode(logits) == PUBLISHED[role]
    assert decode(logits) == PUBLISHED[role], "decoding changes nothing outside"


def test_their_networks_put_out_what_ours_do(imported: Path) -> None:
    network = load_network(imported, auxiliary=True)
    with torch.no_grad():
        outputs = network(images())
    assert [tuple(output.shape) for output in outputs] == [(1, 19, 128, 256)] * 3
    known = expected(imported.name)
    for name, output in zip(("logits8", "logits16", "logits32"), outputs, strict=True):
        wanted = known[name]
        difference = np.abs(output[:, :, ::16, ::16].numpy() - wanted).max()
        assert difference / np.abs(wanted).max() <= 1e-4, name
    main_logits = outputs[0][0].flatten(1).numpy()
    np.testing.assert_allclose(main_logits.mean(axis=1), known["mean"].ravel(), atol=1e-4)
    np.testing.assert_allclose(main_logits.std(axis=1), known["std"].ravel(), rtol=1e-3)


def test_an_imported_bundle_is_a_model_like_any_other(imported: Path, tmp_path: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (96, 160, 3), dtype=np.uint8)
    assert load_model(imported)(picture).labels.shape == (96, 160)
    assert main(["draw", str(imported)]) == 0
    assert main(["describe", str(imported)]) == 0
    assert main(["report", str(imported)]) == 0
    page = (imported / "report.html").read_text()
    assert f"published {imported.name}" in page
    assert "27.770 G" in page or "107.779 G" in page
    assert "http" not in page.replace("http://www.w3.org", "")
    assert Architecture.load(imported / "architecture.json") == PUBLISHED[imported.name]


@pytest.mark.parametrize(
    ("role", "gmacs", "as_counted", "with_heads", "without", "unused"),
    [
        ("student", 27.770, 28.03, 4_385_689, 3_454_643, 32_768),
        ("teacher", 107.779, 108.23, 23_524_137, 22_188_931, 73_728),
    ],
)
def test_costs_are_the_published_ones_to_the_digit(
    tmp_path: Path,
    role: str,
    gmacs: float,
    as_counted: float,
    with_heads: int,
    without: int,
    unused: int,
) -> None:
    (found,) = import_official(arch=(arch_file(role),), out=tmp_path / "out").networks
    assert found.facts.total.macs / 1e9 == pytest.approx(gmacs, rel=1e-3)
    assert found.facts.total.macs_with_normalisation / 1e9 == pytest.approx(as_counted, abs=5e-3)
    assert found.parameters_with_heads_as_counted == with_heads
    assert found.parameters_as_counted == without
    assert found.unused_parameters == unused
    assert found.bundle == ""
    shapes = json.loads((DATA / f"{role}_shapes.json").read_text())
    idle = [s for n, s in shapes.items() if "channel_attention" in n and n.endswith("conv.weight")]
    assert sum(int(np.prod(shape)) for shape in idle) == unused


def test_one_command_prices_both_by_the_right_and_by_the_wrong_key(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--arch", str(arch_file("student")), "--arch", str(arch_file("teacher"))]
    out = tmp_path / "out"
    assert main(["import-official", *words, "--table", str(TABLE), "--out", str(out)]) == 0
    said = capsys.readouterr().out
    for price in ("5.70 ms", "6.41 ms", "17.94 ms", "25.23 ms"):
        assert price in said
    table, wrong = (
        LatencyTable.load(out / "table.json"),
        LatencyTable.load(out / "table-misread.json"),
    )
    for published, right_ms, wrong_ms in (
        (PUBLISHED_STUDENT, 5.7018, 6.4140),
        (PUBLISHED_TEACHER, 17.943, 25.226),
    ):
        blocks = wire(published, Geometry(SIZE, CLASSES)).timed_specs()
        assert table.estimate_ms(blocks) == pytest.approx(right_ms, abs=1e-3)
        assert wrong.estimate_ms(blocks) == pytest.approx(wrong_ms, abs=1e-3)


def test_the_misread_price_is_the_one_that_their_file_holds() -> None:
    stored = read_tensors(arch_file("student"))["latency12"]
    table = misread(official_table(read_numbers(TABLE), where="table"))
    blocks = wire(PUBLISHED_STUDENT, Geometry(SIZE, CLASSES)).timed_specs()
    assert table.estimate_ms(blocks) == pytest.approx(float(stored), rel=1e-9)


def test_a_role_that_a_file_does_not_hold_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no teacher"):
        import_official(arch=(arch_file("student"),), role="teacher", out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_weights_of_the_other_role_are_refused_and_nothing_is_written(tmp_path: Path) -> None:
    weights = write_weights("teacher", tmp_path)
    with pytest.raises(FileError, match="another network"):
        import_official(arch=(arch_file("student"),), weights=(weights,), out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_of_two_copies_of_a_shared_cell_the_second_counts(tmp_path: Path) -> None:
    content = dict(read_tensors(write_weights("student", tmp_path)))
    converted = convert_weights(PUBLISHED_STUDENT, content, where="weights")
    assert converted.differing
    first = wire(PUBLISHED_STUDENT, Geometry(SIZE, CLASSES)).cells[0][0].replace(".", "_")
    kept = converted.tensors[f"blocks.{first}.block.conv1.weight"]
    assert torch.equal(kept, content["cells.0-1._op._op.conv1.weight"])  # type: ignore[arg-type]
    for name in list(content):
        if name.startswith("cells.") and name.split(".")[1].endswith("-1"):
            twin = name.replace("-1.", "-0.", 1)
            if twin in content and name in converted.differing:
                content[name] = content[twin]
    assert convert_weights(PUBLISHED_STUDENT, content, where="weights").differing == ()


def test_what_is_there_is_replaced_only_when_asked_and_only_if_it_is_ours(tmp_path: Path) -> None:
    out = tmp_path / "out"
    import_official(arch=(arch_file("student"),), out=out)
    with pytest.raises(UsageError, match="already"):
        import_official(arch=(arch_file("teacher"),), out=out)
    import_official(arch=(arch_file("teacher"),), out=out, overwrite=True)
    assert Architecture.load(out / "architecture.json") == PUBLISHED_TEACHER
    (out / "thesis.txt").write_text("the only copy")
    with pytest.raises(UsageError, match="other things"):
        import_official(arch=(arch_file("student"),), out=out, overwrite=True)
    assert (out / "thesis.txt").read_text() == "the only copy"
