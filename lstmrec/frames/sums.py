"""Arrow batches of lists and targets -> sums of metrics over users, by slice and bootstrap resample: run by executors.

Beside the metrics of `frames.expected`, at each k:

    serendipity  hits that the popularity list's first k do not hold / k (Ge, Delgado-Battenfeld and Jannach 2010)
    ips_recall, ips_ndcg  recall and NDCG whose hits weigh `weight`, the inverse propensity of their item to be seen
                 (`targets.items`; the ideal and min(k, t) as they are): what they would be had every item been seen
                 alike, up to a factor that all recommenders share
    ips_weight   the mean weight of a user's targets: its mean over users divides the two above (self-normalised)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from lstmrec.frames.expected import FIXED, METRICS, Floats, Ints, expected, ideal, of_hits, spread, weights

#: Bits of a target's `mark`.
REPEAT, COLD, NEW = 1, 2, 4
#: Slices of targets: name -> (bit, its value).
KINDS = {"repeat": (REPEAT, True), "explore": (REPEAT, False), "item:cold": (COLD, True), "item:warm": (COLD, False),
         "item_age:new": (NEW, True), "item_age:old": (NEW, False)}  # fmt: skip
#: A target's weight is in units of 2^-20.
WEIGHT = 1 << 20


@dataclass(frozen=True)
class Asked:
    """What to measure. kinds: of `KINDS`. serendipity, ips: whether targets carry `popular` and `weight`."""

    ks: tuple[int, ...]
    resamples: int = 0
    kinds: tuple[str, ...] = ()
    serendipity: bool = False
    ips: bool = False

    @property
    def plain(self) -> list[str]:
        """Names of the sums over every slice: `recall_10` and so on."""
        return [f"{metric}_{k}" for k in self.ks for metric in METRICS]

    @property
    def more(self) -> list[str]:
        """Names of the sums over slices of users alone."""
        wanted = [*(["serendipity"] if self.serendipity else []), *(["ips_recall", "ips_ndcg"] if self.ips else [])]
        return [f"{metric}_{k}" for metric in wanted for k in self.ks] + (["ips_weight"] if self.ips else [])

    @property
    def columns(self) -> list[str]:
        """All of them."""
        return [*self.plain, *self.more]


@dataclass(frozen=True)
class Lists:
    """A batch: n lists, the row, 0-based place and target of each hit (by row, then place), scores (n lists), tied
    (n,): whether one of its hits shares its score. count (n,): targets; mark, popular, weight: of each target."""

    n: int
    row: Ints
    place: Ints
    target: Ints
    scores: Any
    tied: NDArray[np.bool_]
    owner: Ints
    count: Ints
    mark: Ints
    popular: Ints
    weight: Ints


def sums(batches: Iterator[Any], asked: Asked) -> Iterator[Any]:
    """Per (recommender, role, slice, resample): the weight of users, of those without a list, and the weighted sums of
    their values x 2^30.

    In: recommender, role, key, missing, slices (names of the user's groups), items (ids, best first), scores, targets
    (structs of item_id, mark, popular: 1-based place in the popularity list or 0, weight).
    """
    totals: dict[tuple[str, str, str], Ints] = {}
    for batch in batches:
        column = {name: batch.column(name) for name in batch.schema.names}
        weight = weights(column["key"].to_numpy(), asked.resamples)
        missing = column["missing"].to_numpy(zero_copy_only=False).astype(float)
        groups = _groups(column)
        for name, member, values in _slices(column, asked):
            block = np.concatenate([np.ones((len(missing), 1)), missing[:, None], values], axis=1)
            for group, mine in groups:
                rows = mine & member
                if rows.any():
                    # Exact in float64: below 2^30 * 100 (a weight's largest) * rows of a batch.
                    part = weight[rows].T @ block[rows]
                    key = (*group, name)
                    totals[key] = totals.get(key, 0) + np.rint(part).astype(np.int64)
    for (recommender, role, name), total in sorted(totals.items()):
        count = len(total)
        arrays = [pa.array([text] * count) for text in (recommender, role, name)]
        arrays += [pa.array(np.arange(count, dtype=np.int32)), *(pa.array(total[:, i]) for i in range(total.shape[1]))]
        header = ["recommender", "role", "slice", "resample", "users", "missing", *asked.columns]
        yield pa.RecordBatch.from_arrays(arrays, names=header)


def matched(column: dict[str, Any]) -> Lists:
    """A batch's hits: which items of each list are targets of the same row."""
    wanted, items = column["targets"], column["items"]
    count, length = _lengths(wanted), _lengths(items)
    n, parts = len(count), wanted.flatten()
    names = parts.field("item_id").dictionary_encode()
    width = max(len(names.dictionary), 1)
    owner = np.repeat(np.arange(n), count)
    keys = owner * width + names.indices.to_numpy(zero_copy_only=False)
    order = np.argsort(keys)
    found = pc.index_in(items.flatten(), value_set=names.dictionary)
    at = np.flatnonzero(found.is_valid().to_numpy(zero_copy_only=False))
    row = np.repeat(np.arange(n), length)[at]
    pair = row * width + found.drop_null().to_numpy(zero_copy_only=False)
    where = np.searchsorted(keys, pair, sorter=order)
    hit = keys[order[np.minimum(where, len(keys) - 1)]] == pair if len(keys) else np.zeros(len(pair), bool)
    at, row, target = at[hit], row[hit], order[where[hit]]
    scores = column["scores"]
    flat = scores.flatten().to_numpy(zero_copy_only=False)
    starts = np.cumsum(length) - length
    edge = np.zeros(len(flat) + 1, bool)  # whether a block of equal scores begins here
    edge[1:-1] = flat[1:] != flat[:-1]
    edge[starts[length > 0]] = edge[-1] = True
    tied = np.bincount(row, ~(edge[at] & edge[at + 1]), n) > 0
    mark, popular, weight = (parts.field(x).to_numpy().astype(np.int64) for x in ("mark", "popular", "weight"))
    return Lists(n, row, at - starts[row], target, scores, tied, owner, count, mark, popular, weight)


def values(b: Lists, of: NDArray[np.bool_], ks: Sequence[int]) -> Floats:
    """`expected.METRICS` (n, len(ks) * 6) of the targets that are `of` it, as whole numbers of 2^-30."""
    count = np.maximum(np.bincount(b.owner[of], minlength=b.n), 1)
    mine = of[b.target]
    plain = mine & ~b.tied[b.row]
    out = of_hits(b.row[plain], b.place[plain], b.n, count, ks)
    rows = np.unique(b.row[mine & b.tied[b.row]])
    if len(rows):
        hits, scores = _padded(b, rows, mine.astype(float))
        out[rows] = expected(hits > 0, scores, count[rows], ks)
    return np.rint(out.reshape(b.n, -1) * FIXED)


def more(b: Lists, asked: Asked) -> Floats:
    """The sums of `asked.more`, as whole numbers of 2^-30."""
    out, k = [], np.array(asked.ks)
    best = np.minimum(np.maximum(b.count, 1)[:, None], k)
    if asked.serendipity:
        there = b.popular[b.target]
        unknown = [_gained(b, ((there == 0) | (there > one)).astype(float), [one])[0] for one in asked.ks]
        out.append(np.concatenate(unknown, axis=1) / k)
    if asked.ips:
        found, dcg = _gained(b, b.weight[b.target] / WEIGHT, asked.ks)
        mean = np.bincount(b.owner, b.weight, b.n) / WEIGHT / np.maximum(b.count, 1)
        out += [found / best, dcg / ideal(best), mean[:, None]]
    return np.rint(np.concatenate(out, axis=1) * FIXED) if out else np.zeros((b.n, 0))


def _gained(b: Lists, gain: Floats, ks: Sequence[int]) -> tuple[Floats, Floats]:
    """Sums (n, len(ks)) of a gain of each hit, and of gain / log2(rank + 1), over the first k, in expectation."""
    plain = ~b.tied[b.row]
    row, place, value = b.row[plain], b.place[plain], gain[plain]
    rows = np.unique(b.row[~plain])
    if len(rows):
        shared = spread(*_padded(b, rows, gain))
        at, there = np.nonzero(shared)
        row, place = np.concatenate([row, rows[at]]), np.concatenate([place, there])
        value = np.concatenate([value, shared[at, there]])
    sums_ = [[np.bincount(row[place < k], term[place < k], b.n) for k in ks]
             for term in (value, value / np.log2(place + 2.0))]  # fmt: skip
    return np.stack(sums_[0], axis=1), np.stack(sums_[1], axis=1)


def _padded(b: Lists, rows: Ints, gain: Floats) -> tuple[Floats, Floats]:
    """Of some rows: the gain at each position of a list, 0 where no hit is, and its scores, NaN after its end."""
    lists = b.scores.filter(pa.array(np.isin(np.arange(b.n), rows)))
    size = _lengths(lists)
    inside = np.arange(size.max(initial=0))[None, :] < size[:, None]
    scores, gains = np.full(inside.shape, np.nan), np.zeros(inside.shape)
    scores[inside] = lists.flatten().to_numpy(zero_copy_only=False)
    mine = np.isin(b.row, rows)
    gains[np.searchsorted(rows, b.row[mine]), b.place[mine]] = gain[mine]
    return gains, scores


def _slices(column: dict[str, Any], asked: Asked) -> Iterator[tuple[str, NDArray[np.bool_], Floats]]:
    """Slices: name, which rows belong, the sums' values."""
    b = matched(column)
    whole = np.concatenate([values(b, np.ones(len(b.owner), bool), asked.ks), more(b, asked)], axis=1)
    yield "all", b.count > 0, whole
    owner = np.repeat(np.arange(b.n), _lengths(column["slices"]))
    named = column["slices"].flatten().dictionary_encode()
    code = named.indices.to_numpy(zero_copy_only=False)
    for i, name in enumerate(named.dictionary.to_pylist()):
        yield name, np.bincount(owner[code == i], minlength=b.n) > 0, whole
    rest = np.zeros((b.n, len(asked.more)))
    for name in asked.kinds:
        bit, value = KINDS[name]
        of = ((b.mark & bit) > 0) == value
        if of.any():
            yield name, np.bincount(b.owner[of], minlength=b.n) > 0, np.concatenate(
                [values(b, of, asked.ks), rest], axis=1)  # fmt: skip


def _groups(column: dict[str, Any]) -> list[tuple[tuple[str, str], NDArray[np.bool_]]]:
    """Each (recommender, role) of a batch, and its rows."""
    names, roles = column["recommender"].dictionary_encode(), column["role"].dictionary_encode()
    code = names.indices.to_numpy() * len(roles.dictionary) + roles.indices.to_numpy()
    pairs = [(str(n), str(r)) for n in names.dictionary.to_pylist() for r in roles.dictionary.to_pylist()]
    return [(pairs[c], code == c) for c in np.unique(code)]


def _lengths(lists: Any) -> Ints:
    return lists.value_lengths().to_numpy(zero_copy_only=False).astype(np.int64)  # type: ignore[no-any-return]
