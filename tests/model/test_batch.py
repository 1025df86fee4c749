import numpy as np
import pytest
import torch

from lstmrec.contracts.errors import DataError
from lstmrec.model.batch import Catalogue, batch_of
from tests.model import worlds


def test_catalogue_pads_lists_and_adds_the_reserved_rows() -> None:
    made = Catalogue.of({
        "item": [2, 3, 4], "id": [2, 3, 1], "count": [9, 5, 1], "tags": [[5], [], [3, 4]], "text": [[], [], []],
        "numeric": np.ones((3, 2)),
    })  # fmt: skip
    assert made.ids.tolist() == [0, 1, 2, 3, 1] and made.counts.tolist() == [0, 0, 9, 5, 1]
    assert made.tags.tolist() == [[0, 0], [0, 0], [5, 0], [0, 0], [3, 4]]
    assert made.text.shape == (5, 0) and made.numeric[1:].tolist() == [[0, 0], [1, 1], [1, 1], [1, 1]]
    assert len(made) == 5 and made.vectors.shape == (5, 0)


def test_catalogue_refuses_holes() -> None:
    with pytest.raises(DataError, match="D403"):
        Catalogue.of({"item": [2, 4], "id": [2, 4], "count": [1, 1], "tags": [[], []], "text": [[], []],
                      "numeric": [[], []]})  # fmt: skip


def test_parts_of_other_lengths_stack_and_padding_is_trimmed() -> None:
    a, b = worlds.columns(rows=2, length=9, seed=1), worlds.columns(rows=3, length=5, seed=2)
    both = batch_of(a, b)
    assert both.items.shape == (5, 9)
    for i, part in ((0, batch_of(a)), (2, batch_of(b))):
        rows = slice(i, i + part.rows)
        for name in ("items", "before_items", "before_decayed", "after_items", "times"):
            mine, theirs = getattr(part, name), getattr(both, name)[rows]
            assert torch.equal(mine, theirs[..., : mine.shape[-1]]) and not theirs[..., mine.shape[-1] :].any()
    wide = {k: np.pad(v, ((0, 0), (0, 7))) if k in ("items", "types", "times", "ends") else v for k, v in a.items()}
    assert torch.equal(batch_of(wide).items, batch_of(a).items)


def test_decayed_counts_are_read_half_life_by_half_life() -> None:
    made = batch_of({"n": [1], "items": [[5]], "before_items": [[7, 8]], "before_decayed": [[1, 2, 3, 4]]})
    assert made.before_decayed.tolist() == [[[1, 2], [3, 4]]]
    assert made.static.shape == (1, 0) and made.n_after.tolist() == [0]


def test_empty_windows_keep_one_position_and_padded_adds_empty_rows() -> None:
    made = batch_of({"n": [0], "items": [[0, 0]]}).padded(4)
    assert made.items.tolist() == [[0]] * 4 and made.n.tolist() == [0] * 4
