"""EXECUTOR side of `score.filters`: which items a user's list may hold, as masks over the catalogue. No pyspark."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from lstmrec import files
from lstmrec.model.caps import Caps
from lstmrec.scoring.options import RULES

_KEPT = 64  # masks held at once: a byte an item each


@dataclass
class Shown:
    """The rules of a catalogue of N items, read once a process.

    everybody (N,) bool: items for users of any segment. only: segment -> the items that are for it besides. pins: items
    that are never ranked where they may be shown, since they have a fixed position. tags (N, T): capped tags, 0-padded;
    most (C + 1,).
    """

    everybody: np.ndarray
    only: dict[str, np.ndarray]
    pins: np.ndarray
    tags: torch.Tensor
    most: torch.Tensor
    _masks: dict[str, tuple[torch.Tensor, Caps | None]] = field(default_factory=dict)

    def of(self, segment: str) -> tuple[torch.Tensor, Caps | None]:
        """(allowed (N,) bool, caps) for users of a segment; a segment that no rule names has what is for everybody."""
        segment = segment if segment in self.only else ""
        if segment not in self._masks:
            may = self.everybody.copy()
            may[self.only.get(segment, [])] = True
            pinned = self.pins[may[self.pins]]
            may[pinned] = False
            used = torch.bincount(self.tags[torch.from_numpy(pinned)].flatten(), minlength=len(self.most))
            used[0] = 0
            while len(self._masks) >= _KEPT:
                del self._masks[next(iter(self._masks))]
            caps = Caps(self.tags, self.most, used) if len(self.most) > 1 else None
            self._masks[segment] = torch.from_numpy(may), caps
        return self._masks[segment]


@lru_cache(maxsize=2)
def the_rules(place: str, most: tuple[int, ...], size: int) -> Shown:
    """The rules in the Parquet files of a folder. Items that stand there with nothing (or not at all) are not shown.

    most: how many items of capped tag 1, 2 ... a list may hold; size: items of the catalogue, with the reserved ones.
    """
    names = [n for n in files.walk(place) if n.endswith(".parquet")]
    tables = [pq.read_table(pa.BufferReader(_bytes(files.join(place, n))), columns=list(RULES)) for n in names]
    rows: Any = pa.concat_tables(tables).combine_chunks()
    item, pinned = rows["item"].to_numpy(), rows["pin"].is_valid().to_numpy()
    everybody = np.zeros(size, bool)
    everybody[item[rows["everybody"].to_numpy()]] = True
    only = _by_value(item, rows["segments"])
    capped = _by_value(item, rows["caps"])
    per_item = np.zeros(size, np.int64)
    for items in capped.values():
        per_item[items] += 1
    tags, many = np.zeros((size, int(per_item.max(initial=0))), np.int64), np.zeros(size, np.int64)
    for tag, items in sorted(capped.items()):
        tags[items, many[items]] = tag
        many[items] += 1
    return Shown(everybody, only, item[pinned], torch.from_numpy(tags), torch.tensor([0, *most]))


def pairs(hidden: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """(row, item) of an Arrow column of lists, in order."""
    sizes = hidden.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
    item = hidden.flatten().to_numpy(zero_copy_only=False).astype(np.int64)
    return torch.from_numpy(np.repeat(np.arange(len(sizes)), sizes)), torch.from_numpy(item)


def _by_value(item: np.ndarray, lists: Any) -> dict[Any, np.ndarray]:
    """Member -> the items whose list holds it."""
    column = lists.combine_chunks() if isinstance(lists, pa.ChunkedArray) else lists
    who = np.repeat(item, column.value_lengths().fill_null(0).to_numpy(zero_copy_only=False))
    coded = column.flatten().dictionary_encode()
    codes = coded.indices.to_numpy(zero_copy_only=False)
    ends = np.bincount(codes, minlength=len(coded.dictionary)).cumsum()
    parts = np.split(who[np.argsort(codes, kind="stable")], ends)[: len(ends)]
    return dict(zip(coded.dictionary.to_pylist(), parts, strict=True))


def _bytes(path: str) -> bytes:
    with files.open_read(path) as source:
        return source.read()
