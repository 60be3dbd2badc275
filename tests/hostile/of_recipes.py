"""Hostile recipes and values of ``--set``."""

from __future__ import annotations

import os
from collections.abc import Iterator

from case import HostileFile, Place
from documents import BIDI, ESCAPE, FORGED
from stock import Stock
from ways import brought, of_recipe, out, stock_data, way

VERBS = ("check-data", "profile", "search", "train", "run", "plan")
FEW = ("check-data", "search", "plan")

TEXTS: dict[str, bytes] = {
    "empty but for a tag": b"!!python/object/apply:os.system ['touch it-ran']\n",
    "a tag of Python": b"name: !!python/object/apply:os.system ['touch it-ran']\n",
    "a tag of a module": b"name: !!python/module:antigravity\n",
    "a tag of an object": b"name: !!python/object/new:os._Environ []\n",
    "a tag of its own": b"name: !owned x\n",
    "a local file": b"!include ../outside/secret.txt\n",
    "aliases": b"a: &a [x]\nb: [*a, *a]\n",
    "a billion laughs": b"".join(
        b"a%d: &a%d [%s]\n" % (n, n, b", ".join([b"*a%d" % (n - 1)] * 9 if n else [b"lol"] * 9))
        for n in range(9)
    ),
    "an alias of itself": b"a: &a [*a]\n",
    "a merge key": b"base: &b {name: x}\n<<: *b\n",
    "a merge key without an alias": b"<<: {name: x}\n",
    "a key twice": b"name: a\nname: b\n",
    "a list": b"- name\n",
    "a number": b"3\n",
    "a text": b"just a text\n",
    "two documents": b"name: a\n---\nname: b\n",
    "5,000 brackets": b"name: " + b"[" * 5_000,
    "5,000 whole brackets": b"name: " + b"[" * 5_000 + b"]" * 5_000,
    "100,000 brackets": b"[" * 100_000,
    "5,000 braces": b"name: " + b"{a: " * 5_000,
    "5,000 steps in": b"".join(b" " * n + b"a:\n" for n in range(1_300)),
    "5,000 dashes": b"- " * 5_000,
    "60,000 keys": b"".join(b"k%d: 0\n" % n for n in range(60_000)),
    "60,000 keys in a section": b"data: {%s}\n" % b", ".join(b"k%d: 0" % n for n in range(60_000)),
    "200,000 lines": b"name:\n" + b"- a\n" * 200_000,
    "a megabyte of a key": b"k" * 999_000 + b": 1\n",
    "a megabyte of a text": b"name: " + b"x" * 990_000 + b"\n",
    "two megabytes": b"name: " + b"x" * 2_000_000,
    "a date that is none": b"name: 2020-99-99\n",
    "a time that is none": b"name: 2020-01-01T99:99:99Z\n",
    "a date": b"name: 2020-01-01\n",
    "sexagesimal": b"seed: 99999:59:59:59:59:59\n",
    "no UTF-8": b"name: \xff\xfe\n",
    "UTF-16": "name: x\n".encode("utf-16"),
    "zeros": bytes(1_000),
    "a null character": b"name: a\0b\n",
    "an escaped null": b'name: "a\\0b"\n',
    "an escape character": b"name: \x1b[2J\n",
    "a lone surrogate": b'name: "\\ud800"\n',
    "a key of a list": b"? [a, b]\n: 1\n",
    "a key of a mapping": b"? {a: b}\n: 1\n",
    "tabs": b"a:\n\t- b\n",
    "a directive": b"%YAML 9.9\n---\nname: x\n",
    "a tag directive": b"%TAG ! tag:yaml.org,2002:python/\n---\nname: !module:antigravity\n",
    "a set": b"name: !!set {a, b}\n",
    "binary": b"name: !!binary aGVsbG8=\n",
    "ordered pairs": b"name: !!omap [a: 1]\n",
    "a pickle": b"\x80\x04\x8c\x05posix\x94.",
    "a comment of a megabyte": b"# " + b"x" * 990_000 + b"\nwrong: 1\n",
}

