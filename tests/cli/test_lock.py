from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from unittest import mock

import fsspec
import pytest

from lstmrec import files
from lstmrec.cli import lock
from lstmrec.contracts.errors import ResourceError

ROOT = "memory://lock/root"


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(lock, "BEAT_S", 0.05)
    monkeypatch.setattr(lock, "MISSED", 40)  # a busy machine beats late
    fs = fsspec.filesystem("memory")
    yield
    if fs.exists("/lock"):
        fs.rm("/lock", recursive=True)


def dead(number: int) -> None:
    """A lease whose owner was killed."""
    files.create(f"{ROOT}/_lease/{number:06d}/owner.json", b'{"owner": "run 7 (there, process 1)"}')


@pytest.mark.timeout(120)
def test_a_second_run_is_refused_while_the_first_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "MISSED", 10**9)
    with lock.locked(ROOT, "1"):
        with pytest.raises(ResourceError, match=r"locked by run 1 .*process") as caught, lock.locked(ROOT, "2"):
            pass
        assert caught.value.code == "R105"
    with lock.locked(ROOT, "2"):  # given back: taken at once
        assert files.names(f"{ROOT}/_lease") == ["000000", "000001"]
    with lock.locked(ROOT, "3"):
        assert files.names(f"{ROOT}/_lease") == ["000001", "000002"], "leases do not pile up"


def test_signs_of_life_do_not_pile_up() -> None:
    with lock.locked(ROOT, "1"):
        place = f"{ROOT}/_lease/000000"
        while "000004.json" not in files.names(place):
            time.sleep(0.01)
        assert len(files.names(place)) <= 4


def test_a_lease_dies_with_its_owner_whatever_clocks_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "MISSED", 4)
    dead(0)
    jumps = iter(range(10**6))
    with mock.patch("time.time", lambda: 1.6e9 + 3600 * (-1) ** next(jumps)), lock.locked(ROOT, "2"):
        assert files.names(f"{ROOT}/_lease")[-1] == "000001"


def test_of_many_who_find_it_dead_one_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "MISSED", 4)
    dead(0)
    told: list[str] = []
    together, done = threading.Barrier(4), threading.Barrier(4)

    def take(name: str) -> None:
        together.wait()
        try:
            with lock.locked(ROOT, name):
                told.append("taken")
                done.wait()
        except ResourceError as error:
            told.append(error.code)
            done.wait()

    threads = [threading.Thread(target=take, args=(str(n),)) for n in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sorted(told) == ["R105", "R105", "R105", "taken"]


def test_an_owner_that_was_silent_for_long_is_told(recwarn: pytest.WarningsRecorder) -> None:
    with lock.locked(ROOT, "1"):
        dead(1)  # somebody took it over
        while not recwarn.list:
            time.sleep(0.01)
    assert "took this root over" in str(recwarn.list[0].message)


def test_a_store_that_does_not_answer_is_asked_again() -> None:
    with lock.locked(ROOT, "1"):
        with mock.patch.object(files, "create", side_effect=OSError("no answer")) as asked:
            while asked.call_count < 2:
                time.sleep(0.01)
        while "000000.json" not in files.names(f"{ROOT}/_lease/000000"):
            time.sleep(0.01)
