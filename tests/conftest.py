"""What every test may lean on: fixed threads, fixed seeds, a run folder, data if there is any."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import jaxtyping
import pytest

if TYPE_CHECKING:
    import torch

SOURCE = Path(__file__).parents[1] / "src"


def modules_with_shapes() -> list[str]:
    """Return the modules that declare tensor shapes."""
    found = [path for path in SOURCE.rglob("*.py") if "jaxtyping" in path.read_text("utf-8")]
    return [".".join(path.relative_to(SOURCE).with_suffix("").parts) for path in sorted(found)]


# Tests check the tensor shapes that functions declare; programs do not pay for that.
_SHAPE_CHECKS = jaxtyping.install_import_hook(modules_with_shapes(), "shape_checking.check_shapes")

THREADS = 1
# Commands take all cores, as do the tests beside them: a thread that waits is not to hold a core.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")


@pytest.fixture(scope="session", autouse=True)
def fixed_threads() -> None:
    """One thread for each operator: sums are added in one order, and tests share the cores."""
    import torch

    torch.set_num_threads(THREADS)


@pytest.fixture(scope="session", autouse=True)
def own_caches(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What is kept of data sets lies in the tests' own folder, and not in a home."""
    os.environ["FASTERSEG_CACHE"] = str(tmp_path_factory.mktemp("caches"))


@pytest.fixture(scope="session", autouse=True)
def frozen_imports() -> None:
    """What was imported stays, and rubbish is looked for rarely and not in there."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 50)


@pytest.fixture(scope="session", autouse=True)
def kept_exports() -> Iterator[None]:
    """What is exported once is not exported again."""
    from kept_exports import exports_kept

    with exports_kept():
        yield


@pytest.fixture(autouse=True)
def deterministic_torch(request: pytest.FixtureRequest) -> Iterator[None]:
    """Every test starts from the same global seed, and may use only deterministic kernels.

    Not on a GPU, where the backward pass of a resize has none.  Commands choose a number of threads
    for the rest of their process: it is taken back.
    """
    import torch

    torch.manual_seed(0)
    torch.use_deterministic_algorithms(request.node.get_closest_marker("gpu") is None)
    yield
    torch.use_deterministic_algorithms(False)
    torch.set_num_threads(THREADS)


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--device cuda:1`` runs the tests that are for a GPU on that one, ``--device cpu`` none."""
    parser.addoption("--device", default="cuda", help="the GPU for tests of one; cpu for none")


@pytest.fixture
def cuda(request: pytest.FixtureRequest) -> torch.device:
    """The GPU that ``--device`` names; the test is skipped where there is none, and says so."""
    import torch

    named = request.config.getoption("--device")
    if named == "cpu":
        pytest.skip("--device cpu: this is for a GPU, and its twin runs on the processor")
    if not torch.cuda.is_available():
        pytest.skip(f"there is no CUDA device here: on {named} this has not been run")
    return torch.device(named)


@pytest.fixture(params=["processor", pytest.param("gpu", marks=pytest.mark.gpu)])
def device(request: pytest.FixtureRequest) -> torch.device:
    """The processor, and in a twin of each test the GPU that ``--device`` names."""
    import torch

    if request.param == "processor":
        return torch.device("cpu")
    found: torch.device = request.getfixturevalue("cuda")
    return found


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    """An empty folder for one run."""
    folder = tmp_path / "run"
    folder.mkdir()
    return folder


@pytest.fixture(scope="session")
def shipped_models() -> tuple[str, ...]:
    """The names of models; the test is skipped where the package that has them is absent."""
    from fasterseg.network.named_models import model_names

    if not model_names():
        pytest.skip("fasterseg-models is not installed")
    return model_names()


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder of data sets outside the project; the test is skipped where there is none."""
    named = os.environ.get("FASTERSEG_TEST_DATA", "")
    if not named or not Path(named).is_dir():
        pytest.skip("FASTERSEG_TEST_DATA names no folder of data sets")
    return Path(named)


@pytest.fixture(scope="session")
def camvid(test_data: Path) -> Path:
    """CamVid in its SegNet layout; the test is skipped where it is absent."""
    folder = test_data / "camvid"
    if not folder.is_dir():
        pytest.skip(f"CamVid is not in FASTERSEG_TEST_DATA ({test_data})")
    return folder