VALUES: dict[str, tuple[str, str]] = {
    "a name that leads up": ("name", "../../outside/x"),
    "a name from the root": ("name", "/tmp/it-ran-name"),
    "a name that is a dot": ("name", "'.'"),
    "a name that is two dots": ("name", "'..'"),
    "a name of nothing": ("name", "''"),
    "a name of blanks": ("name", "'   '"),
    "a name of 5,000 letters": ("name", "x" * 5_000),
    "a name of 300 letters": ("name", "x" * 300),
    "a name with an escape": ("name", '"\\e[2Jx"'),
    "a name with a line": ("name", '"a\\nb"'),
    "a name with a turn": ("name", '"a\\u202eb"'),
    "a name with a null": ("name", '"a\\0b"'),
    "a name with a surrogate": ("name", '"\\ud800"'),
    "a name with a dash": ("name", "'-rf'"),
    "a name that is a device": ("name", "'CON'"),
    "a name with a backslash": ("name", "'a\\b'"),
    "a rate of NaN": ("student.lr", ".nan"),
    "a rate of infinity": ("student.lr", ".inf"),
    "a rate of 1e999": ("student.lr", "1e999"),
    "a rate of minus infinity": ("search.lr", "-.inf"),
    "a momentum of NaN": ("search.momentum", ".NaN"),
    "a decay of infinity": ("search.weight_decay", ".inf"),
    "hours of infinity": ("search.hours", ".inf"),
    "hours of NaN": ("search.hours", ".nan"),
    "a clip of infinity": ("search.clip_norm", ".inf"),
    "a strength of infinity": ("search.penalty_strength", ".inf"),
    "steps of 10^400": ("search.steps", "1" + "0" * 400),
    "steps of 4,301 digits": ("search.steps", "1" * 4_301),
    "steps of 4,301 hexadecimal digits": ("search.steps", "0x" + "f" * 4_301),
    "a seed of 10^30": ("seed", "1" + "0" * 30),
    "a seed of 2^64": ("seed", str(1 << 64)),
    "a seed below 0": ("seed", "-1"),
    "a batch of 10^18": ("search.batch_size", "1000000000000000000"),
    "a height of 10^9": ("target.height", "1000000000"),
    "a height of 10^30": ("target.height", "1" + "0" * 30),
    "a height of 0": ("target.height", "0"),
    "a height below 0": ("target.height", "-64"),
    "10^9 layers": ("space.layers", "1000000000"),
    "100,000 layers": ("space.layers", "100000"),
    "a million expansions": ("space.expansions", f"[{', '.join(['1'] * 100_000)}]"),
    "an expansion of 10^9": ("space.expansions", "[1000000000]"),
    "a budget of NaN": ("budget", "nanms"),
    "a budget of infinity": ("budget", "infms"),
    "a budget of 1e999": ("budget", "1e999ms"),
    "a budget below 0": ("budget", "-5ms"),
    "a budget of 0": ("budget", "0ms"),
    "a budget of 10^4301": ("budget", "1" * 4_301 + "ms"),
    "a budget of a list of lists": ("budget", "[[1ms]]"),
    "a budget of 100,000": ("budget", f"[{', '.join(f'{n + 1}ms' for n in range(100_000))}]"),
    "a budget of a model outside": ("budget", "../../outside/secret.txt"),
    "a budget of a device": ("budget", "/dev/zero"),
    "a budget with an escape": ("budget", '"\\e[2Jms"'),
    "threads of 10^9": ("threads", "1000000000"),
    "workers of 10^9": ("data.workers", "1000000000"),
    "data from a home that is none": ("data.source", "~nobody-knows/x"),
    "data of a device": ("data.source", "/dev/zero"),
    "data of nothing": ("data.source", "''"),
    "data with a null": ("data.source", '"a\\0b"'),
    "data with an escape": ("data.source", '"\\e[2J"'),
    "data of 100,000 letters": ("data.source", "x" * 100_000),
    "a split that leads up": ("data.test_split", "../../x"),
    "a split with an escape": ("data.test_split", '"\\e[2J"'),
    "a layout that is none": ("data.layout", '"\\e[31mx"'),
    "a backend that is none": ("target.backend", "os.system"),
    "a preset that is none": ("space.preset", "../../x"),
    "an operator that is none": ("space.operators", "[os.system]"),
    "a contender that leads up": ("contenders", "[{name: ../../../x, role: student}]"),
    "a contender from the root": ("contenders", "[{name: /tmp/it-ran-contender, role: student}]"),
    "a contender that is two dots": ("contenders", "[{name: '..', role: student}]"),
    "a contender called best": ("contenders", "[{name: 'a/best', role: student}]"),
    "a contender with an escape": ("contenders", '[{name: "\\e[2J", role: student}]'),
    "a contender with a turn": ("contenders", '[{name: "a\\u202eb", role: student}]'),
    "a contender of 5,000 letters": ("contenders", f"[{{name: {'x' * 5_000}, role: student}}]"),
    "20,000 contenders": (
        "contenders",
        f"[{', '.join(f'{{name: c{n}, role: student}}' for n in range(20_000))}]",
    ),
    "class weights of NaN": ("student.class_weights", "[.nan, 1.0]"),
    "class weights of infinity": ("student.class_weights", "[.inf, 1.0]"),
    "100,000 class weights": ("student.class_weights", f"[{', '.join(['1.0'] * 100_000)}]"),
    "a crop of 10^9": ("student.augmentation.crop_height", "1000000000"),
    "a scale of infinity": ("student.augmentation.scale_high", ".inf"),
    "a scale of NaN": ("student.augmentation.scale_low", ".nan"),
    "a key with an escape": ("\x1b[31mred", "1"),
    "a key with a turn": ("a\u202eb", "1"),
    "a key of 100,000 letters": ("k" * 100_000, "1"),
    "a key of a dunder": ("__class__.__init__", "1"),
    "a nest of 5,000": ("name", "[" * 5_000 + "]" * 5_000),
    "a nest of 5,000 keys": (".".join(["a"] * 5_000), "1"),
    "a date that is none": ("name", "2020-99-99"),
    "an alias": ("name", "[&a x, *a]"),
    "a tag of Python": ("name", "!!python/object/apply:os.system ['touch it-ran']"),
    "a key twice": ("data", "{workers: 0, workers: 0}"),
    "forged lines": (FORGED, "1"),
}
_PLAIN = {"a date", "sexagesimal"}
"""Recipes that mean something: a name that looks like a date, a number written in sixties."""

