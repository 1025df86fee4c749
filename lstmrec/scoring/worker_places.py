"""EXECUTOR side: where given items stand among all that a user may be shown. No pyspark."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from lstmrec.model.batch import batch_of
from lstmrec.model.rank import scores_all
from lstmrec.scoring import worker
from lstmrec.scoring.options import COLUMNS, Options

_NAMES = ("key", "ranker", "among", "targets", "candidates", "percentile", "recall_10", "recall_100")
_KINDS = (pa.int64(), pa.string(), pa.string(), pa.int32(), pa.int32(), *[pa.float64()] * 3)
_Row = tuple[int, str, str, int, int, float, float, float]
SCHEMA = pa.schema(list(zip(_NAMES, _KINDS, strict=True)))


def places(
    batches: Iterator[pa.RecordBatch],
    options: Options,
    scores: Mapping[str, np.ndarray],
    cold: np.ndarray,
    near: tuple[Any, ...] | None = None,
) -> Iterator[pa.RecordBatch]:
    """The body of a mapInArrow over SEQUENCES with `key` and `targets` (catalogue indexes): a row for each ranker and
    candidate set (`all`, `cold`: those of `cold` alone) in which the user has a target.

    scores: ranker -> a score an item (N,); the model is one more, and with `near` (what makes a scorer of the arrays
    after it) `content`, by the columns near and near_weights: what the user had. percentile, recall_10, recall_100:
    sums over the user's targets, in expectation over the order of ties; a percentile is the share of the other
    candidates above.
    """
    net = worker.the_net(options.root, options.bundle)
    items = worker.the_items(options.root, options.items, options.bundle)
    others = {name: torch.from_numpy(np.asarray(s, np.float64)) for name, s in scores.items()}
    among = torch.from_numpy(np.asarray(cold, bool))
    votes = near[0](*near[1:]) if near else None
    for batch in batches:
        there = [name for name in COLUMNS if name in batch.schema.names]
        column = {name: batch.column(batch.schema.get_field_index(name)) for name in there}
        key = batch.column(batch.schema.get_field_index("key")).to_pylist()
        targets = batch.column(batch.schema.get_field_index("targets")).to_pylist()
        had, much = (batch.column(n).to_pylist() for n in ("near", "near_weights")) if votes else ([], [])
        rows = []
        for parts in worker.packed(worker.classes(column), options.rows):
            made = batch_of(*[p.columns for p in parts]).padded(options.rows)
            ours = scores_all(net, made, items.vectors, items.bias)
            for i, at in enumerate(np.concatenate([p.at for p in parts]).tolist()):
                every = dict(others)
                if votes:
                    liked = votes(np.array(had[at] or [], np.int64), np.array(much[at] or [], np.int64), -1)
                    every["content"] = torch.from_numpy(liked.astype(np.float64))
                rows += _rows(key[at], torch.tensor(targets[at]), ours[i], every, among)
        if rows:
            columns = zip(*rows, strict=True)
            yield pa.RecordBatch.from_arrays([pa.array(c, k) for c, k in zip(columns, _KINDS, strict=True)],
                                             schema=SCHEMA)  # fmt: skip


def _rows(key: int, targets: Tensor, ours: Tensor, others: Mapping[str, Tensor], cold: Tensor) -> list[_Row]:
    shown = ours > -torch.inf
    out = []
    for among, may in (("all", shown), ("cold", shown & cold)):
        mine = targets[may[targets]]
        for name, score in {"model": ours, **others}.items():
            if len(mine):
                out.append((key, name, among, len(mine), int(may.sum()), *standing(score[may], score[mine])))
    return out


def standing(candidates: Tensor, targets: Tensor) -> tuple[float, float, float]:
    """(percentile, recall@10, recall@100), sums over targets (T,), which are among the candidates (C,)."""
    above = (candidates[None] > targets[:, None]).sum(1).double()
    tied = (candidates[None] == targets[:, None]).sum(1).double()
    share = (above + (tied - 1) / 2) / max(len(candidates) - 1, 1)
    hits = [((k - above) / tied).clamp(0, 1).sum() for k in (10, 100)]
    return float(share.sum()), float(hits[0]), float(hits[1])
