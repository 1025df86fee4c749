"""A net that begins with the weights of an older one, whose vocabularies it has grown (`train.init_from`)."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor

from lstmrec import versions
from lstmrec.config.run import Config
from lstmrec.contracts import tables
from lstmrec.contracts.errors import ConfigError
from lstmrec.contracts.ids import FIRST, UNKNOWN
from lstmrec.model.net import Net
from lstmrec.model.spec import NetSpec
from lstmrec.training import initial
from lstmrec.training.distill import loaded
from lstmrec.training.inputs import Inputs, read_catalogue

#: How a net is trained, not what its weights mean.
_FREE = frozenset(("input_dropout", "hidden_dropout", "item_dropout", "id_dropout", "objective", "horizon_days",
                   "max_after"))  # fmt: skip
#: Sizes of vocabularies: they may have grown.
_GROWS = ("trained", "tags", "types", "static")


@dataclass(frozen=True)
class Begun:
    """What a training began with. known, new: items with an embedding that the bundle has one for, and others."""

    bundle: str
    fingerprint: str
    known: int
    new: int

    @property
    def said(self) -> str:
        return f"begins with {self.bundle}: {self.known:,} items known, {self.new:,} new"


def begun(conf: Config, inputs: Inputs, net: Net) -> Begun | None:
    """Give a fresh net (on the CPU) the weights of `train.init_from`; None where that is null.

    ConfigError C664 naming what differs between the nets, and what `initial.found` and `distill.loaded` raise.
    """
    bundle = initial.found(conf)
    if bundle is None:
        return None
    old = loaded(bundle, torch.device("cpu"))
    if wrong := differs(old.spec, net.spec):
        raise ConfigError("C664", f"another net than this config asks for: {'; '.join(wrong)}",
                          f"{initial.KEY}: {bundle.said}", "leave init_from out to train anew")  # fmt: skip
    ids = inputs.catalogue.ids
    mine = torch.unique(ids[ids >= FIRST])
    new = mine[~torch.isin(mine, _held(conf, bundle.items, inputs, old))]
    grow(net, old, new)
    return Begun(bundle.said, bundle.fingerprint, len(mine) - len(new), len(new))


def grow(net: Net, old: Net, new: Tensor) -> None:
    """Every weight of `old`, rows of vocabularies by their ids. new (n,): ids of items that `old` has not learnt.

    A new item, tag, event type or value of a demographic begins as the unknown one, row 1: an item's vector is then
    what the net made of its content while it had no id, and its bias the log of its share of train events.
    """
    with torch.no_grad():
        mine = net.state_dict()
        for name, weights in old.state_dict().items():
            if mine[name].shape == weights.shape:
                mine[name].copy_(weights)
                continue
            mine[name][: len(weights)] = weights
            mine[name][len(weights) :] = weights[UNKNOWN] if weights.ndim > 1 else 0.0  # 0: of `item.delta`
        net.item.id.weight[new] = old.item.id.weight[UNKNOWN]
        net.item.delta[new] = 0.0


def differs(old: NetSpec, new: NetSpec) -> list[str]:
    """What keeps the weights of a net of one spec from being those of another, but for vocabularies that grew."""
    read = {"types": new.use_types, "static": new.use_static, "profile": new.use_profile}
    read |= {name: name in new.inputs for name in ("tags", "text", "numeric", "vectors")}
    names = [f.name for f in fields(NetSpec) if f.name not in _FREE and read.get(f.name, True)]
    if "learn" not in (old.history, new.history):
        names.remove("history")  # filter and ignore: which items the softmax runs over
    pairs = [(n, getattr(old, n), getattr(new, n)) for n in names]
    return [f"{n} is {a} there, {b} here" for n, a, b in pairs if a != b and not (n in _GROWS and _grew(a, b))]


def _grew(old: Any, new: Any) -> bool:
    if isinstance(old, tuple):
        return len(old) == len(new) and all(a == b or _grew(a, b) for a, b in zip(old, new, strict=True))
    return bool(UNKNOWN < old < new)


def _held(conf: Config, items: str, inputs: Inputs, old: Net) -> Tensor:
    """Ids that the bundle's items have: an item may get an id that lay idle among them. All, where nobody can tell."""
    if items == inputs.items.fingerprint:
        return inputs.catalogue.ids
    root = conf.normalise.grow_from
    if root and items:
        for manifest in versions.newest(root, tables.ENCODED_ITEMS):
            if manifest.fingerprint == items:
                return read_catalogue(root, manifest).ids
    return torch.arange(old.spec.trained)
