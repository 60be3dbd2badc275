"""What is packed into a kit: a space with what calibrates it, or networks that are finished."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from fasterseg.artifacts import canonical_json, digest_of_value
from fasterseg.config import ProfileSettings, TargetSettings, runtime_named
from fasterseg.deploy.benchmark.measuring import CANARY, PROMISE, WindowSettings, groups_of
from fasterseg.deploy.exporting.borders import border_shares
from fasterseg.deploy.runtimes.onnx.cpu import OnnxRuntimeBackend
from fasterseg.deploy.runtimes.sessions import Image
from fasterseg.errors import UsageError
from fasterseg.events import Progress, silent
from fasterseg.foreign.opened_files import bytes_of
from fasterseg.kit.graphs import (
    block_graph,
    border_graph,
    file_graph,
    floor_graph,
    network_graph,
)
from fasterseg.kit.guessing import guessed_table
from fasterseg.kit.labels import packed_labels
from fasterseg.kit.manifest import MOST_FILE_BYTES, PackedImage, PackedPromise, PackedTimer
from fasterseg.kit.writing import KitFolder, PackedKit, finished, growing
from fasterseg.latency.enumeration import specs_of
from fasterseg.latency.networks import sample_networks
from fasterseg.latency.profiling import block_settings, network_settings
from fasterseg.latency.table import Target
from fasterseg.space.blocks import BlockSpec
from fasterseg.space.options import Options

ARCHITECTURES, EXPECTED = "architectures.json", "expected.json"
"""What only the machine reads that packed the kit."""
CANARY_KEY, FLOOR_KEY, REFERENCE_KEY = "canary", "floor", "reference"
GROUP_BLOCKS, GROUP_NETWORKS = 12, 10
"""So many are timed in turn, so that a kill loses little, and small devices have the memory."""
GROUP_BYTES = 1 << 28
MOST_LABELS = 256
"""Labels come back as bytes."""


def require_packable(target: Target | TargetSettings) -> None:
    """Raise `UsageError` for a target that no kit can be packed for."""
    runtime = runtime_named(target.backend)
    if not runtime.in_kits:
        raise _refused(
            f"no kit runs on {target.backend}",
            "a device needs Python, NumPy and one runtime for it, or a browser; what runs on "
            f"{target.backend} needs this package too",
            "--set target.backend=onnxruntime, or openvino, or tensorrt",
        )
    if target.precision == "int8" and runtime.ships_as != "onnx":
        raise _refused(
            f"no kit in int8 runs on {target.backend}",
            "its int8 files are of its own format, and of ONNX graphs in int8 it does not compile "
            "all: it loses where a map is cut",
            "--set target.backend=onnxruntime, or --set target.precision=float32",
        )
    if target.tail != "graph":
        needs = "Numba and this package" if target.tail == "fast" else "this package"
        raise _refused(
            f"a kit cannot time the tail {target.tail!r}",
            f"that tail needs {needs} on the device",
            "--set target.tail=graph, which makes the labels in the graph",
        )
    if not target.transfer:
        raise _refused(
            "a kit times the copies to and from the device",
            "target.transfer false leaves them out",
            "--set target.transfer=true",
        )


def _refused(what: str, why: str, next_step: str) -> UsageError:
    return UsageError(what, where="the recipe's target", why=why, next_step=next_step)


def space_digest(specs: Sequence[BlockSpec]) -> str:
    """What names a space at a geometry: the digest of its blocks' keys."""
    return digest_of_value(sorted(spec.key for spec in specs))


def border_key(key: str, group: int) -> str:
    """What a bare border is called in a group of blocks: it is timed in turn with these."""
    return f"{key} in group {group}"


def pack_space(
    options: Sequence[Options],
    target: Target,
    settings: ProfileSettings,
    *,
    seed: int,
    name: str,
    into: Path,
    progress: Progress = silent,
) -> PackedKit:
    """The kit of a search space: its blocks with their borders, and networks that calibrate them.

    Raises `UsageError` for a target that no kit is for.
    """
    require_packable(target)
    specs = specs_of(options, target.geometry)
    networks = sample_networks(
        options,
        guessed_table(specs, target),
        count=settings.calibration_networks,
        tolerance=settings.latency_tolerance,
        seed=seed,
    )
    total = len(specs) + len(networks)
    with growing(into) as kit:
        _begin(kit, target)
        groups: list[list[str]] = []
        packed = 0
        for group in groups_of(specs, most=GROUP_BLOCKS, most_bytes=GROUP_BYTES):
            groups.append(_add_group(kit, group, len(groups), target))
            packed += len(group)
            progress(packed, total, "")
        for done, network in enumerate(networks, len(specs) + 1):
            kit.add(network.key, "network", partial(network_graph, network.architecture, target))
            progress(done, total, "")
        architectures = {network.key: network.architecture.content() for network in networks}
        kit.write(ARCHITECTURES, canonical_json(architectures))
        keys = [network.key for network in networks]
        return finished(
            kit,
            into,
            **_how(settings, target, name),
            purpose="space",
            space=space_digest(specs),
            groups=groups,
            network_groups=[
                keys[n : n + GROUP_NETWORKS] for n in range(0, len(keys), GROUP_NETWORKS)
            ],
            promised=[],
        )


