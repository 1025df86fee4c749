"""A net taken apart for serving event by event: plain graphs of tensors, without batches, windows or catalogues.

An LSTM's state has a fixed size, so a user who had one more event costs one step, however long the history is. Fed
a window's events one by one, `Step` gives the user vectors that `Net.user_vectors` gives of the whole window.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lstmrec.contracts.errors import DataError
from lstmrec.contracts.units import DAY_S
from lstmrec.model.history import TINY, HistoryTerm
from lstmrec.model.net import Net
from lstmrec.model.user import UserTower, blocks, calendar, exact, gated

BATCH, ENTRIES = "batch", "entries"  # names of sizes that a caller chooses


@dataclass(frozen=True)
class Port:
    """An input or output of a graph. shape: numbers, and the name of the size that is the caller's."""

    name: str
    dtype: str  # float32 | int64
    shape: tuple[int | str, ...]
    doc: str

    def example(self, size: int) -> Tensor:
        """Zeros of this port for `size` users or entries."""
        return torch.zeros([size if isinstance(n, str) else n for n in self.shape], dtype=getattr(torch, self.dtype))


class Graph(nn.Module):
    """What can be exported: takes its inputs in order, gives its outputs in order."""

    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]

    def _named(self, given: tuple[Tensor, ...]) -> dict[str, Tensor]:
        return {port.name: tensor for port, tensor in zip(self.inputs, given, strict=True)}


def graphs(net: Net) -> dict[str, Graph]:
    """`start` and `step` of a net, and `history` where it learned one. DataError D406 for a net with attention."""
    if net.spec.attention:
        raise DataError("D406", "the net has attention: it looks at all states of a user, so no state of one size "
                        "stands for the history", "train.model.attention",
                        "train with --set train.model.attention=false, or score in batches (s7)")  # fmt: skip
    made: dict[str, Graph] = {"start": Start(net), "step": Step(net)}
    if net.term is not None:
        made["history"] = OwnScores(net.term, net.spec.dim)
    return {name: graph.eval() for name, graph in made.items()}


class Start(Graph):
    """Before any event: demographics -> the first state and the user vector."""

    def __init__(self, net: Net) -> None:
        super().__init__()
        self.user = user = net.user
        asked = [Port("static", "int64", (BATCH, len(net.spec.static)), "ids of the demographics; 1: unknown")]
        self.inputs = (*(asked if user.static is not None else ()), *_profile(user))
        if not self.inputs:
            self.inputs = (Port("users", "int64", (BATCH,), "any numbers: how many there are is all that counts"),)
        self.outputs = (*_state(net, ""), _query(net))

    def forward(self, *given: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        named, user = self._named(given), self.user
        static = named.get("static", given[0])
        own = user.head.weight.new_zeros((given[0].shape[0], user.spec.dim))
        states = [user.first(static, i, own) for i in range(user.spec.layers)]
        y = states[0][0]
        for i, (layer, (h, _)) in enumerate(zip(blocks(user), states, strict=True)):
            y = layer.block(h, y if i else None)
        h, c = (torch.stack(list(part)) for part in zip(*states, strict=True))
        return h, c, user.query(y, own, named.get("profile", own))


class Step(Graph):
    """One event a user: state and event -> the next state and the user vector after it."""

    def __init__(self, net: Net) -> None:
        super().__init__()
        self.user = user = net.user
        ports = [*_state(net, ""), Port("item", "float32", (BATCH, net.spec.dim), "the event's row of the item matrix")]
        if user.types is not None:
            ports.append(Port("type", "int64", (BATCH,), "id of the event's type; 1: unknown"))
        if user.time is not None:
            ports.append(Port("time", "int64", (BATCH,), "seconds since 1970 UTC"))
            ports.append(Port("gap", "int64", (BATCH,), "seconds since the user's event before, 0 where the clock runs "
                              "backwards; -1: it is the first"))  # fmt: skip
        self.inputs = (*ports, *_profile(user))
        self.outputs = (*_state(net, "next_"), _query(net))

    def forward(self, *given: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        named, user = self._named(given), self.user
        x = own = named["item"]
        if user.types is not None:
            x = x + user.types(named["type"])
        if user.time is not None:
            gap = named["gap"]
            seen = calendar(named["time"], gap.clamp(min=0).double(), (gap < 0).double())
            x = x + exact(user.time, seen).to(x.dtype)
        states = []
        for i, layer in enumerate(blocks(user)):
            states.append(_cell(layer.lstm, x, named["h"][i], named["c"][i]))
            x = layer.block(states[-1][0], x if i else None)
        h, c = (torch.stack(list(part)) for part in zip(*states, strict=True))
        return h, c, user.query(x, own, named.get("profile", own))


class OwnScores(Graph):
    """`history: learn`, of one user: facts about the items of the history -> the scores that replace their own."""

    def __init__(self, term: HistoryTerm, dim: int) -> None:
        super().__init__()
        self.term = term
        lives = ", ".join(f"{life / DAY_S:g}" for life in term.half_lives)
        self.inputs = (
            Port("user", "float32", (1, dim), "the user vector"),
            Port("count", "float32", (ENTRIES,), "times the user had the item"),
            Port("decayed", "float32", (ENTRIES, len(term.half_lives)), "sums of 2 ^ (-days since / half-life) over "
                 f"those times, half-lives {lives} days"),
            Port("days", "float32", (ENTRIES,), "days since the last of them, at least 0"),
            Port("base", "float32", (ENTRIES,), "item . user + bias"),
            Port("distinct", "float32", (1,), "items the user had, the unknown item counted as one"),
        )  # fmt: skip
        self.outputs = (Port("score", "float32", (ENTRIES,), "what the item's score is instead of `base`"),)

    def forward(self, *given: Tensor) -> Tensor:
        named, term = self._named(given), self.term
        logs = named["decayed"].clamp(min=TINY).log()
        facts = torch.cat([named["count"].log()[:, None], logs, torch.log1p(named["days"])[:, None]], 1)
        size = torch.log1p(named["distinct"]).expand(facts.shape[0])
        return term.score(facts, named["base"], size, term.user(named["user"]))


def _cell(lstm: nn.LSTM, x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    """One step of a layer."""
    named = dict(lstm.named_parameters())
    gates = F.linear(x, named["weight_ih_l0"], named["bias_ih_l0"])
    return gated(gates + F.linear(h, named["weight_hh_l0"], named["bias_hh_l0"]), c)


def _state(net: Net, prefix: str) -> list[Port]:
    shape = (net.spec.layers, BATCH, net.spec.units)
    return [Port(prefix + name, "float32", shape, f"{what} of each layer")
            for name, what in (("h", "hidden state"), ("c", "cell state"))]  # fmt: skip


def _profile(user: UserTower) -> list[Port]:
    width = 0 if user.profile is None else user.spec.profile
    return [Port("profile", "float32", (BATCH, width), "the encoded user profile")] if width else []


def _query(net: Net) -> Port:
    return Port("user", "float32", (BATCH, net.spec.dim), "the user vector; score = item . user + bias")
