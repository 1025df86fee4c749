"""EXECUTOR side of `lstmrec label`: rank and surprise of every event of a window. No pyspark."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from lstmrec.model.batch import batch_of
from lstmrec.model.surprise import surprises
from lstmrec.scoring import worker
from lstmrec.scoring.options import COLUMNS, Options

SCHEMA = pa.schema([("user_id", pa.string()), ("offset", pa.int32()), ("rank", pa.int32()), ("surprise", pa.float64())])


def labelled(batches: Iterator[pa.RecordBatch], options: Options) -> Iterator[pa.RecordBatch]:
    """The body of a mapInArrow over SEQUENCES, one window a user: a row an event, offset its position in the window;
    rank and surprise are null where its item could not be shown. See `model.surprise`."""
    net = worker.the_user_side(options.root, options.bundle)
    items = worker.the_items(options.root, options.items, options.bundle)
    for batch in batches:
        column = {n: batch.column(batch.schema.get_field_index(n)) for n in COLUMNS if n in batch.schema.names}
        for parts in worker.packed(worker.classes(column), options.rows):
            at = np.concatenate([p.at for p in parts])
            made = batch_of(*[p.columns for p in parts]).padded(options.rows)
            ranks, nats = (t[: len(at)].numpy() for t in surprises(net, made, items.vectors, items.bias))
            n = made.n[: len(at)].numpy()
            row, offset = np.nonzero(np.arange(ranks.shape[1]) < n[:, None])
            rank = ranks[row, offset]
            yield pa.RecordBatch.from_arrays([
                column["user_id"].take(pa.array(at[row])), pa.array(offset.astype(np.int32)),
                pa.array(rank.astype(np.int32), mask=rank == 0), pa.array(nats[row, offset], mask=rank == 0),
            ], schema=SCHEMA)  # fmt: skip
