"""A batch's loss in parts on a GPU is that of one pass on the processor."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fasterseg.learning.batch_loss import BatchLoss, Criterion
from fasterseg.learning.losses import OhemSettings
from fasterseg.learning.order_statistics import kth_largest
from fasterseg.learning.ranks import Ranks

WEIGHTS = (1.0, 2.0, 3.0, 4.0)


class OneOfSeveral(Ranks):
    """A rank that is asked as if there were others, which hold nothing."""

    @property
    def alone(self) -> bool:
        return False

    def all_reduce_(self, tensors: object) -> None:
        """Others add nothing."""


@pytest.mark.parametrize("parts", [1, 3])
@pytest.mark.parametrize("fraction", [1.0, 0.9, 0.01])
def test_losses_and_gradients_are_those_of_one_pass_on_the_cpu(
    parts: int, fraction: float, device: torch.device
) -> None:
    # In double precision, in which a GPU rounds no product to ten bits.
    images = torch.randn(4, 3, 16, 12, dtype=torch.float64)
    labels = torch.randint(4, (4, 16, 12))
    labels[:, :3] = 255
    criterion = Criterion(255, OhemSettings(0.3, fraction, WEIGHTS), 0.4, 0.5)
    layers = nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 4, 1)
    network = nn.Sequential(*layers).double().eval()
    found = []
    for where, cut in ((torch.device("cpu"), 1), (device, parts)):
        network.to(where).zero_grad()

        def heads(given: Tensor) -> tuple[Tensor, dict[int, Tensor]]:
            logits: Any = network(given)
            return logits, {16: F.avg_pool2d(logits, 2)}

        loss = BatchLoss(
            images.to(where), labels.to(where), criterion=criterion, parts=cut,
            ranks=OneOfSeveral(),
        )  # fmt: skip
        total = torch.zeros(2, dtype=torch.float64)
        for losses in loss.by_parts(
            heads, network=network, teacher=lambda given: heads(given.flip(-1))[0]
        ):
            torch.stack([*losses.values()]).sum().backward()
            total += torch.stack([*losses.values()]).detach().cpu()
        gradients = [p.grad.cpu() for p in network.parameters() if p.grad is not None]
        found.append([total, loss.value(heads).cpu(), *gradients])
    for here, there in zip(*found, strict=True):
        torch.testing.assert_close(there, here, rtol=1e-9, atol=1e-11)


def test_the_kth_largest_is_found_on_a_gpu(device: torch.device) -> None:
    row = torch.randn(5000, device=device)
    for k in (1, 77, 5000):
        (found,) = kth_largest([row], k, ranks=OneOfSeveral())
        assert found.device == row.device
        assert found == row.sort(descending=True).values[k - 1]
