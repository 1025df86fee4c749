from __future__ import annotations

import threading
import time
from collections.abc import Generator
from pathlib import Path

import pytest
import torch

from lstmrec.training import loop
from lstmrec.training.arrow_feed import ArrowFeed
from lstmrec.training.batches import Portion, Waits
from lstmrec.training.comm import Solo
from lstmrec.training.prefetch import prefetched
from tests.training.tables import config, write_all

CPU = torch.device("cpu")


class Source:
    """So many portions; what became of them."""

    def __init__(self, count: int, fails_at: int = -1) -> None:
        self.count, self.fails_at, self.made, self.closed = count, fails_at, 0, False

    def stream(self) -> Generator[Portion, None, None]:
        try:
            for step in range(self.count):
                if step == self.fails_at:
                    raise KeyError(step)
                self.made += 1
                yield Portion(step, (), None)
        finally:
            self.closed = True


def test_the_same_portions_in_order() -> None:
    before, source = threading.active_count(), Source(50)
    assert [p.step for p in prefetched(source.stream(), CPU, Waits())] == list(range(50))
    assert source.closed and threading.active_count() == before


@pytest.mark.parametrize("at", [0, 7])
def test_an_error_arrives_where_its_portion_is_due(at: int) -> None:
    got = []
    with pytest.raises(KeyError):
        for portion in prefetched(Source(50, fails_at=at).stream(), CPU, Waits()):
            got.append(portion.step)
    assert got == list(range(at))


def test_it_is_a_little_ahead_and_closing_ends_it() -> None:
    before, source = threading.active_count(), Source(50)
    stream = prefetched(source.stream(), CPU, Waits())
    next(stream)
    deadline = time.monotonic() + 60
    while source.made < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.1)
    assert source.made == 3  # one taken, two ready
    stream.close()
    assert source.closed and threading.active_count() == before


def test_training_through_it_gives_the_same_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_all(tmp_path / "root")
    conf = config(tmp_path / "root", epochs=2)
    loop.train(conf, Solo(), ArrowFeed(), str(tmp_path / "plain"))
    portions = loop.portions
    monkeypatch.setattr(loop, "portions", lambda *a, **k: prefetched(portions(*a, **k), CPU, Waits()))
    loop.train(conf, Solo(), ArrowFeed(), str(tmp_path / "ahead"))
    plain, ahead = ((tmp_path / w / "export" / "weights.safetensors").read_bytes() for w in ("plain", "ahead"))
    assert plain == ahead