def pack_networks(
    networks: Mapping[str, bytes | Path],
    target: Target,
    *,
    images: Sequence[Image] = (),
    reference: tuple[bytes, int] | None = None,
    windows: WindowSettings = PROMISE,
    name: str,
    into: Path,
    progress: Progress = silent,
) -> PackedKit:
    """The kit of whole networks, ONNX models or their files, measured as a promise is by default.

    They are measured by turns with a reference, whose pace in nanoseconds is known, or else with
    the canary.  With images their labels come back.  Raises `UsageError` for a target that no kit
    is for.
    """
    require_packable(target)
    _require_labels(images, target)
    with growing(into) as kit:
        _begin(kit, target)
        for done, (key, model) in enumerate(networks.items(), 1):
            data = (
                model if isinstance(model, bytes) else bytes_of(model, most_bytes=MOST_FILE_BYTES)
            )
            kit.add(key, "file" if images else "network", partial(file_graph, data, target))
            progress(done, len(networks), key)
        if reference is not None:
            kit.add(REFERENCE_KEY, "network", partial(file_graph, reference[0], target))
        for number, image in enumerate(images):
            _add_image(kit, f"images/{number}.bin", image)
        if images:
            kit.write(EXPECTED, canonical_json(_labels_here(kit, images, target)))
        return finished(
            kit,
            into,
            **_how(ProfileSettings(), target, name, windows),
            purpose="networks",
            space="",
            groups=[],
            network_groups=[],
            promised=[*networks],
            reference=None if reference is None else REFERENCE_KEY,
            reference_ns=None if reference is None else reference[1],
        )


def _begin(kit: KitFolder, target: Target) -> None:
    kit.add(CANARY_KEY, "canary", partial(block_graph, CANARY, target))
    kit.add(FLOOR_KEY, "floor", partial(floor_graph, target))


def _how(
    settings: ProfileSettings, target: Target, name: str, windows: WindowSettings = PROMISE
) -> dict[str, Any]:
    """How a kit is timed: as on this machine."""
    return {
        "name": name,
        "target": target,
        "blocks_timer": PackedTimer.of(block_settings(settings)),
        "networks_timer": PackedTimer.of(network_settings(settings)),
        "promise": PackedPromise.of(windows),
        "canary": CANARY_KEY,
        "floor": FLOOR_KEY,
    }


def _add_group(kit: KitFolder, specs: Sequence[BlockSpec], group: int, target: Target) -> list[str]:
    """Blocks and the bare borders that are timed in turn with them: their keys in this group."""
    borders = dict.fromkeys(border for spec in specs for border in border_shares(spec))
    for border in borders:
        kit.add(
            border_key(border.key, group),
            "border",
            partial(border_graph, border, target),
            same=border.key,
        )
    for spec in specs:
        kit.add(spec.key, "block", partial(block_graph, spec, target))
    return [*(border_key(border.key, group) for border in borders), *(spec.key for spec in specs)]


def _add_image(kit: KitFolder, file: str, image: Image) -> None:
    height, width, _ = image.shape
    kit.write(file, image.tobytes())
    kit.images.append(PackedImage(file=file, height=height, width=width))


def _labels_here(kit: KitFolder, images: Sequence[Image], target: Target) -> dict[str, list[str]]:
    """Each file's labels by ONNX Runtime on this machine, packed as a runner packs them."""
    backend, found = OnnxRuntimeBackend(threads=target.threads), {}
    for item in kit.items.values():
        if item.role == "file":
            graph = backend.open_graph(kit.read(item.file))
            found[item.key] = [packed_labels(graph.run(image[None])[0]) for image in images]
    return found


def _require_labels(images: Sequence[Image], target: Target) -> None:
    if images and target.classes > MOST_LABELS:
        raise _refused(
            f"labels of {target.classes} classes do not come back from a kit",
            f"each is one byte, for {MOST_LABELS} classes at most",
            "measure without images",
        )
