"""Small random worlds for the model's tests: a catalogue, windows with a past and a future, nets."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from lstmrec.model.batch import Batch, Catalogue, batch_of
from lstmrec.model.build import build
from lstmrec.model.net import Net
from lstmrec.model.spec import NetSpec

DAY = 86400
WIDTHS = (3, 2)  # of the named vectors


def catalogue(n: int = 30, trained: int = 24, seed: int = 0) -> Catalogue:
    rng = np.random.default_rng(seed)
    item = np.arange(2, n)
    return Catalogue.of({
        "item": item, "id": np.where(item < trained, item, 1), "count": np.sort(rng.integers(1, 50, n - 2))[::-1],
        "tags": [rng.integers(2, 9, rng.integers(0, 4)) for _ in item], "text": [rng.integers(2, 12, 2) for _ in item],
        "numeric": rng.normal(size=(n - 2, 3)).astype(np.float32),
        "vectors": np.concatenate([vectors(rng, n - 2, width) for width in WIDTHS], 1),
    })  # fmt: skip


def vectors(rng: np.random.Generator, n: int, width: int) -> np.ndarray:
    """(n, 1 + width): 1 and a unit vector, or zeros in a third of the rows."""
    drawn = rng.normal(size=(n, width))
    there = rng.random((n, 1)) < 2 / 3
    units = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
    return np.where(there, np.concatenate([np.ones((n, 1)), units], 1), 0).astype(np.float32)


def columns(
    rows: int = 6, length: int = 9, n_items: int = 30, lives: int = 2, seed: int = 0, **fixed: Any
) -> dict[str, Any]:
    """Columns of SEQUENCES: repeats, unknown items, untrained items, groups of equal times, short windows."""
    rng = np.random.default_rng(seed)
    n = rng.integers(1, length + 1, rows)
    n[0] = length
    before, after = 4, 5
    span = length + after
    time = np.cumsum(rng.integers(0, 2, (rows, span)) * rng.integers(1, 9, (rows, span)) * DAY, 1) + 1000 * DAY
    item = rng.integers(1, n_items, (rows, span))
    end = np.ones((rows, span), dtype=np.int64)
    end[:, :-1] = time[:, 1:] > time[:, :-1]
    n_after = rng.integers(0, after + 1, rows)
    n_before = rng.integers(0, before + 1, rows)
    n_before[:2] = 0
    real, later = np.arange(length) < n[:, None], np.arange(after) < n_after[:, None]
    past = np.arange(before) < n_before[:, None]
    follow = n[:, None] + np.arange(after)
    pick = lambda a: np.where(later, np.take_along_axis(a, follow, 1), 0)  # noqa: E731
    old = np.stack([rng.choice(np.arange(2, n_items), before, replace=False) for _ in range(rows)])
    out = {
        "items": np.where(real, item[:, :length], 0), "types": np.where(real, rng.integers(1, 4, (rows, length)), 0),
        "times": np.where(real, time[:, :length], 0), "ends": np.where(real, end[:, :length], 0), "n": n,
        "before_items": np.where(past, old, 0), "before_counts": np.where(past, rng.integers(1, 5, (rows, before)), 0),
        "before_times": np.where(past, 990 * DAY - rng.integers(0, 99, (rows, before)) * DAY, 0),
        "before_decayed": (np.tile(past, (1, lives)) * rng.uniform(0.1, 3, (rows, before * lives))).astype(np.float32),
        "after_items": pick(item), "after_times": pick(time), "after_ends": pick(end), "n_after": n_after,
        "cut": np.full(rows, 1045 * DAY), "user": rng.integers(0, 1 << 60, rows),
        "static": rng.integers(1, 4, (rows, 2)), "profile": rng.normal(size=(rows, 3)).astype(np.float32),
    }  # fmt: skip
    return {**out, **fixed}


def spec(**change: Any) -> NetSpec:
    base: dict[str, Any] = dict(
        dim=8, units=12, trained=24, tags=9, text=12, numeric=3, vectors=WIDTHS, types=4, static=(4, 4), profile=3,
        half_lives=(30.0, 90.0), history="filter", horizon_days=10, max_after=5,
    )  # fmt: skip
    return NetSpec(**{**base, **change})


RICH: dict[str, Any] = dict(
    layers=2, ffn=2, inputs=("id", "tags", "text", "numeric", "vectors"), use_static=True, use_profile=True,
    use_time=True, use_types=True,
)  # fmt: skip


def net(seed: int = 1, double: bool = False, **change: Any) -> Net:
    """A net whose every parameter is off its start, so that none of them is without effect."""
    made = build(spec(**change), seed)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in made.parameters():
            p.add_(0.2 * torch.randn(p.shape, generator=generator))
    return made.double() if double else made


def batch(**kwargs: Any) -> Batch:
    return batch_of(columns(**kwargs))
