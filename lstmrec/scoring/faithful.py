"""DRIVER side of `evaluate.because`: whether the reasons of lists are the model's. No torch here.

Orders in which events go (or come back): by influence, which is what reasons are, at random, newest first, and those
whose items are most like the recommended one first. Figures are means over users of the means over their items.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lstmrec.frames import disturbed
from lstmrec.frames.expected import weights
from lstmrec.scoring.bench import Bench
from lstmrec.scoring.options import COLUMNS, FAITHFUL_DDL, Options

#: As `model.faithful` has them: torch is not asked for here.
ORDERS = ("influence", "random", "recent", "similar")
CURVES = ("deletion", "insertion")


def walk(b: Bench) -> dict[str, Any]:
    """See `figures`; {} where the config does not ask, or no sampled user has two events."""
    asked = b.conf.evaluate.because
    if asked is None:
        return {}
    who = disturbed.sample(b.frames["split"], asked.users, b.conf.seed)
    mine = b.frames["sequences"].where("role = 'test'").join(F.broadcast(who), "user_id", "left_semi")
    steps = tuple(sorted({s for s in asked.steps if s <= asked.within}))
    o = b.options
    options = Options(o.root, o.bundle, o.items, o.k, o.rows, o.block, because=(1, asked.within))
    rows = [r.asDict() for r in b.rows(measured(mine, options, asked.items, steps, b.conf.seed))]
    return figures(rows, steps, b.conf.evaluate.bootstrap) | {"within": asked.within} if rows else {}


def measured(sequences: DataFrame, options: Options, items: int, steps: tuple[int, ...], seed: int) -> DataFrame:
    """SEQUENCES rows -> what `worker_faithful.measured` says of each user."""

    def body(batches: Iterator[Any]) -> Iterator[Any]:
        from lstmrec.scoring import worker_faithful

        return worker_faithful.measured(batches, options, items, steps, seed)

    return sequences.select(*COLUMNS).mapInArrow(body, FAITHFUL_DDL)


def figures(rows: Sequence[dict[str, Any]], steps: Sequence[int], resamples: int) -> dict[str, Any]:
    """users, items, steps; curves: a row for each curve, order and step (and `area`, the mean over steps) with score,
    listed, and of areas the paired gap of score to the order by influence; newest, same_reason, agreement.

    Each figure is [value, low, high], bootstrapped over users. score: what a deletion took from the item's score, or an
    insertion gave back to it; listed: share of items on the list of the k best; newest: share of items whose first
    reason is the user's newest event, beside its chance; agreement, same_reason: rank correlation with, and share of
    equal first reasons as, shuffled weights.
    """
    rows = sorted(rows, key=lambda r: int(r["key"]))
    drawn = weights(np.array([r["key"] for r in rows], np.int64), resamples).T
    items = np.array([r["items"] for r in rows], float)
    shape = (len(rows), len(CURVES), len(ORDERS), len(steps), 2)
    curves = np.array([r["curves"] for r in rows]).reshape(shape) / items[:, None, None, None, None]
    out: list[dict[str, Any]] = []
    for c, curve in enumerate(CURVES):
        for o, order in enumerate(ORDERS):
            for s, step in [*enumerate(map(str, steps)), (slice(None), "area")]:
                one = curves[:, c, o, s].reshape(len(rows), -1, 2).mean(1)
                row: dict[str, Any] = {"curve": curve, "order": order, "step": step,
                       "score": _bounds(drawn, one[:, 0]), "listed": _bounds(drawn, one[:, 1])}  # fmt: skip
                if step == "area":
                    row["gap"] = _bounds(drawn, curves[:, c, 0, :, 0].mean(1) - one[:, 0]) if o else None
                out.append(row)
    column = {name: np.array([r[name] for r in rows], float) for name in rows[0] if name != "curves"}
    return {
        "users": len(rows), "items": int(items.sum()), "steps": list(steps), "curves": out,
        "reasoned": _bounds(drawn, column["reasoned"], column["items"]),
        "newest": _bounds(drawn, column["newest"], column["reasoned"]),
        "chance": _bounds(drawn, column["chance"], column["reasoned"])[0],
        "same_reason": _bounds(drawn, column["same"], column["reasoned"]),
        "agreement": _bounds(drawn, column["agreement"], column["pairs"]),
    }  # fmt: skip


def _bounds(drawn: Any, values: Any, by: Any = None) -> list[float]:
    """[value, low, high] of a mean over users, or of a ratio of sums."""
    many = drawn.sum(1) if by is None else drawn @ by
    means = drawn @ values / np.maximum(many, 1e-9)
    low, high = np.percentile(means[1:] if len(means) > 1 else means, [2.5, 97.5])
    return [float(means[0]), float(low), float(high)]