_HARMLESS = {
    *("a name with a dash", "a name that is a device", "a name of 300 letters"),
    *("a name with a backslash", "a seed of 2^64", "a seed below 0", "a seed of 10^30"),
    *("a seed of 4,301 digits", "a height of 10^9", "data of a device", "data of nothing"),
    *("a split that leads up", "a split with an escape", "a batch of 10^18", "a crop of 10^9"),
    *("a budget of a model outside", "a budget of a device", "100,000 class weights"),
    *("a key of 100,000 letters", "data of 100,000 letters", "data with an escape"),
    *("data with a null", "data from a home that is none", "a budget with an escape"),
    *("a contender called best", "20,000 contenders", "100,000 layers", "10^9 layers"),
    *("an expansion of 10^9", "a million expansions", "a budget of 100,000"),
}
"""What some verbs may take for what it says: a name that looks odd, or what they never use."""


def recipes(stock: Stock) -> Iterator[HostileFile]:
    """Files in place of a recipe."""
    ways = of_recipe(stock, brought("r.yaml"), VERBS)
    few = of_recipe(stock, brought("r.yaml"), FEW)
    for index, (name, data) in enumerate(TEXTS.items()):
        yield HostileFile(
            name=f"recipe: {name}",
            kind="recipe",
            write=lambda place, data=data: (place.brought / "r.yaml").write_bytes(data),
            ways={"check-data": ways["check-data"]}
            if name in _PLAIN
            else ways
            if index < 8
            else few,
            expect="either" if name in _PLAIN else "refused",
            codes=(2,),
        )
    for name, (key, value) in VALUES.items():
        yield HostileFile(
            name=f"recipe with {name}",
            kind="recipe",
            write=lambda place, key=key, value=value: _write(place, key, value),
            ways={"check-data": ways["check-data"]} if name in _HARMLESS else few,
            expect="either" if name in _HARMLESS else "refused",
            codes=(2, 3),
        )
    for name, put in {
        "a named pipe": lambda place: os.mkfifo(place.brought / "r.yaml"),
        "a device": lambda place: (place.brought / "r.yaml").symlink_to("/dev/zero"),
        "random numbers without end": lambda p: (p.brought / "r.yaml").symlink_to("/dev/urandom"),
        "a folder": lambda place: (place.brought / "r.yaml").mkdir(),
        "a link to itself": lambda p: (p.brought / "r.yaml").symlink_to(p.brought / "r.yaml"),
        "a sparse gigabyte": _sparse,
    }.items():
        yield HostileFile(name=f"recipe: {name}", kind="recipe", write=put, ways=ways, codes=(2,))


