"""A thread that makes a stream: its order, its end, its errors, and how it is ended."""

from __future__ import annotations

import threading
from collections.abc import Generator

import pytest

from lstmrec.training.ahead import Ahead

NAME = "ahead-of-tests"


def alive() -> bool:
    return any(thread.name == NAME for thread in threading.enumerate())


def test_all_in_order_then_none() -> None:
    ahead = Ahead((n for n in range(1, 6)), 2, NAME)
    assert [ahead.take() for _ in range(6)] == [1, 2, 3, 4, 5, None]
    ahead.stop()
    assert not alive()


def test_an_error_comes_where_its_item_is_due() -> None:
    def stream() -> Generator[int, None, None]:
        yield 1
        raise ValueError("here")

    ahead = Ahead(stream(), 5, NAME)
    assert ahead.take() == 1
    with pytest.raises(ValueError, match="here"):
        ahead.take()
    ahead.stop()
    assert not alive()


def test_stopped_it_closes_the_stream_in_its_own_thread() -> None:
    closed: list[str] = []

    def stream() -> Generator[int, None, None]:
        try:
            while True:
                yield 1
        finally:
            closed.append(threading.current_thread().name)

    ahead = Ahead(stream(), 1, NAME)
    assert ahead.take() == 1
    ahead.stop()
    assert closed == [NAME] and not alive()
