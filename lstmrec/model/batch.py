"""The two inputs of a net: the catalogue and a batch of sequences, as tensors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lstmrec.contracts.errors import DataError

Columns = Mapping[str, Any]


@dataclass(frozen=True)
class Catalogue:
    """All items by catalogue index: row 0 is padding, row 1 the unknown item.

    ids (N,) embedding row, 1 where untrained; counts (N,) train events; tags (N, T) and text (N, W) ids, 0-padded;
    numeric (N, M) and vectors (N, V) float32: for each named vector 1 and its numbers, or as many zeros.
    """

    ids: Tensor
    counts: Tensor
    tags: Tensor
    text: Tensor
    numeric: Tensor
    vectors: Tensor

    @classmethod
    def of(cls, columns: Columns) -> Catalogue:
        """Of the columns item, id, count, tags, text, numeric of ENCODED_ITEMS (lists ragged or 2-D), sorted by item;
        vectors where the net looks at them.

        DataError D403 unless `item` runs 2, 3, 4 ...
        """
        item = np.asarray(columns["item"], dtype=np.int64)
        if not np.array_equal(item, np.arange(2, len(item) + 2)):
            raise DataError("D403", "the catalogue does not run 2, 3, 4 ...", "encoded_items.item", "run s3_normalise")
        two = np.array([0, 1])
        ids = np.concatenate([two, np.asarray(columns["id"], dtype=np.int64)])
        counts = np.concatenate([two * 0, np.asarray(columns["count"], dtype=np.int64)])
        vectors = columns.get("vectors", np.zeros((len(item), 0)))
        lists = [_padded(rows, dtype) for rows, dtype in
                 ((columns["tags"], np.int64), (columns["text"], np.int64), (columns["numeric"], np.float32),
                  (vectors, np.float32))]  # fmt: skip
        return cls(torch.from_numpy(ids), torch.from_numpy(counts), *lists)

    def to(self, device: torch.device | str) -> Catalogue:
        return Catalogue(*(getattr(self, f.name).to(device) for f in fields(self)))

    def __len__(self) -> int:
        return self.ids.shape[0]


def _padded(rows: Any, dtype: type) -> Tensor:
    """(N + 2, widest) of N lists, 0-padded, two rows of 0 before them."""
    if isinstance(rows, np.ndarray) and rows.ndim == 2:
        whole: np.ndarray = np.zeros((len(rows) + 2, rows.shape[1]), dtype=dtype)
        whole[2:] = rows
        return torch.from_numpy(whole)
    widths = np.array([len(r) for r in rows], dtype=np.int64)
    flat = np.concatenate([np.asarray(r, dtype=dtype) for r in rows]) if widths.sum() else np.zeros(0)
    out: np.ndarray = np.zeros((len(widths) + 2, int(widths.max(initial=0))), dtype=dtype)
    out[2:][np.arange(out.shape[1]) < widths[:, None]] = flat
    return torch.from_numpy(out)


@dataclass(frozen=True)
class Batch:
    """B windows, right-padded with 0 to L positions. Times are seconds since 1970 UTC (0 without a clock).

    items, types, times, ends (B, L); n (B,) real positions. before_items, before_counts, before_times (B, H) and
    before_decayed (B, D, H): distinct items before the window. after_items, after_times, after_ends (B, F) and n_after
    (B,): later events. cut, user (B,); static (B, S); profile (B, P). Integers are int64, the rest float32.
    """

    items: Tensor
    types: Tensor
    times: Tensor
    ends: Tensor
    n: Tensor
    before_items: Tensor
    before_counts: Tensor
    before_times: Tensor
    before_decayed: Tensor
    after_items: Tensor
    after_times: Tensor
    after_ends: Tensor
    n_after: Tensor
    cut: Tensor
    user: Tensor
    static: Tensor
    profile: Tensor

    @property
    def rows(self) -> int:
        return self.n.shape[0]

    @property
    def length(self) -> int:
        return self.items.shape[1]

    def to(self, device: torch.device | str) -> Batch:
        return Batch(*(getattr(self, f.name).to(device) for f in fields(self)))

    def padded(self, rows: int) -> Batch:
        """The same windows and then empty ones, `rows` in all: a fixed row count keeps results bit-equal."""
        more = rows - self.rows
        if more <= 0:
            return self
        grown = {}
        for f in fields(self):
            t = getattr(self, f.name)
            grown[f.name] = torch.cat([t, t.new_zeros((more, *t.shape[1:]))])
        return replace(self, **grown)


_LISTS = ("items", "types", "times", "ends", "before_items", "before_counts", "before_times", "before_decayed",
          "after_items", "after_times", "after_ends", "static", "profile")  # fmt: skip
_FLOATS = ("before_decayed", "profile")


def batch_of(columns: Columns, *more: Columns) -> Batch:
    """A batch of columns of SEQUENCES (list columns 2-D); several parts are stacked, each padded to the widest.

    Padding that no row needs is trimmed (one position stays). Columns that are absent count as empty.
    """
    parts = [_arrays(c) for c in (columns, *more)]
    stacked = {name: _stack([p[name] for p in parts]) for name in parts[0]}
    n, n_before, n_after = (stacked.pop(k) if k == "n_before" else stacked[k] for k in ("n", "n_before", "n_after"))
    length = max(1, int(n.max(initial=0)))
    for name in ("items", "types", "times", "ends"):
        stacked[name] = _width(stacked[name], length)
    for group, size in (("before", n_before), ("after", n_after)):
        for name in [k for k in stacked if k.startswith(group + "_")]:
            stacked[name] = _width(stacked[name], int(size.max(initial=0)))
    return Batch(**{k: torch.from_numpy(np.ascontiguousarray(v)) for k, v in stacked.items()})


def _arrays(columns: Columns) -> dict[str, np.ndarray]:
    rows = len(columns["n"])
    out: dict[str, np.ndarray] = {}
    for f in fields(Batch):
        dtype = np.float32 if f.name in _FLOATS else np.int64
        shape = (rows, 0) if f.name in _LISTS else (rows,)
        value = columns.get(f.name)
        array = np.zeros(shape, dtype) if value is None else np.asarray(value).astype(dtype)
        out[f.name] = array.reshape(rows, -1) if f.name in _LISTS and array.size else array.reshape(shape)
    out["n_before"] = (out["before_items"] > 0).sum(1)
    before = out["before_items"].shape[1]
    lives = out["before_decayed"].shape[1] // before if before else 0
    out["before_decayed"] = out["before_decayed"].reshape(rows, lives, before)
    return out


def _width(array: np.ndarray, width: int) -> np.ndarray:
    """The last axis cut or 0-padded to `width`."""
    if array.shape[-1] >= width:
        return array[..., :width]
    return np.pad(array, [(0, 0)] * (array.ndim - 1) + [(0, width - array.shape[-1])])


def _stack(arrays: list[np.ndarray]) -> np.ndarray:
    if arrays[0].ndim == 1:
        return np.concatenate(arrays)
    if arrays[0].ndim == 3:
        lives = max(a.shape[1] for a in arrays)
        arrays = [np.pad(a, [(0, 0), (0, lives - a.shape[1]), (0, 0)]) for a in arrays]
    width = max(a.shape[-1] for a in arrays)
    return np.concatenate([_width(a, width) for a in arrays])
