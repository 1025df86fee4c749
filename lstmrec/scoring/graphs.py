"""Graphs of a net as files that other runtimes read: ONNX, and torch's own exported programs. No pyspark here."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch.export import Dim

from lstmrec.contracts.errors import ResourceError
from lstmrec.model.stepwise import Graph

SUFFIX = {"onnx": ".onnx", "torch": ".pt2"}
_SIZE = 3  # of the examples that are traced; 0 and 1 would become constants


def write(folder: Path, graphs: Mapping[str, Graph], formats: Sequence[str]) -> dict[str, Any]:
    """Write each graph in each format; name -> {onnx, torch: file names, inputs, outputs: ports}.

    ResourceError R841 where ONNX is asked for and its packages are not there.
    """
    told: dict[str, Any] = {}
    for name, graph in graphs.items():
        told[name] = {"inputs": [asdict(p) for p in graph.inputs], "outputs": [asdict(p) for p in graph.outputs]}
        for kind in formats:
            file = name + SUFFIX[kind]
            with _quiet(), torch.no_grad():
                (_onnx if kind == "onnx" else _torch)(graph, str(folder / file))
            told[name][kind] = file
    return told


def _torch(graph: Graph, path: str) -> None:
    torch.export.save(torch.export.export(graph, _examples(graph), dynamic_shapes=_sizes(graph)), path)


def _onnx(graph: Graph, path: str) -> None:
    try:
        import onnxscript  # type: ignore[import-not-found,unused-ignore]  # noqa: F401  # what torch writes ONNX with
    except ImportError as error:
        raise ResourceError("R841", "onnxscript is not installed", "lstmrec export --format onnx",
                            "pip install 'lstmrec[export]', or --format torch") from error  # fmt: skip
    torch.onnx.export(
        graph, _examples(graph), path, dynamo=True, verbose=False, external_data=False, dynamic_shapes=_sizes(graph),
        input_names=[p.name for p in graph.inputs], output_names=[p.name for p in graph.outputs],
    )  # fmt: skip


def _examples(graph: Graph) -> tuple[torch.Tensor, ...]:
    return tuple(port.example(_SIZE) for port in graph.inputs)


def _sizes(graph: Graph) -> tuple[tuple[dict[int, Any], ...]]:
    """The sizes that are the caller's, at least 1, for each input."""
    free = {n: Dim(n, min=1) for port in graph.inputs for n in port.shape if isinstance(n, str)}
    return (tuple({i: free[n] for i, n in enumerate(p.shape) if isinstance(n, str)} for p in graph.inputs),)


@contextmanager
def _quiet() -> Iterator[None]:
    """The exporter warns of packages it could also translate, and of its own insides."""
    log = logging.getLogger("torch.onnx")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)
