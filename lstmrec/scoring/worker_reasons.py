"""EXECUTOR side of `score.because`: lists and what each of their items owes its score to. No pyspark."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from torch import Tensor

from lstmrec.contracts import tables
from lstmrec.contracts.ids import FIRST
from lstmrec.contracts.kinds import arrow_type
from lstmrec.model import influence
from lstmrec.model.batch import Batch
from lstmrec.model.net import Net
from lstmrec.scoring.items import Items
from lstmrec.scoring.options import Options

_REASONS = arrow_type(tables.RECOMMENDATIONS.column("reasons").kind)
FIELDS = [("because", pa.list_(pa.string())), ("reasons", _REASONS), ("list_s", pa.float64()),
          ("because_s", pa.float64())]  # fmt: skip


@dataclass(frozen=True)
class Reasons:
    """Of R rows: because (R, E) items, names (R, K, E) and their influence (R, K, E), 0-padded; seconds (R, 2) that
    list and reasons took."""

    because: np.ndarray
    names: np.ndarray
    influence: np.ndarray
    seconds: np.ndarray

    @classmethod
    def none(cls, rows: int, k: int, events: int) -> Reasons:
        """To be filled, row by row."""
        return cls(np.zeros((rows, events), np.int64), np.zeros((rows, k, events), np.int64),
                   np.zeros((rows, k, events), np.float32), np.zeros((rows, 2)))  # fmt: skip

    def put(self, at: np.ndarray, net: Net, made: Batch, items: Items, best: Tensor, options: Options) -> None:
        """The reasons of a padded batch, whose first rows are `at` of these. best (B, K): its lists."""
        events, within = options.because
        value = influence.influences(net, made, items.vectors, items.bias, best, within)
        past = influence.events(made, within)
        names, size = influence.strongest(value, past, events)
        # What holds the list up as a whole: an event that pushes one item down is no reason against another.
        whole, _ = influence.strongest(value.clamp(min=0).sum(1, keepdim=True), past, events)
        self.names[at], self.influence[at] = names[: len(at)].numpy(), size[: len(at)].numpy()
        self.because[at] = whole[: len(at), 0].numpy()

    def columns(self, chosen: np.ndarray, ids: pa.Array) -> list[pa.Array]:
        """Arrays of `FIELDS`; chosen (R, K): the lists."""
        listed = chosen >= FIRST
        names, size = self.names[listed], self.influence[listed]
        real = names >= FIRST
        pairs = pa.StructArray.from_arrays([_named(names[real], ids), pa.array(size[real])],
                                           fields=list(_REASONS.value_type.value_type))  # fmt: skip
        each = pa.ListArray.from_arrays(_offsets(real.sum(1)), pairs)
        rows = pa.ListArray.from_arrays(_offsets(listed.sum(1)), each)
        whole = self.because >= FIRST
        because = pa.ListArray.from_arrays(_offsets(whole.sum(1)), _named(self.because[whole], ids))
        return [because, rows, pa.array(self.seconds[:, 0]), pa.array(self.seconds[:, 1])]


def _named(items: np.ndarray, ids: pa.Array) -> pa.Array:
    return ids.take(pa.array(items)).cast(pa.string())


def _offsets(sizes: np.ndarray) -> pa.Array:
    return pa.array(np.concatenate([[0], sizes.cumsum()]), pa.int32())
