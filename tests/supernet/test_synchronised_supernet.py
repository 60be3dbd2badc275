"""A supernet on several ranks normalises by the images of all of them, however it is computed."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from ranked import in_ranks
from small_spaces import make_space, make_student
from torch import Tensor, nn

from fasterseg.layers.synchronised import synchronised
from fasterseg.learning.ranks import ALONE, Ranks
from fasterseg.space.kinds import OPERATORS
from fasterseg.space.lattice import Lattice
from fasterseg.space.options import Options
from fasterseg.supernet.folded import FoldedComputation
from fasterseg.supernet.parameters import ArchitectureParameters
from fasterseg.supernet.plain import PlainComputation
from fasterseg.supernet.sampling import one_of, resampled
from fasterseg.supernet.supernet import Supernet

SPACE = make_space(3, expansions=(2, 4), operators=OPERATORS)
WAYS = {"folded": FoldedComputation, "plain": PlainComputation}
Found = dict[str, Tensor]


def run_of(ranks: Ranks, way: str, soft: bool) -> Found:
    """Outputs, and gradients of weights and architecture parameters, over five images."""
    torch.set_default_dtype(torch.float64)
    try:
        return _run_of(ranks, way, soft)
    finally:
        torch.set_default_dtype(torch.float32)


def _run_of(ranks: Ranks, way: str, soft: bool) -> Found:
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(0)
    options = Options.of(SPACE, make_student(stem_expansion=None, head_expansion=None))
    supernet = Supernet(Lattice(SPACE), 3, contenders=[options])
    for parameter in supernet.parameters():
        if parameter.dim() == 1:
            nn.init.normal_(parameter, mean=0.5, std=0.5, generator=generator)
    parameters = ArchitectureParameters(options, generator)
    for parameter in parameters.parameters():
        nn.init.normal_(parameter, generator=generator)
    relaxation = parameters.sampled(1.0, generator)
    if not soft:
        relaxation = resampled(relaxation, {"kinds": partial(one_of, generator=generator)})
    images = torch.randn(5, 3, 64, 96, generator=generator)
    mine = images[[*ranks.share.within(5)]]
    main, auxiliary = synchronised(supernet, ranks)(mine, relaxation, WAYS[way]())
    outputs = {"main": main, **{str(stride): one for stride, one in auxiliary.items()}}
    torch.stack([(one.sigmoid() ** 2).sum() for one in outputs.values()]).sum().backward()
    learnt = {**dict(supernet.named_parameters()), **dict(parameters.named_parameters())}
    gradients = {name: p.grad for name, p in learnt.items() if p.grad is not None}
    ranks.all_reduce_([*gradients.values()])
    joined = {
        name: torch.cat(ranks.all_gather_ragged(one.detach())) for name, one in outputs.items()
    }
    return {**joined, **{f"{name}.gradient": one for name, one in gradients.items()}}


@pytest.mark.parametrize(
    ("count", "way", "soft"),
    [
        (2, "folded", True),
        (2, "plain", False),
        *(pytest.param(4, way, soft, marks=pytest.mark.slow) for way in WAYS for soft in (0, 1)),
    ],
)
def test_a_pass_over_ranks_is_one_process_s(count: int, way: str, soft: bool) -> None:
    whole = run_of(ALONE, way, soft)
    assert len(whole) > 30
    for found in in_ranks(count, run_of, way, soft):
        assert found.keys() == whole.keys()
        for name, tensor in whole.items():
            torch.testing.assert_close(found[name], tensor, rtol=1e-9, atol=1e-10, msg=name)


def exchanges(way: str) -> int:
    """How many exchanges a pass forwards takes."""

    class Counted(Ranks):
        asked = 0

        @property
        def alone(self) -> bool:
            return False

        def all_gather(self, tensor: Tensor) -> Tensor:
            Counted.asked += 1
            return tensor.unsqueeze(0)

        def all_gather_ragged(self, tensor: Tensor) -> tuple[Tensor, ...]:
            return (tensor,)

        def all_reduce_(self, tensors: object) -> None:
            """Of one rank."""

    run_of(Counted(), way, True)
    return Counted.asked


def test_stacked_tensors_take_one_exchange_for_all() -> None:
    assert exchanges("folded") < exchanges("plain")
