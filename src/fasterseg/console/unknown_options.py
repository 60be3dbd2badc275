"""Options that there are none of, under which other trainers' users look for ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cyclopts.exceptions import UnknownOptionError

from fasterseg.config.other_words import EPOCHS, key_called, place_of, plain
from fasterseg.console.typed import command_line
from fasterseg.errors import UsageError

_OPTIONS: Mapping[str, tuple[str, ...]] = {
    "--size": ("imgsz", "img_size", "image_size", "input_size", "resolution", "img"),
    "--run": ("project", "work_dir", "workdir", "save_dir", "output_dir", "log_dir", "logdir"),
    "--out": ("output", "output_dir", "save_dir", "o"),
    "--recipe": ("config", "cfg", "config_file", "c"),
    "--data": ("dataset", "data_dir", "data_path", "dataset_path", "data_root"),
    "--device": ("gpu", "gpu_id", "cuda", "accelerator"),
    "--processes": ("gpus", "devices", "nproc", "nproc_per_node", "num_gpus", "world_size"),
}
_FLAGS = frozenset({"amp", "half", "fp16", "bf16", "mixed_precision"})


def known_otherwise(error: UnknownOptionError, words: Sequence[str]) -> UsageError | None:
    """What an unknown option is called here, with the command that says it; None of any other."""
    given = error.token.keyword or error.token.value or ""
    option, equals, value = given.partition("=")
    at = next((place for place, word in enumerate(words) if word.partition("=")[0] == option), -1)
    if at < 0:
        return None
    after = at + 1
    if not equals and after < len(words) and not words[after].startswith("-"):
        value, after = words[after], after + 1
    taken = {name for argument in error.argument_collection for name in argument.names}
    if plain(option) == "resume":
        ways = ("the same command resumes what was begun", _command(words, at, after))
    elif found := _option_for(option, taken):
        said = _as_said(found, value)
        ways = (f"it is called {found} here", _command(words, at, after, found, said))
    elif "--set" in taken and (key := place_of(key_called(option), section=_section_of(words))):
        ways = _by_recipe(option, key, value, words, at, after)
    else:
        return None
    return UsageError(
        f"there is no option {option}", where=command_line(words), why=ways[0], next_step=ways[1]
    )


def _option_for(option: str, taken: set[str]) -> str:
    called = plain(option)
    return next((own for own, some in _OPTIONS.items() if called in some and own in taken), "")


def _as_said(option: str, value: str) -> str:
    """A value of an option as it is written here: one side for two, a number for a GPU."""
    if not value.isdecimal():
        return value
    return {"--size": f"{value}x{value}", "--device": f"cuda:{value}"}.get(option, value)


def _section_of(words: Sequence[str]) -> str:
    """Whose settings are meant: those of what is trained or searched."""
    return next((section for section in ("search", "teacher") if section in words[:3]), "student")


def _by_recipe(
    option: str, key: str, value: str, words: Sequence[str], at: int, after: int
) -> tuple[str, str]:
    why = f"the recipe says it, as {key}: 'fasterseg recipe {key}' tells what it may be"
    if plain(option) in EPOCHS:
        hours = f"{key.rpartition('.')[0]}.hours"
        return (
            "trainings are counted in steps, of a batch each, or in hours",
            f"{_command(words, at, after, '--set', f'{hours}=1')}, or --set {key}=N, where N is "
            f"{value or 'the number of epochs'} times the images of train by those of a batch",
        )
    if not value or plain(option) in _FLAGS:
        return why, f"fasterseg recipe {key}, then --set {key}=VALUE"
    return why, _command(words, at, after, "--set", f"{key}={value}")


def _command(words: Sequence[str], at: int, after: int, *put: str) -> str:
    """The command with other words in the place of some."""
    return command_line([*words[:at], *filter(None, put), *words[after:]])
