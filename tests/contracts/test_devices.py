"""Nothing mixes tensors of two devices: seen without a GPU, on a device that only pretends to be.

What the package computes in search, training, scoring and timing runs on it, backward passes too,
and comes out as on the CPU.  With ``-m gpu`` the same runs on a real one.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from made_up_search import search_job_in
from pretended_device import PRETENDED, pretended_device
from small_searches import CPU, SmallSearch, small_search
from small_spaces import make_space, make_teacher, open_student
from tiny_training import tiny_task

import fasterseg
from fasterseg.errors import FastersegError
from fasterseg.events import EventLog, silent
from fasterseg.learning.divergence import divergence
from fasterseg.learning.pixel_losses import Truth, cross_entropies
from fasterseg.learning.states import require_finite
from fasterseg.learning.stepping import StageState
from fasterseg.pipeline.stages.searching import subnet_scorers
from fasterseg.searching.beginnings.beginning import agreed_start, data_of, task_of
from fasterseg.searching.derivation import derive
from fasterseg.searching.search import Search
from fasterseg.searching.steps.contenders import all_parameters
from fasterseg.training.training import TrainingReport, train_network

pytestmark = pytest.mark.filterwarnings("ignore:.*copying from a non-meta parameter:UserWarning")


@pytest.fixture
def pretended() -> Iterator[torch.device]:
    """The pretended device, while it is there."""
    with pretended_device():
        yield PRETENDED


@pytest.fixture(params=["pretended", pytest.param("cuda", marks=pytest.mark.gpu)])
def device(request: pytest.FixtureRequest) -> torch.device:
    """The pretended device, and the GPU where there is one."""
    found: torch.device = request.getfixturevalue(request.param)
    return found


def alike(device: torch.device) -> dict[str, float]:
    """How near what is computed twice has to be: a GPU adds up in any order."""
    return {"rel": 0.02, "abs": 1e-3} if device.type == "cuda" else {"rel": 0.0, "abs": 0.0}


MIXTURES: dict[str, Any] = {
    "an array's worth of both": lambda here, there: there + here,
    "scalars of both, stacked": lambda here, there: torch.stack([there.sum(), here.sum()]),
    "the CPU's, updated by the device's": lambda here, there: here.add_(there.sum()),
    "the CPU's, indexed by the device's": lambda here, there: here[there.argmax().reshape(1)],
    "the device's, as an array": lambda here, there: there.numpy(),
    "the device's by the CPU's generator": lambda here, there: there.normal_(
        generator=torch.Generator()
    ),
}


@pytest.mark.parametrize("mixture", MIXTURES)
def test_the_pretended_device_refuses_what_a_gpu_refuses(
    mixture: str, pretended: torch.device
) -> None:
    here, there = torch.ones(3), torch.ones(3).to(pretended)
    with pytest.raises((RuntimeError, TypeError)):
        MIXTURES[mixture](here, there)


def test_the_pretended_device_takes_what_a_gpu_takes(pretended: torch.device) -> None:
    here, there = torch.ones(3, requires_grad=True), torch.arange(3.0).to(pretended)
    loss = (there * here.sum()).sum() + torch.tensor(1.0) + there[torch.tensor([2])].sum()
    loss.backward()
    assert here.grad is not None
    assert (loss.device, here.grad.device) == (pretended, CPU)
    assert here.grad.tolist() == [3.0, 3.0, 3.0]
    assert loss.item() == 12.0
    assert there.cpu().numpy().tolist() == [0.0, 1.0, 2.0]


SEARCHES: dict[str, dict[str, Any]] = {
    "exact": {"mode": "exact"},
    "sampled": {"mode": "sampled"},
    "sampled, one of each": {
        "sampling": {
            "weight_operators": "one",
            "weight_updates": "together",
            "architecture_operators": "one",
            "architecture_parents": "one",
            "architecture_widths": "one",
        },
        "penalty": {"decoupled": False},
    },
}
SPACE = make_space(2, operators=("skip", "conv"), branches=(16, 8))
CONTENDERS = (make_teacher(operators=("conv",)), open_student(operators=("skip", "conv")))


def search_on(device: torch.device, kind: str) -> SmallSearch:
    """A search of one of the kinds, stem, fusion and head among its choices."""
    settings = {"precision": "float32", "control_every": 1, **SEARCHES[kind]}
    return small_search(device=device, space=SPACE, contenders=CONTENDERS, **settings)


def state_of(search: SmallSearch) -> StageState:
    """The state as it comes back from a checkpoint: on the CPU."""
    state = search.cosearch.state()
    tensors = {name: tensor.detach().cpu().clone() for name, tensor in state.tensors.items()}
    return StageState(tensors, state.values)


@pytest.mark.parametrize(
    "kind",
    [
        "exact",
        *(pytest.param(k, marks=pytest.mark.slow) for k in ("sampled", "sampled, one of each")),
    ],
)
def test_a_search_runs_on_a_device_as_on_the_cpu_and_goes_on_from_a_checkpoint(
    kind: str, device: torch.device
) -> None:
    here, there, again = (search_on(where, kind) for where in (CPU, device, device))
    first = []
    for search in (here, there):
        search.pretraining.step(0)
        first.append(search.cosearch.step(0))
    # Rounding apart: their losses are summed in other orders.
    assert first[1] == pytest.approx(first[0], rel=0.02)
    again.cosearch.restore(state_of(there))
    for search in (there, again):
        search.cosearch.step(1)
    wanted, found = state_of(there).tensors, state_of(again).tensors
    if device == PRETENDED:
        assert all(torch.equal(found[name], tensor) for name, tensor in wanted.items())
    for name, tensor in wanted.items():
        torch.testing.assert_close(found[name], tensor, rtol=0.02, atol=1e-3)
    assert all(p.device == CPU for p in all_parameters(there.contenders).values())
    assert all(p.device.type == device.type for p in there.weights.supernet.parameters())


def test_a_taught_training_runs_on_a_device_as_on_the_cpu_and_goes_on(
    device: torch.device, tmp_path: Path
) -> None:
    def train(place: str, where: torch.device, **more: Any) -> TrainingReport:
        settings = {"steps": 4, "evaluate_every": 4, "checkpoint_every": 1, **HARD}
        task = tiny_task(taught=True, device=where, **settings)
        return train_network(task, tmp_path / place, **more)

    whole = train("whole", device)
    with pytest.raises(KeyError):
        train("halved", device, progress=stopping_after(2))
    resumed = train("halved", device)
    for which, score in whole.scores.items():
        assert resumed.scores[which].mean_iou == pytest.approx(score.mean_iou, **alike(device))
    train("here", CPU)
    losses = [
        [event["loss"] for event in EventLog(tmp_path / place / "events.jsonl").events()]
        for place in ("whole", "halved", "here")
    ]
    assert losses[0] == pytest.approx(losses[1], **alike(device))
    assert losses[0] == pytest.approx(losses[2], rel=0.02)


HARD = {"class_weights": "auto", "ohem_threshold": 0.5, "clip_norm": 1.0}


def stopping_after(steps: int) -> Any:
    def progress(done: int, _steps: int, _note: str) -> None:
        if done == steps:
            raise KeyError

    return progress


def test_a_subnet_is_calibrated_and_scored_on_a_device_as_on_the_cpu(
    device: torch.device, tmp_path: Path
) -> None:
    scores, weights = [], None
    for where in (CPU, device):
        job = search_job_in(tmp_path / where.type, where)
        start = agreed_start(job, progress=silent)
        search = Search.begin(task_of(job, start))
        search.pretraining().step(0)
        weights = weights or search.weights.supernet.state_dict()
        search.weights.supernet.load_state_dict(weights)
        student = search.contenders[-1]
        architecture = derive(student.options, student.parameters.probabilities())
        scorers = subnet_scorers(job.recipe, search, data_of(job, start))
        one = architecture, student.name
        # Twice: the second time images are in memory.
        twice = (scorers.candidates(*one), scorers.candidates(*one))
        scores.append((*twice, scorers.finals(*one), scorers.validation(*one)))
    here, there = ([*one[:2], *(part.mean_iou for part in one[2:])] for one in scores)
    assert there == pytest.approx(here, **alike(device))
    assert here[0] == here[1] > 0
    assert here[-1] > 0


def test_pixel_losses_of_a_device_are_those_of_the_cpu(device: torch.device) -> None:
    logits, teacher = 4 * torch.randn(2, 5, 4, 6), 4 * torch.randn(2, 5, 7, 3)
    labels = torch.randint(5, (2, 25, 41))
    labels[:, :3] = 255
    found = []
    for where in (CPU, device):
        ours = logits.to(where).detach().requires_grad_()
        truth = Truth.of(labels.to(where), 255)
        losses = cross_entropies(ours, truth)
        apart = divergence(ours, teacher.to(where), truth.labelled)
        (losses.sum() + 2 * apart).backward()
        assert ours.grad is not None
        found.append([part.detach().cpu() for part in (losses, apart, ours.grad)])
    torch.testing.assert_close(found[0], found[1], rtol=1e-4, atol=1e-4)


def test_a_loss_on_one_device_and_a_norm_on_another_are_checked_together(
    device: torch.device,
) -> None:
    loss, norm = torch.tensor(1.0).to(device), torch.tensor(2.0)
    require_finite(loss, norm, step=0, stage="search")
    require_finite(norm, loss, step=0, stage="search")
    with pytest.raises(FastersegError, match="gradients"):
        require_finite(loss, norm / 0, step=0, stage="search")


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("mode", ["exact", "sampled"])
def test_a_whole_run_and_predict_on_a_device(
    mode: str, device: torch.device, tmp_path: Path
) -> None:
    recipe = Path(__file__).parents[1] / "pipeline" / "tiny.yaml"
    named = "meta" if device == PRETENDED else str(device)
    where = ("target.backend=pytorch", f"target.device={named}", f"search.mode={mode}")
    run = tmp_path / "run"
    result = fasterseg.run(recipe=str(recipe), run=str(run), device=str(device), set=where)
    assert f"pytorch on {named}" in result.target
    image = np.zeros((32, 64, 3), np.uint8)
    bundle = run / "training" / "student" / "best"
    there = fasterseg.load_model(bundle, device=device)(image)
    here = fasterseg.load_model(bundle)(image).labels
    assert (there.labels == here).mean() >= (1.0 if device == PRETENDED else 0.99)
