"""Graphs of unknown origin, whatever file they are from: one pass forward over their nodes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from fasterseg.deploy.runtimes.untrusted.plain_operators import OF_SIZES, Operators
from fasterseg.deploy.runtimes.untrusted.wire import NotPlain

Array = npt.NDArray[np.generic]
Dims = tuple[int | None, ...]

MOST_NODES = 20_000

_SAME_NUMBERS = {"Transpose", "Cast", "Convert", "Identity"}
_SAME_LABELS = {"Cast", "Convert", "Squeeze", "Identity", "Result"}
_SAME_WEIGHTS = {"Convert", "DequantizeLinear", "FakeQuantize", "Multiply", "Subtract"}
_TO_BYTES = {"QuantizeLinear", "FakeQuantize", "DynamicQuantizeLinear"}
_SAME_CHANNELS = {
    *{"Resize", "Upsample", "Interpolate", "Identity", "Cast", "Convert"},
    *{"Softmax", "SoftMax", "LogSoftmax", "Sigmoid", "Relu", "ReLU"},
    *{"QuantizeLinear", "DequantizeLinear", "FakeQuantize"},
}


@dataclass(frozen=True, slots=True)
class Node:
    """An operator: the names of what it reads (empty for what is left out), and of what it gives.

    `axis` is what the file says of one.
    """

    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    axis: int | None = None


@dataclass(frozen=True, slots=True)
class Value:
    """An image's or output's type and lengths; None for a length that is not fixed."""

    name: str
    type: str
    dims: Dims


@dataclass(frozen=True)
class Graph:
    """A graph with one input and one output, its nodes in an order in which they can run.

    `constants` are the names of all constants, and `constant` reads one of them; `types` are
    those of all numbers in the file.
    """

    image: Value
    output: Value
    nodes: Sequence[Node]
    constants: Mapping[str, tuple[int, ...]]
    constant: Callable[[str], Array]
    types: frozenset[str]
    _makers: dict[str, Node] = field(default_factory=dict)  # of what comes from the image

    def require_plain(self, operators: Operators) -> None:
        """Raise `NotPlain` for a node that is none of these operators, or out of order.

        Each name is given once and before it is read, so that there is no cycle, and no size
        hangs on what is in the image.
        """
        if not 0 < len(self.nodes) <= MOST_NODES:
            raise NotPlain(f"it has {len(self.nodes):,} operators")
        known = {self.image.name, *self.constants}
        seen = {self.image.name}  # what the image's content decides
        for node in self.nodes:
            if node.operator not in operators:
                raise NotPlain(
                    f"its operator {_short(node.operator)} is none of those that are run: the "
                    "standard's own, which compute once, from image to labels, without loops, "
                    "branches or chance"
                )
            _require_known(node, known)
            _require_sizes(node, operators[node.operator], seen)
            if node.operator not in OF_SIZES and seen.intersection(node.inputs):
                seen.update(node.outputs)
                self._makers.update(dict.fromkeys(node.outputs, node))
            known.update(filter(None, node.outputs))
        if self.output.name not in known or self.output.name not in seen:
            raise NotPlain("its output does not come from the image")

    @property
    def is_quantised(self) -> bool:
        """Whether it brings numbers to a byte, which runtimes compute with as they are."""
        return any(node.operator in _TO_BYTES for node in self.nodes)

    def classes(self) -> int | None:
        """The classes that its labels tell apart, by the convolution before the largest is taken.

        None where that cannot be told.  To be asked for once the graph is plain.
        """
        node = self._behind(self.output.name, _SAME_LABELS)
        if node is None or node.operator not in ("ArgMax", "TopK") or node.axis not in (1, -3):
            return None
        node = self._behind(node.inputs[0], _SAME_CHANNELS)
        if node is None or node.operator not in ("Conv", "Convolution"):
            return None
        return self._kernels_of(node.inputs[1])

    def _kernels_of(self, name: str) -> int | None:
        """How many a convolution has: its weights are constant, or made of constants alone."""
        makers = {output: node for node in self.nodes for output in node.outputs}
        while name not in self.constants and name in makers and makers[name].inputs:
            if makers[name].operator not in _SAME_WEIGHTS:
                return None
            name = makers[name].inputs[0]
        return self.constants.get(name, (None,))[0]

    def normalisation(self) -> tuple[Array, Array] | None:
        """What the image's channels are multiplied with, and what is then added to them.

        None where that is not the first that is done to the image.
        """
        found: list[Array] = []
        names = {self.image.name}
        wanted = [("Mul", "Multiply"), ("Add",)]
        for node in self.nodes:
            if node.operator in OF_SIZES or not names.intersection(node.inputs):
                continue
            if node.operator in _SAME_NUMBERS and not found:
                names = {*node.outputs}
                continue
            others = [name for name in node.inputs if name not in names]
            if node.operator not in wanted[len(found)] or not self._is_a_channels(others):
                return None
            found.append(self.constant(others[0]).astype(np.float64).reshape(-1))
            names = {*node.outputs}
            if len(found) == len(wanted):
                return found[0], found[1]
        return None

    def _behind(self, name: str, passed: Iterable[str]) -> Node | None:
        """What makes the numbers of this name of the image, seen through such operators."""
        node = self._makers.get(name)
        while node is not None and (
            node.operator in passed or self._is_a_bias(node) or self._picks_places(node)
        ):
            node = next((self._makers[one] for one in node.inputs if one in self._makers), None)
        return node

    def _is_a_bias(self, node: Node) -> bool:
        """Whether a node adds what is no image, as OpenVINO writes a convolution's bias."""
        return node.operator == "Add" and sum(name in self._makers for name in node.inputs) == 1

    def _picks_places(self, node: Node) -> bool:
        """Whether a node takes rows or columns of what it reads, as bringing labels back does.

        Which ones, the image's numbers do not decide, and they stay what they are.
        """
        if node.operator != "Gather" or len(node.inputs) < 2:
            return False
        return node.inputs[0] in self._makers and node.inputs[1] not in self._makers

    def _is_a_channels(self, names: Sequence[str]) -> bool:
        return len(names) == 1 and self.constants.get(names[0]) in ((1, 3, 1, 1), (3, 1, 1))


def dims_text(dims: Dims) -> str:
    """Dimensions in words: ``(any, 3, 360, 480)``."""
    return "(" + ", ".join("any" if one is None else str(one) for one in dims) + ")"


def _require_known(node: Node, known: set[str]) -> None:
    for name in filter(None, node.inputs):
        if name not in known:
            raise NotPlain(f"its operator {node.operator} reads {_short(name)}, which is not there")
    twice = known.intersection(node.outputs)
    given = [*filter(None, node.outputs)]
    if twice or not given or len({*given}) < len(given):
        raise NotPlain(f"its operator {node.operator} gives what is there already, or nothing")


def _require_sizes(node: Node, deciding: tuple[int, ...], seen: set[str]) -> None:
    for index in deciding:
        if index < len(node.inputs) and node.inputs[index] in seen:
            raise NotPlain(
                f"what is in the image decides the size of what its operator {node.operator} makes"
            )


def _short(name: str) -> str:
    return ascii(name) if len(name) <= 60 else f"{name[:60]!a}..."
