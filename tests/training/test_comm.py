from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from lstmrec.training.comm import Comm, Solo, broadcast_text, sum_floats
from tests.training.ranks import together


def talk(comm: Comm) -> dict[str, Any]:
    """All that a Comm can do."""
    flat = torch.arange(5, dtype=torch.float32) * (comm.rank + 1)
    comm.sum_(flat)
    whole = torch.tensor([2**40 + comm.rank])
    comm.sum_(whole)
    ragged = comm.gather(torch.arange(3 * comm.rank + 1, dtype=torch.int32))
    none = comm.gather(torch.empty(0, dtype=torch.int64))
    first, second = torch.full((2, 3), float(comm.rank)), torch.tensor([7 - comm.rank])
    comm.broadcast_([first, second])
    comm.barrier()
    return {
        "flat": flat.tolist(), "whole": whole.tolist(), "ragged": ragged.tolist(), "none": none.tolist(),
        "first": first.tolist(), "second": second.tolist(),
        "floats": sum_floats(comm, [0.1 * (comm.rank + 1), 2.0**60]), "size": comm.size, "local": comm.local_size,
        "texts": [broadcast_text(comm, t if comm.rank == 0 else "mine") for t in ("Grüße " * 50, "", "x")],
    }  # fmt: skip


def test_alone_there_is_nothing_to_say() -> None:
    told = talk(Solo())
    assert (
        told["flat"] == [0, 1, 2, 3, 4]
        and told["ragged"] == [0]
        and told["none"] == []
        and told["floats"] == [0.1, 2.0**60]
        and told["texts"][1:] == ["", "x"]
    )


@pytest.mark.parametrize("kind", ["torch", pytest.param("horovod", marks=pytest.mark.horovod)])
def test_two_ranks_add_up_and_agree(tmp_path: Path, kind: str) -> None:
    one, two = together(2, "tests.training.test_comm:talk", tmp_path, kind=kind)
    assert one == two
    assert one["flat"] == [0, 3, 6, 9, 12] and one["whole"] == [2**41 + 1]
    assert one["ragged"] == [0, 0, 1, 2, 3] and one["none"] == []
    assert one["first"] == [[0.0] * 3] * 2 and one["second"] == [7]
    assert one["floats"] == [0.1 + 0.2, 2.0**61] and (one["size"], one["local"]) == (2, 2)
    assert one["texts"] == ["Grüße " * 50, "", "x"]
