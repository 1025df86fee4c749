from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lstmrec.contracts.errors import DataError
from lstmrec.model.build import build
from lstmrec.model.rank import scores_all
from lstmrec.training.arrow_feed import ArrowFeed
from lstmrec.training.batches import COLUMNS
from lstmrec.training.comm import Comm, Solo
from lstmrec.training.feed import Columns, FileRead
from lstmrec.training.inputs import Inputs, read_inputs
from lstmrec.training.plan import role_files
from lstmrec.training.validate import Validation
from tests.training.ranks import together
from tests.training.tables import config, write_all


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("root")
    write_all(folder, validation=13, files=3)
    return folder


class Seen(ArrowFeed):
    """A reader that remembers the users it handed over, and may lose or repeat rows."""

    def __init__(self, harm: str = "") -> None:
        super().__init__()
        self.harm = harm
        self.users: list[int] = []

    def read(self, files: Sequence[FileRead], columns: Sequence[str]) -> Iterator[Columns]:  # type: ignore[override]
        for item in super().read(files, columns):
            rows = slice(1, None) if self.harm == "lose" else slice(None)
            self.users += item["user"].tolist() if "n" in item else []
            yield {k: v[rows] for k, v in item.items()}


def judge(root: str, users: int = 0, comm: Comm | None = None, feed: Any = None) -> Any:
    inputs = read_inputs(config(Path(root)))
    net = build(inputs.spec, 3)
    validation = Validation(inputs.sequences.files, feed or ArrowFeed(), inputs.place, comm or Solo(), users)
    return validation.judge(net, inputs.catalogue)


def by_hand(inputs: Inputs, seed: int) -> list[tuple[int, float, float]]:
    """(user, NDCG@10, HR@10) of every validation user: one target each, ranked by plain sorting."""
    net = build(inputs.spec, seed).eval()
    out = []
    with torch.no_grad():
        vectors, bias = net.item_vectors(inputs.catalogue)
        for listed in role_files(inputs.sequences.files, "validation"):
            [item] = ArrowFeed().read([FileRead(f"{inputs.place}/{listed.path}", listed.rows)], COLUMNS)
            from lstmrec.model.batch import batch_of

            batch = batch_of(item)
            scores = scores_all(net, batch, vectors, bias)
            for row in range(batch.rows):
                target = int(batch.after_items[row, 0])
                order = sorted(range(len(vectors)), key=lambda i: -float(scores[row, i]))
                rank = order.index(target) + 1 if scores[row, target] > -torch.inf else 99
                out.append((int(batch.user[row]), 1 / np.log2(rank + 1) if rank <= 10 else 0.0, float(rank <= 10)))
    return out


def test_it_is_the_mean_over_every_user_once(root: Path) -> None:
    feed = Seen()
    judged = judge(str(root), feed=feed)
    wanted = by_hand(read_inputs(config(root)), 3)
    assert len(feed.users) == len(set(feed.users)) == 26 == judged.users == len(wanted)
    assert judged.ndcg == pytest.approx(np.mean([n for _, n, _ in wanted]), abs=1e-9)
    assert judged.hr == pytest.approx(np.mean([h for _, _, h in wanted]), abs=1e-9)
    assert 0 < judged.ndcg < 1


def test_some_users_are_those_of_smallest_hash(root: Path) -> None:
    judged = judge(str(root), users=7)
    odd = 0x9E3779B97F4A7C15
    ordered = sorted(by_hand(read_inputs(config(root)), 3), key=lambda u: (u[0] % 2**64) * odd % 2**64)
    assert judged.users == 7
    assert judged.ndcg == pytest.approx(np.mean([n for _, n, _ in ordered[:7]]), abs=1e-9)
    assert judge(str(root), users=99) == judge(str(root))


def test_lost_users_are_an_error(root: Path) -> None:
    with pytest.raises(DataError, match="20 users validated of 26"):
        judge(str(root), feed=Seen("lose"))


def on_ranks(comm: Comm, folder: str) -> list[Any]:
    feed = Seen()
    judged = [judge(folder, users, comm, feed) for users in (0, 7)]
    return [[j.ndcg, j.hr, j.users] for j in judged] + [feed.users[: len(feed.users) // 2]]


def test_ranks_share_the_users_and_agree_to_the_bit(root: Path, tmp_path: Path) -> None:
    one, two = together(2, "tests.training.test_validate:on_ranks", tmp_path, args=str(root))
    assert one[:2] == two[:2] == [[j.ndcg, j.hr, j.users] for j in (judge(str(root)), judge(str(root), 7))]
    assert not set(one[2]) & set(two[2]) and len(one[2] + two[2]) == 26
