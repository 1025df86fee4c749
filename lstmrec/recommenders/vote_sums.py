"""Executor side of `votes`: a user's votes added up, by numpy. No pyspark here."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from lstmrec.recommenders.ranker import Ints, first

DDL = "user_id string, id int, vote bigint"
SCHEMA = pa.schema([("user_id", pa.string()), ("id", pa.int32()), ("vote", pa.int64())])


def best(batches: Iterator[pa.RecordBatch], k: int) -> Iterator[pa.RecordBatch]:
    """The body of a mapInArrow over rows (user_id, factor, keys, weights) in the order of user_id, factor, nulls first.

    A row gives each of its keys floor(weight * factor + 1/2) votes; one without a factor has the keys that are not to
    be shown. Out: the k keys of most votes above 0 of each user, ties to the lower one.
    """
    user: str | None = None
    held: list[tuple[Ints, Ints | None]] = []
    for batch in batches:
        column = {name: batch.column(i) for i, name in enumerate(batch.schema.names)}
        who, factors = column["user_id"].to_pylist(), column["factor"].to_pylist()
        keys, weights = column["keys"], column["weights"]
        done: list[tuple[str, Ints, Ints]] = []
        for i, name in enumerate(who):
            if name != user:
                if user is not None:
                    done.append((user, *_summed(held, k)))
                user, held = name, []
            mine = keys[i].values.to_numpy(zero_copy_only=False).copy()  # not a view: the batch may go
            if factors[i] is None:
                held.append((mine, None))
            else:
                votes = np.floor(weights[i].values.to_numpy(zero_copy_only=False) * factors[i] + 0.5)
                held.append((mine, votes.astype(np.int64)))
        if done:
            yield _batch(done)
    if user is not None:
        yield _batch([(user, *_summed(held, k))])


def _summed(held: list[tuple[Ints, Ints | None]], k: int) -> tuple[Ints, Ints]:
    """(keys, votes) of the k that have most."""
    cast = [(keys, votes) for keys, votes in held if votes is not None]
    if not cast:
        return np.zeros(0, np.int32), np.zeros(0, np.int64)
    keys, place = np.unique(np.concatenate([keys for keys, _ in cast]), return_inverse=True)
    votes = np.zeros(len(keys), np.int64)
    np.add.at(votes, place, np.concatenate([votes for _, votes in cast]))
    for away in (keys for keys, votes in held if votes is None):
        votes[np.isin(keys, away)] = 0
    chosen = first(votes, k)
    return keys[chosen], votes[chosen]


def _batch(done: list[tuple[str, Ints, Ints]]) -> pa.RecordBatch:
    names = [name for name, keys, _ in done for _ in range(len(keys))]
    keys, votes = (np.concatenate([row[n] for row in done]) for n in (1, 2))
    return pa.RecordBatch.from_arrays([pa.array(names, pa.string()), pa.array(keys, pa.int32()), pa.array(votes)],
                                      schema=SCHEMA)  # fmt: skip
