"""Calls as users write them: `make check` has mypy read them, and nothing runs them."""

from __future__ import annotations

from pathlib import Path

import fasterseg

HERE = Path("here")


def calls() -> None:
    """Paths stand where text may, one where several may, and numbers where they are meant."""
    recipe = fasterseg.load_recipe("demo", set={"threads": 1})
    fasterseg.check_data(HERE)
    ran = fasterseg.run(recipe=recipe, data=HERE, run=HERE, budget="8ms", teacher=HERE)
    assert ran is None or ran.describe()
    fasterseg.run(data="photos", budget=["8ms", "baseline:fast-scnn"], set={"seed": 1})
    fasterseg.train("student", data=HERE, teacher=[HERE, "teacher.onnx"], set=["seed=1"])
    shares = fasterseg.evaluate(HERE, split="val").report.mean_iou
    assert 0 <= shares <= 1
    exported = fasterseg.export(HERE, out=HERE, size=(360, 480))
    assert exported.verification.passed
    assert fasterseg.verify(HERE, against=HERE).passed
    fasterseg.benchmark(HERE, HERE, "camvid-4ms", size="360x480")
    assert fasterseg.describe(HERE).describe()
    assert fasterseg.draw(HERE, out=HERE).text
    fasterseg.kit_pack(networks=[HERE, "camvid-4ms"], out=HERE)
    assert fasterseg.predict(HERE, HERE, out=HERE).describe()
    model = fasterseg.load_model(HERE, device="cpu")
    assert model("photo.jpg").labels.shape
