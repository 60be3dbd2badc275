"""Equal modules are exported once: PyTorch's exporter takes a second for the smallest network."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pytest
from torch import Tensor, nn

from fasterseg.deploy.exporting import export

if TYPE_CHECKING:
    from onnx import ModelProto


@contextmanager
def exports_kept() -> Iterator[None]:
    """`export_network` inside of this takes what it has exported before."""
    original, known = export.export_module, dict[str, bytes]()

    def kept(module: nn.Module, example: tuple[Tensor, ...], **how: Any) -> ModelProto:
        export.require_onnx()
        import onnx

        key = _identity(module, [tuple(x.shape) for x in example], how)
        if key not in known:
            known[key] = bytes(original(module, example, **how).SerializeToString())
        return onnx.ModelProto.FromString(known[key])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export, "export_module", kept)
        yield


def _identity(module: nn.Module, *rest: object) -> str:
    """All that an export depends on: classes, settings, numbers, and how it is exported."""
    digest = sha256(repr(rest).encode())
    for name, part in module.named_modules():
        settings = {k: v for k, v in vars(part).items() if not k.startswith("_")}
        digest.update(f"{name} {type(part)} {settings}".encode())
    for name, tensor in module.state_dict().items():
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
