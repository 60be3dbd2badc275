"""A bundle comes back as it was saved, or not at all (C-46)."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from fasterseg.artifacts import digest_of_file, digest_of_value
from fasterseg.datasets.labels import LabelSpace
from fasterseg.errors import Diverged, FileError, UsageError
from fasterseg.network.bundle import (
    CARD,
    DESCRIPTION,
    MANIFEST,
    WEIGHTS,
    ModelBundle,
    bundle_digest,
    weights_digest,
)
from fasterseg.network.card import Card, Score, TrainingFacts
from fasterseg.network.description import NetworkDescription
from fasterseg.space.architecture import Architecture, Branch, CellChoice
from fasterseg.stage_folders import BundleFolder

CLASSES = 3


def description(expansion: int = 1) -> NetworkDescription:
    cells = (CellChoice(kind="conv", expansion=expansion),)
    branch = Branch(stride=8, cells=cells)
    coarse = Branch(stride=16, cells=(CellChoice(kind="skip", down=True, expansion=expansion),))
    architecture = Architecture(widths={"stem": 1, "head": expansion}, branches=(coarse, branch))
    return NetworkDescription(classes=CLASSES, architecture=architecture)


def test_a_description_holds_its_architecture_in_the_oldest_form_that_can_say_it() -> None:
    """Bundles written before the present form name their description by this content."""
    plain = description()
    old = plain.content()["architecture"]
    assert old["stem_expansion"] == old["head_expansion"] == 1
    assert old["branches"][0]["cells"] == [{"operator": "skip", "down": True, "expansion": 1}]
    assert NetworkDescription.model_validate(plain.content()) == plain
    assert plain.architecture is not None
    assert plain.architecture.digest() == digest_of_value(old)
    widths = {"stem": "5 channels", "head": 1}
    odd = Architecture(widths=widths, branches=plain.architecture.branches)
    newer = NetworkDescription(classes=CLASSES, architecture=odd)
    assert newer.content()["architecture"]["widths"] == widths
    assert NetworkDescription.model_validate(newer.content()) == newer


def card() -> Card:
    facts = TrainingFacts(
        data="street",
        data_digest="sha256:0",
        split="train",
        images=4,
        terms="free",
        resolution="32x32",
        steps=2,
        batch_size=1,
        seed=0,
        precision="float32",
    )
    score = Score(
        mean_iou=0.5,
        pixel_accuracy=0.75,
        classes_in_mean=3,
        data="street",
        data_digest="sha256:0",
        split="val",
        images=2,
        resolution="32x64",
        step=2,
        decided=True,
    )
    return Card(
        name="student",
        which="best",
        label_space=LabelSpace.from_names(("a", "b", "c")),
        mean=(0.5, 0.4, 0.3),
        std=(0.25, 0.25, 0.2),
        training=facts,
        scores=(score,),
    )


def bundle(seed: int = 0) -> ModelBundle:
    network = description().build_seeded(seed)
    return ModelBundle(description(), network.state_dict(), card())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return bundle().save(tmp_path / "best")


def resign(folder: Path) -> None:
    """Make the manifest agree with whatever the files hold now."""
    files = {name: digest_of_file(folder / name) for name in (DESCRIPTION, WEIGHTS, CARD)}
    manifest = {"schema": "fasterseg/bundle/1", "files": files, "digest": digest_of_value(files)}
    (folder / MANIFEST).write_text(json.dumps(manifest))


def test_a_bundle_comes_back_as_it_was_saved(folder: Path) -> None:
    loaded = ModelBundle.load(folder)
    assert loaded.description == description()
    assert loaded.card == card()
    wanted = bundle().tensors
    assert loaded.tensors.keys() == wanted.keys()
    assert all(torch.equal(loaded.tensors[name], wanted[name]) for name in wanted)
    images = torch.randn(1, 3, 32, 48)
    with torch.no_grad():
        expected = description().build_seeded(0).eval()(images)
        assert torch.equal(loaded.network()(images), expected)


def renamed(network: nn.Module, **names: str) -> dict[str, torch.Tensor]:
    state = dict(network.state_dict())
    for new, old in names.items():
        state = {name.replace(f"_{new}_", f"_{old}_"): tensor for name, tensor in state.items()}
    return state


def test_weights_of_joins_are_read_by_their_earlier_name_too(tmp_path: Path) -> None:
    plain = description()
    network = plain.build_seeded(0)
    old = ModelBundle(plain, renamed(network, join="refine"), card()).save(tmp_path / "old")
    assert any("refine" in name for name in load_file(old / WEIGHTS))
    again = ModelBundle.load(old)
    assert again.tensors.keys() == network.state_dict().keys()
    again.network()


def test_what_refines_keeps_its_name_beside_a_join_without_weights(tmp_path: Path) -> None:
    architecture = description().architecture
    assert architecture is not None
    kinds = {"fusion.16.join.8": "pass", "fusion.16.refine.8": "conv"}
    other = Architecture.model_validate({**architecture.content(), "kinds": kinds})
    known = NetworkDescription(classes=CLASSES, architecture=other)
    state = known.build_seeded(0).state_dict()
    assert not any("join" in name for name in state)
    again = ModelBundle.load(ModelBundle(known, state, card()).save(tmp_path / "new"))
    assert again.tensors.keys() == state.keys()


def test_a_loaded_network_is_in_evaluation_mode(folder: Path) -> None:
    assert not any(module.training for module in ModelBundle.load(folder).network().modules())


@pytest.mark.parametrize("name", [DESCRIPTION, WEIGHTS, CARD, MANIFEST])
def test_a_flipped_bit_anywhere_is_noticed(folder: Path, name: str) -> None:
    dice = random.Random(name)
    original = (folder / name).read_bytes()
    for _ in range(25):
        data = bytearray(original)
        data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
        (folder / name).write_bytes(data)
        with pytest.raises(FileError):
            ModelBundle.load(folder)


@pytest.mark.parametrize("name", [DESCRIPTION, WEIGHTS, CARD, MANIFEST])
def test_a_missing_or_truncated_file_is_noticed(folder: Path, name: str) -> None:
    data = (folder / name).read_bytes()
    (folder / name).write_bytes(data[:-1])
    if name != MANIFEST:  # its last byte is a line's end
        with pytest.raises(FileError):
            ModelBundle.load(folder)
    (folder / name).unlink()
    with pytest.raises(FileError):
        ModelBundle.load(folder)


@pytest.mark.parametrize("name", [MANIFEST, DESCRIPTION, WEIGHTS, CARD])
def test_a_file_that_is_a_link_to_elsewhere_is_not_read(
    folder: Path, tmp_path: Path, name: str
) -> None:
    (folder / name).rename(tmp_path / "elsewhere")
    (folder / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileError, match="its own files only"):
        ModelBundle.load(folder)


def test_saving_writes_and_removes_nothing_behind_links_of_its_temporary_names(
    folder: Path, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / CARD).touch()
    for name in (f".{folder.name}.tmp", f".{folder.name}.old"):
        (folder.parent / name).symlink_to(elsewhere)
    ModelBundle.load(folder).save(folder, replace=True)
    assert [*elsewhere.iterdir()] == [elsewhere / CARD]
    assert not any(path.is_symlink() for path in folder.parent.iterdir())


def test_weights_of_another_architecture_are_refused_even_with_true_digests(
    folder: Path, tmp_path: Path
) -> None:
    other = description(expansion=2)
    network = other.build_seeded(0)
    donor = ModelBundle(other, network.state_dict(), card()).save(tmp_path / "other")
    (folder / WEIGHTS).write_bytes((donor / WEIGHTS).read_bytes())
    resign(folder)
    with pytest.raises(FileError, match="another network"):
        ModelBundle.load(folder)


def test_weights_without_the_description_inside_are_refused(folder: Path) -> None:
    save_file(load_file(folder / WEIGHTS), folder / WEIGHTS)
    resign(folder)
    with pytest.raises(FileError, match="another network"):
        ModelBundle.load(folder)


def test_a_missing_an_added_and_a_misshapen_tensor_are_refused() -> None:
    whole = dict(bundle().tensors)
    name = next(iter(whole))
    shorter = {key: tensor for key, tensor in whole.items() if key != name}
    for tensors, words in (
        (shorter, "is not in the weights"),
        ({**whole, "extra": torch.zeros(1)}, "extra is not in the network"),
        ({**whole, name: whole[name][:1]}, name),
        ({**whole, name: whole[name].double()}, "float64"),
    ):
        with pytest.raises(FileError, match="do not fit") as caught:
            ModelBundle(description(), tensors, card()).network()
        assert words in caught.value.why


def test_a_network_that_is_far_larger_than_its_weights_is_not_built(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wide = description(99_999)
    monkeypatch.setattr(NetworkDescription, "build_seeded", None)
    with pytest.raises(FileError, match=r"they are 3 numbers, and the network has [0-9,]{12}"):
        ModelBundle(wide, {"weight": torch.zeros(3)}, card()).network()


def test_a_card_of_other_classes_is_refused_even_with_true_digests(folder: Path) -> None:
    fewer = card().model_copy(update={"label_space": LabelSpace.from_names(("a", "b"))})
    fewer.save(folder / CARD)
    resign(folder)
    with pytest.raises(FileError, match="another network's"):
        ModelBundle.load(folder)


def test_what_is_there_is_not_overwritten_unless_asked(folder: Path) -> None:
    before = weights_digest(folder)
    with pytest.raises(UsageError):
        bundle(seed=1).save(folder)
    assert weights_digest(folder) == before
    bundle(seed=1).save(folder, replace=True)
    assert weights_digest(folder) != before
    assert [path.name for path in folder.parent.iterdir()] == ["best"]


def test_weights_that_are_not_finite_are_not_saved(folder: Path) -> None:
    before = bundle_digest(folder)
    tensors = {name: tensor.clone() for name, tensor in bundle().tensors.items()}
    next(iter(tensors.values())).view(-1)[0] = float("nan")
    with pytest.raises(Diverged, match="not finite"):
        ModelBundle(description(), tensors, card()).save(folder, replace=True)
    assert bundle_digest(folder) == before
    assert [path.name for path in folder.parent.iterdir()] == ["best"]


def test_weights_that_are_not_finite_are_not_read_either(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tensors = {name: tensor.clone() for name, tensor in bundle().tensors.items()}
    next(iter(tensors.values())).view(-1)[0] = float("inf")
    with monkeypatch.context() as patch:
        patch.setattr(torch, "isfinite", torch.ones_like)
        ModelBundle(description(), tensors, card()).save(folder, replace=True)
    with pytest.raises(FileError, match="not finite") as caught:
        ModelBundle.load(folder)
    assert next(iter(tensors)) in caught.value.why


def test_a_half_written_bundle_is_none(folder: Path, tmp_path: Path) -> None:
    left_over = tmp_path / ".best.tmp"
    left_over.mkdir()
    (left_over / WEIGHTS).write_bytes(b"half")
    assert not BundleFolder(left_over).is_there()
    bundle().save(folder, replace=True)
    assert not left_over.exists()


def test_a_baseline_is_built_by_whoever_knows_it() -> None:
    named = NetworkDescription(classes=2, baseline="plain")
    network = named.build(baselines={"plain": lambda classes: nn.Conv2d(3, classes, 1)})
    assert isinstance(network, nn.Conv2d)
    with pytest.raises(FileError, match="plain"):
        named.build()


def test_fresh_weights_are_a_function_of_the_seed_alone() -> None:
    torch.manual_seed(1)
    first = description().build_seeded(5).state_dict()
    after = torch.rand(1)
    torch.manual_seed(1)
    assert torch.equal(torch.rand(1), after), "the caller's randomness was used up"
    second = description().build_seeded(5).state_dict()
    other = description().build_seeded(6).state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)


def test_the_card_says_what_chose_the_weights_and_that_nothing_was_pre_trained() -> None:
    text = card().describe()
    assert "nothing pre-trained" in text
    assert "mIoU 50.00 % over 3 classes, 2 images at 32x64, which chose these weights" in text


def test_kernels_in_half_precision_come_back_as_float32_within_their_rounding(
    tmp_path: Path,
) -> None:
    whole = bundle()
    folder = whole.save(tmp_path / "small", storage="float16")
    loaded = ModelBundle.load(folder)
    stored = load_file(folder / WEIGHTS)
    for name, wanted in whole.tensors.items():
        found = loaded.tensors[name]
        assert found.dtype == wanted.dtype
        if wanted.dim() > 1:
            assert stored[name].dtype == torch.float16
            assert torch.allclose(found, wanted, rtol=2**-11, atol=2**-25)
        else:
            assert torch.equal(found, wanted), "what has a value a channel is not rounded"
    assert loaded.network()(torch.zeros(1, 3, 32, 32)).dtype == torch.float32
    kernels, halves = (
        sum(t.nbytes for t in tensors.values() if t.dim() > 1)
        for tensors in (whole.tensors, stored)
    )
    assert halves == kernels / 2
    assert (folder / CARD).read_bytes().count(b"float16") == 0


def test_statistics_that_float16_would_lose_are_kept(tmp_path: Path) -> None:
    tensors = {name: tensor.clone() for name, tensor in bundle().tensors.items()}
    name = next(name for name in tensors if name.endswith("running_var"))
    tensors[name][0], tensors[name][1] = 1e-9, 1e6
    small = ModelBundle(description(), tensors, card()).save(tmp_path / "s", storage="float16")
    assert torch.equal(ModelBundle.load(small).tensors[name], tensors[name])


def test_a_kernel_that_float16_cannot_hold_is_refused_and_nothing_is_written(
    tmp_path: Path,
) -> None:
    tensors = {name: tensor.clone() for name, tensor in bundle().tensors.items()}
    name = next(name for name, tensor in tensors.items() if tensor.dim() > 1)
    tensors[name].view(-1)[0] = 7e4
    large = ModelBundle(description(), tensors, card())
    with pytest.raises(UsageError, match="float16 cannot hold") as caught:
        large.save(tmp_path / "small", storage="float16")
    assert caught.value.where == name
    assert "70000" in caught.value.why
    assert list(tmp_path.iterdir()) == []
    large.save(tmp_path / "large")


def test_half_precision_without_the_mark_of_that_storage_is_refused(tmp_path: Path) -> None:
    folder = bundle().save(tmp_path / "small", storage="float16")
    tensors = load_file(folder / WEIGHTS)
    save_file(tensors, folder / WEIGHTS, metadata={"description": description().digest()})
    resign(folder)
    with pytest.raises(FileError, match="do not fit"):
        ModelBundle.load(folder).network()
