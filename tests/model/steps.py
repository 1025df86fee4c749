"""A window walked event by event through the graphs of a net, whatever runs them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from lstmrec.model.batch import Batch
from lstmrec.model.net import Net
from lstmrec.model.stepwise import Graph
from tests.model import worlds

Run = Callable[[str, dict[str, Tensor]], tuple[Tensor, ...]]  # a graph's name and its inputs -> its outputs

#: One net of each kind that differs in what a state or an input is.
KINDS: dict[str, dict[str, Any]] = {
    "plain": {}, "rich": worlds.RICH, "cosine": {**worlds.RICH, "cosine": True, "use_static": False},
    "time": {"use_time": True, "layers": 2}, "types": {"use_types": True, "ffn": 2, "cosine": True},
    "static": {"use_static": True, "layers": 3}, "profile": {"use_profile": True, "history": "ignore"},
}  # fmt: skip


def in_torch(graphs: dict[str, Graph]) -> Run:
    def run(name: str, named: dict[str, Tensor]) -> tuple[Tensor, ...]:
        graph = graphs[name]
        out = graph(*(named[p.name] for p in graph.inputs))
        return out if isinstance(out, tuple) else (out,)

    return run


@torch.no_grad()
def walked(run: Run, batch: Batch, vectors: Tensor) -> Tensor:
    """(B, L+1, dim): the user vectors at every place; all users at once, also those whose window has ended."""
    named = {"users": batch.n, "static": batch.static, "profile": batch.profile}
    h, c, user = run("start", named)
    out = [user]
    for t in range(batch.length):
        gap = (batch.times[:, t] - batch.times[:, t - 1]).clamp(min=0) if t else torch.full_like(batch.n, -1)
        event = {"item": vectors[batch.items[:, t]], "type": batch.types[:, t], "time": batch.times[:, t], "gap": gap}
        h, c, user = run("step", {**named, **event, "h": h, "c": c})
        out.append(user)
    return torch.stack(out, 1)


@torch.no_grad()
def off(run: Run, net: Net, batch: Batch) -> float:
    """How far the walk is from the net's own user vectors of the whole windows, at most."""
    vectors, _ = net.item_vectors(worlds.catalogue())
    row = torch.arange(batch.rows)
    at_end = walked(run, batch, vectors)[row, batch.n] - net.user_vectors(batch, vectors)
    real = torch.arange(batch.length + 1) <= batch.n[:, None]
    everywhere = (walked(run, batch, vectors) - net.states(batch, vectors))[real]
    return float(torch.cat([at_end.abs().flatten(), everywhere.abs().flatten()]).max())
