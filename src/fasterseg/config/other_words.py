"""What other trainers call the keys of a recipe, and where a key lies in one.

A section is no key here: what is looked for has a value.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from fasterseg.config.recipe import Recipe

_SHARED = "training"

# By the key of a recipe, without its section; of the same unit, but for epochs.
_CALLED: Mapping[str, tuple[str, ...]] = {
    "batch_size": ("batch", "bs", "bsz", "train_batch_size", "per_device_train_batch_size"),
    "steps": ("iters", "iterations", "max_iters", "max_steps", "num_steps", "train_steps"),
    "lr": ("learning_rate", "lr0", "base_lr", "initial_lr", "init_lr"),
    "weight_decay": ("wd",),
    "warmup_steps": ("warmup_iters",),
    "precision": ("amp", "half", "fp16", "bf16", "mixed_precision"),
    "workers": ("num_workers", "n_workers", "dataloader_num_workers"),
    "evaluate_every": ("val_interval", "eval_interval", "eval_every", "val_every", "eval_steps"),
    "checkpoint_every": ("save_interval", "save_every", "save_steps"),
    "accumulate": ("accumulation_steps", "gradient_accumulation_steps"),
    "distillation_weight": ("kd_weight", "distill_weight"),
}
EPOCHS = frozenset({"epochs", "epoch", "num_epochs", "max_epochs", "n_epochs"})


def plain(word: str) -> str:
    """A word as keys are written: ``--Batch-Size`` is batch_size."""
    return word.lstrip("-").replace("-", "_").casefold()


def key_called(word: str) -> str:
    """The key of a recipe that a word stands for, its own or another trainer's; else nothing."""
    called = plain(word)
    if called in EPOCHS:
        return "steps"
    if any(_places_of(called)):
        return called
    return next((key for key, others in _CALLED.items() if called in others), "")


def place_of(key: str, *, section: str = "student") -> str:
    """The whole name of a key, in a section where several have it; nothing where none has it."""
    places = [*_places_of(key)]
    own = [one for one in places if one.startswith(f"{section}.")]
    shared = [one for one in places if one.startswith(f"{_SHARED}.")]
    return next(iter((*own, *shared, *places)), "")


def _places_of(key: str) -> Iterator[str]:
    """Every place of a key in a recipe, the outer ones first."""
    for before, name, field in fields_of(Recipe):
        if name == key and _inside(field) is None:
            yield f"{before}{name}"


def fields_of(*roots: type[BaseModel]) -> Iterator[tuple[str, str, FieldInfo]]:
    """Every key and section of some sections, behind what names its own, the outer ones first."""
    pending = [("", root) for root in roots]
    while pending:
        before, section = pending.pop(0)
        for field_name, field in section.model_fields.items():
            name = field.alias or field_name
            yield before, name, field
            if inner := _inside(field):
                pending.append((f"{before}{name}.", inner))


def _inside(field: FieldInfo) -> type[BaseModel] | None:
    """The section that a field is; None of a key."""
    kind = field.annotation
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None
