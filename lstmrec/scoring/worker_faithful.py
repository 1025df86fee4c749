"""EXECUTOR side of `evaluate.because`: curves of users' first items, reasons under shuffled weights. No pyspark."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from lstmrec.contracts.ids import FIRST
from lstmrec.model import faithful, rank
from lstmrec.model.batch import Batch, batch_of
from lstmrec.model.faithful import Setting
from lstmrec.model.influence import events, influences
from lstmrec.scoring import worker
from lstmrec.scoring.options import COLUMNS, Options

_INT, _FLOAT = pa.int32(), pa.float64()
SCHEMA = pa.schema([
    ("key", pa.int64()), ("items", _INT), ("curves", pa.list_(_FLOAT)), ("reasoned", _INT), ("newest", _INT),
    ("chance", _FLOAT), ("same", _INT), ("pairs", _INT), ("agreement", _FLOAT),
])  # fmt: skip


def measured(batches: Iterator[pa.RecordBatch], options: Options, items: int, steps: tuple[int, ...], seed: int
             ) -> Iterator[pa.RecordBatch]:  # fmt: skip
    """The body of a mapInArrow over SEQUENCES: a row for each user with two events or more, of the first `items` of the
    list; `options.because` says within how many events.

    Sums over the user's items: items (how many), curves (`faithful.curves`, flat), reasoned (that have a reason at
    all), newest (whose first reason is the newest event), chance (of that, were reasons drawn), same (whose first
    reason is that of shuffled weights too), pairs and agreement (rank correlations with those, and how many there are).
    """
    net = worker.the_user_side(options.root, options.bundle)
    known = worker.the_items(options.root, options.items, options.bundle)
    other = faithful.shuffled(net, known.vectors, known.bias, seed)
    setting = Setting(options.because[1], steps, options.k, options.block, known.longest)
    for batch in batches:
        column = {name: batch.column(batch.schema.get_field_index(name)) for name in COLUMNS}
        rows: list[dict[str, Any]] = []
        for parts in worker.packed(worker.classes(column), options.rows):
            made = batch_of(*[p.columns for p in parts]).padded(options.rows)
            best, _ = rank.serve(net, made, known.vectors, known.bias, options.k, options.block, longest=known.longest)
            listed = best[:, :items]
            table = (net, known.vectors, known.bias)
            mine, theirs = (influences(n, made, v, b, listed, setting.within) for n, v, b in (table, other))
            past = events(made, setting.within)
            order = faithful.orders(mine, past, known.vectors, listed, _draws(made, listed.shape[1], past.shape[1]))
            curves = faithful.curves(net, made, known.vectors, known.bias, listed, order, setting)
            many = sum(len(p.at) for p in parts)
            rows += _rows(made.user[:many].tolist(), listed[:many], past[:many] > 0, mine[:many], theirs[:many],
                          curves[:, :, :many])  # fmt: skip
        if rows:
            yield pa.RecordBatch.from_pylist(rows, schema=SCHEMA)


def _draws(made: Batch, items: int, width: int) -> Tensor:
    """(B, T, W) random numbers of each user: a wider draw begins with the narrower one."""
    drawn = [np.random.default_rng(user & (2**63 - 1)).random((width, items)).T for user in made.user.tolist()]
    return torch.from_numpy(np.stack(drawn))


def _rows(users: list[int], listed: Tensor, there: Tensor, mine: Tensor, theirs: Tensor, curves: Tensor
          ) -> list[dict[str, Any]]:  # fmt: skip
    agree = faithful.agreement(mine, theirs, there)
    first, other = faithful.top(mine, there), faithful.top(theirs, there)
    n = there.sum(1)
    out = []
    for i, user in enumerate(users):
        real = listed[i] >= FIRST
        if int(n[i]) < 2 or not bool(real.any()):
            continue
        reasoned, sure = real & (first[i] >= 0), real & ~agree[i].isnan()
        out.append({
            "key": user, "items": int(real.sum()), "curves": curves[:, :, i, real].sum(2).flatten().tolist(),
            "reasoned": int(reasoned.sum()), "newest": int((first[i][reasoned] == 0).sum()),
            "chance": float(reasoned.sum()) / int(n[i]), "same": int((first[i] == other[i])[reasoned].sum()),
            "pairs": int(sure.sum()), "agreement": float(agree[i][sure].sum()),
        })  # fmt: skip
    return out