def _write(place: Place, key: str, value: str) -> None:
    *parents, last = key.split(".") if len(key) < 9_000 else [key]
    text = "".join(f"{'  ' * depth}{name}:\n" for depth, name in enumerate(parents))
    whole = f"{text}{'  ' * len(parents)}{last}: {value}\n"
    (place.brought / "r.yaml").write_bytes(whole.encode("utf-8", "surrogatepass"))


def _sparse(place: Place) -> None:
    with (place.brought / "r.yaml").open("wb") as stream:
        stream.truncate(1 << 30)


def overrides(stock: Stock) -> Iterator[HostileFile]:
    """Values of ``--set``, ``--budget`` and other words of the command line."""
    data = stock_data(stock)
    for name, (key, value) in VALUES.items():
        words = f"{key}={value}"
        if "\0" in words or len(words) > 100_000:
            continue
        verbs = ("check-data",) if name in _HARMLESS else ("check-data", "search", "plan")
        yield HostileFile(
            name=f"set {name}",
            kind="set",
            write=lambda place: None,
            ways={
                verb: way(
                    verb,
                    *((data,) if verb == "check-data" else ("--run", out("run"))),
                    *("--set", words),
                )
                for verb in verbs
            },
            expect="either" if name in _HARMLESS else "refused",
        )
    odd = {
        "an escape": ESCAPE,
        "bidi": BIDI,
        "forged lines": FORGED,
        "a home that is none": "~nobody-knows",
        "4,000 letters": "x" * 4_000,
        "a hundred steps up": "../" * 100 + "no-such-data",
        "a device": "/dev/zero",
        "bytes that are no text": os.fsdecode(b"\xff\xfe"),
        "a lone dash": "-",
        "blanks": "   ",
    }
    ways = {
        "predict": lambda text: way("predict", text, text, "--out", out("x")),
        "describe": lambda text: way("describe", text),
        "draw": lambda text: way("draw", text),
        "report": lambda text: way("report", text, "--out", out("x.html")),
        "evaluate": lambda text: way("evaluate", text, "--data", text),
        "verify": lambda text: way("verify", text, "--against", text),
        "benchmark": lambda text: way("benchmark", text, "--quick"),
        "export": lambda text: way("export", text, "--out", out("x.onnx")),
        "check-data": lambda text: way("check-data", text),
        "check-data-layout": lambda text: way("check-data", "street", "--layout", text),
        "train": lambda text: way("train", text, "--run", out("run")),
        "run": lambda text: way("run", "--until", text, "--run", out("run")),
        "plan": lambda text: way("plan", "--budget", text, "--run", out("run")),
        "import-official": lambda text: way("import-official", "--arch", text, "--out", out("x")),
    }
    for name, text in odd.items():
        yield HostileFile(
            name=f"word: {name}",
            kind="set",
            write=lambda place: None,
            ways={verb: make(text) for verb, make in ways.items()},
        )
