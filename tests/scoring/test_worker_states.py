"""Numbers of USER_STATES as bytes, without Spark (whole days: test_states.py)."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
import torch

from lstmrec.contracts.errors import DataError
from lstmrec.scoring.worker_states import _packed, vectors


def test_rows_come_back_bit_by_bit_wherever_they_lie() -> None:
    rows = np.random.default_rng(0).standard_normal((7, 5)).astype(np.float32)
    rows[3] = [0.0, -0.0, np.inf, np.float32(1e-45), np.nan]
    packed = _packed(rows)
    assert packed[1].as_py() == rows[1].astype("<f4").tobytes()
    with_none = pa.array([None, *packed.to_pylist()[:2], None, *packed.to_pylist()[2:]], pa.binary())
    for column, expected in (
        (packed, rows), (packed.slice(2, 3), rows[2:5]), (_packed(rows[:0]), rows[:0]),
        (pa.array([], pa.binary()), rows[:0]),
        (with_none, np.insert(rows, [0, 2], 0.0, axis=0)),
        (with_none.slice(3, 2), np.stack([np.zeros(5, np.float32), rows[2]])), (packed.cast(pa.large_binary()), rows),
    ):  # fmt: skip
        batch = pa.RecordBatch.from_arrays([column], names=["state"])
        found = vectors(batch, "state", 5)
        assert found.dtype == torch.float32 and found.shape == expected.shape
        assert found.numpy().tobytes() == expected.tobytes()


@pytest.mark.parametrize("size", [16, 18])
def test_states_of_another_net_are_an_error(size: int) -> None:
    batch = pa.RecordBatch.from_arrays([pa.array([bytes(20), bytes(size)], pa.binary())], names=["state"])
    with pytest.raises(DataError, match=f"D707.* {size / 4:g}, 5 numbers.* 5"):
        vectors(batch, "state", 5)
