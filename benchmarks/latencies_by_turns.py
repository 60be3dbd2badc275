"""Latencies of networks by turns in ONNX Runtime, with random weights.

*Logits* is the exported graph from the uint8 image to the network's own logits; *whole job* goes on
to the labels by the best tail.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from by_turns import by_turns, print_table
from fasterseg.baselines.catalogue import BASELINES
from fasterseg.deploy.benchmark.contestants import street_images
from fasterseg.deploy.exporting.export import export_network
from fasterseg.deploy.exporting.timed_graphs import PLAIN_DEVIATION, PLAIN_MEAN
from fasterseg.deploy.runtimes.onnx.cpu import OnnxRuntimeBackend
from fasterseg.deploy.runtimes.sessions import Session
from fasterseg.deploy.tail.label_maps import best_tail
from fasterseg.latency.timing import Call
from fasterseg.network.description import NetworkDescription
from fasterseg.network.network import WholeJob
from fasterseg.space.blocks import Size


def print_latencies(
    described: Mapping[str, NetworkDescription], size: Size, *, threads: Sequence[int], rounds: int
) -> None:
    """A table for each number of threads, to logits and to labels."""
    graphs = {name: exported(one, size) for name, one in described.items()}
    for count in threads:
        for what in ("logits", "whole job"):
            calls = {name: call_of(graph, size, count, what) for name, graph in graphs.items()}
            told = by_turns(calls, threads=count, rounds=rounds)
            print_table(f"ONNX Runtime, {what}, threads: {count}", told)


def exported(description: NetworkDescription, size: Size) -> bytes:
    """The ONNX file of a network with random weights, to its own logits."""
    network = description.build_seeded(0, baselines=BASELINES)
    job = WholeJob(network, PLAIN_MEAN, PLAIN_DEVIATION, output="low-resolution-logits")
    return export_network(job.eval(), size)


def call_of(graph: bytes, size: Size, threads: int, what: str) -> Call:
    """A call of an exported network on a street scene."""
    (image,) = street_images(size, count=1)
    opened = OnnxRuntimeBackend(threads=threads).open_graph(graph)
    if what == "logits":
        return partial(opened.run, np.ascontiguousarray(image[None]))
    session = Session(opened, "low-resolution-logits", best_tail(threads=threads))
    return partial(session.run, image)
