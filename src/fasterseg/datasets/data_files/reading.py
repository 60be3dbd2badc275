"""Reading a ``data.yaml``: plain YAML, known keys, and a refusal for anything else.

Nothing in such a file is ever run: a ``download:`` entry, and what other tools write for
themselves, is passed over and said so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from fasterseg.datasets.data_files.data_file import DataFile
from fasterseg.datasets.data_files.other_files import refuse_other_files
from fasterseg.datasets.data_files.remedies import IN_QUOTES, Contradiction, lines, written
from fasterseg.errors import DataError, EnvironmentFault
from fasterseg.foreign.opened_files import bytes_of
from fasterseg.foreign.strict_json import NotStrict, shortened
from fasterseg.foreign.strict_yaml import load_yaml, told_of_no_text

MOST_BYTES = 1_000_000
_MOST_KEYS, _LOOKED_AT = 256, 100

# What other tools write into such a file; it says nothing about how images or masks are read.
FOREIGN_KEYS = frozenset(
    {
        "author",
        "authors",
        "citation",
        "date",
        "description",
        "docs",
        "download",
        "flip_idx",
        "homepage",
        "info",
        "kpt_names",
        "kpt_shape",
        "licence",
        "license",
        "licenses",
        "minival",
        "roboflow",
        "task",
        "url",
        "version",
        "yaml_file",
    }
)
_KEYS = tuple(key for key in DataFile.model_fields if key != "passed_over")
HOLD_NAMES = ("names", "palette")
"""The keys under which classes are named."""
_OTHERS_WORDS = {
    **dict.fromkeys(("classes", "class_names", "labels", "categories"), "names"),
    **dict.fromkeys(("root", "data_root", "dataset_path"), "path"),
    **dict.fromkeys(("masks", "mask_dir", "label_dir", "labels_dir"), "masks_dir"),
    **dict.fromkeys(("num_classes", "n_classes"), "nc"),
    **dict.fromkeys(("colors", "colours", "colormap"), "palette"),
    **dict.fromkeys(("ignore_index", "ignore_label"), "ignore"),
}
"""What keys are called elsewhere."""
_CORRECT = "correct it and run check-data again"


def read_data_file(path: Path) -> DataFile:
    """Return a ``data.yaml``; raises DataError, naming line or key, for anything unexpected."""
    content = _mapping(path)
    passed_over = tuple(key for key in content if _is_foreign(key, content[key]))
    known = {key: value for key, value in content.items() if key not in passed_over}
    for key in known:
        if key not in _KEYS:
            raise _unknown_key(key, path)
    try:
        return DataFile.model_validate({**known, "passed_over": passed_over})
    except ValidationError as error:
        raise wrong_value(error, known, path) from error


def _is_foreign(key: str, value: Any) -> bool:
    """Whether a key is another tool's: known as that, or a block under a name like none of ours."""
    block = isinstance(value, dict) and not get_close_matches(shortened(key), _KEYS, n=1)
    return key not in _KEYS and (key in FOREIGN_KEYS or block)


def _unknown_key(key: str, path: Path) -> DataError:
    known = _OTHERS_WORDS.get(key.casefold())
    near = [known] if known else get_close_matches(shortened(key), _KEYS, n=1)
    return DataError(
        f"there is no key {shortened(key)!r}",
        where=str(path),
        why="" if near else f"the keys are {', '.join(_KEYS)}",
        next_step=f"did you mean {near[0]!r}?" if near else "take it out",
    )


def wrong_value(error: ValidationError, content: Mapping[str, Any], path: Path) -> DataError:
    faults = error.errors(include_url=False)
    # Of the forms that a value may have, the one that it comes nearest to.
    same = [one for one in faults[:_LOOKED_AT] if one["loc"][:1] == faults[0]["loc"][:1]]
    fault = max(same, key=lambda one: len(_place(one["loc"], content)))
    cause = fault.get("ctx", {}).get("error")
    key = _place(fault["loc"], content)
    if fault["type"] == "string_type" and (read := told_of_no_text(fault["input"])):
        cause, fault["msg"] = Contradiction(read, _as_text(key, content)), read
    return DataError(
        f"the key {key!r} is wrong" if key else "the keys do not fit together",
        where=str(path),
        why=str(fault["msg"]).removeprefix("Value error, "),
        next_step=cause.next_step if isinstance(cause, Contradiction) else _CORRECT,
    )


def _as_text(key: str, content: Mapping[str, Any]) -> str:
    """What to write for a value that was read as none: of names the whole line."""
    names = content.get("names")
    if key.partition(".")[0] != "names" or not isinstance(names, list):
        return IN_QUOTES
    told = [pair for name in names if isinstance(name, dict) for pair in name.items()]
    if all(isinstance(label, int) for label, _ in told) and len(told) == len(names):
        plain = [name for _, name in sorted(told)]
    else:
        plain = [_one_text(name) for name in names]
    if not all(isinstance(name, str) for name in plain):
        return IN_QUOTES
    return "write, in its place," + lines(written("names", plain))


def _one_text(name: Any) -> Any:
    """A name that was read as a key and its value."""
    is_pair = isinstance(name, dict) and len(name) == 1
    return ": ".join(map(str, *name.items())) if is_pair else name


def _place(location: Sequence[int | str], content: Mapping[str, Any]) -> str:
    """Where in the file a fault is: its keys, without what pydantic adds of its own."""
    found: list[str] = []
    inner: Any = content
    for part in location:
        if _has(inner, part):
            found.append(shortened(str(part)))
            inner = inner[part]
    return ".".join(found)


def _has(inner: Any, part: int | str) -> bool:
    if isinstance(inner, list):
        return isinstance(part, int) and part < len(inner)
    return isinstance(inner, Mapping) and part in inner


def _mapping(path: Path) -> dict[str, Any]:
    refuse_other_files(path)
    try:
        data = bytes_of(path, most_bytes=MOST_BYTES, fault=DataError)
    except (EnvironmentFault, OSError) as error:
        raise DataError(
            "cannot read the data file",
            where=str(path),
            why=error.why if isinstance(error, EnvironmentFault) else str(error),
            next_step="restore it, or change its permissions",
        ) from error
    return _content(data, path)


def _step_for(data: bytes) -> str:
    """What to do about a text that is no YAML."""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return "save it as UTF-8"
    tabs = any(line.lstrip(b" ").startswith(b"\t") for line in data.splitlines())
    return "indent its lines with blanks: YAML takes no tabs there" if tabs else _CORRECT


def _content(data: bytes, path: Path) -> dict[str, Any]:
    try:
        content = load_yaml(data, named=HOLD_NAMES)
    except NotStrict as error:
        raise DataError(
            "the data file is not plain YAML",
            where=str(path),
            why=" ".join(str(error).split()),
            next_step=_step_for(data),
        ) from error
    if not isinstance(content, dict) or any(not isinstance(key, str) for key in content):
        raise DataError(
            "the data file is not a list of keys and values",
            where=str(path),
            why="it is empty" if content is None else "what it holds are no keys that are words",
            next_step="write lines such as  train: images/train  and  names: [road, car]",
        )
    if len(content) > _MOST_KEYS:
        raise DataError(
            f"the data file has {len(content):,} keys",
            where=str(path),
            why=f"it says what a data set is, and {_MOST_KEYS} keys are the limit",
            next_step="write classes under 'names:', and images into lists that 'train:' names",
        )
    return content
