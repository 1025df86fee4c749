"""Carry mode day by day: what an update gives is what a run over whole histories gives."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from lstmrec import versions
from lstmrec.contracts import tables
from lstmrec.frames import carried
from lstmrec.jobs import score
from lstmrec.scoring import states
from lstmrec.store import buckets
from lstmrec.store.read import read
from tests.scoring.days import Shop


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LSTMREC_CACHE", str(tmp_path / "cache"))


def lists(spark: Any, root: Path) -> dict[str, Any]:
    rows = read(spark, str(root), tables.RECOMMENDATIONS).collect()
    assert len({r["user_id"] for r in rows}) == len(rows)
    return {r["user_id"]: (r["items"], r["reason"], r["history"]) for r in rows}


def test_an_update_is_a_run_over_whole_histories(spark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(states, "_MANY", 1.0)  # a few items are a quarter of this catalogue
    shop, done, looked, sought = Shop(3), Counter[str](), list[set[str]](), list[Any]()
    plain, since = carried.read, carried.since

    def read_(moved: Any, history: Any, *rest: Any) -> Any:
        """Of which day's versions of SPLIT events are read."""
        found = [path.split("/split/")[1].split("-")[0] for path in history.inputFiles() if "/split/" in path]
        looked.append({day.lstrip("0") or "0" for day in found})
        return plain(moved, history, *rest)

    def since_(moved: Any, history: Any, restated: Any) -> Any:
        """Which items are looked for in all events."""
        sought.append({*restated} if isinstance(restated, list) else None)
        return since(moved, history, restated)

    monkeypatch.setattr(carried, "read", read_)
    monkeypatch.setattr(carried, "since", since_)
    early = max(shop.events, key=lambda user: (len(shop.events[user]), user))
    shop.events[early][1:1] = [(0, "new 0", "buy")]  # which no catalogue has before the second day
    for day in range(3):
        shop.write(tmp_path, chained=True)
        score.run(spark, shop.config(tmp_path, mode="update"))
        unknown = versions.current(str(tmp_path), tables.USER_STATES).facts["unknown"]
        assert ("new 0" in unknown) == (day == 0) and "in no catalogue" in unknown
        shop.tomorrow()
        if day == 0:
            shop.cold |= {item: dict(next(iter(shop.cold.values()))) for item in ("new 0", "new 1")}
    # An item that people had is another now, and of one's list there is too little left: it is made again, without all
    # that was had.
    listed = lists(spark, tmp_path)
    shop.banned = [i["item_id"] for i in listed[max(listed, key=lambda u: (listed[u][2], u))][0]]
    written = shop.chains[tmp_path][1]
    stays = next(user for user, events in shop.events.items() if events and sorted(events) == written.get(user))
    shop.static[stays] = [4 - shop.static[stays][0], 3]  # one who did not come back moves house
    moved = next(item for events in shop.events.values() for _, item, _ in events if item in shop.cold)
    shop.cold[moved] |= {"tags": [3], "text": [4, 5], "numeric": [0.5] * 3}
    shop.backwards = True  # items that have nothing, and tie, change places
    shop.write(tmp_path, chained=True)
    score.run(spark, shop.config(tmp_path, mode="update"))
    updated = lists(spark, tmp_path)
    done.update(versions.current(str(tmp_path), tables.USER_STATES).facts["users"])
    assert done["same"] > done["on"] > 0 and done["whole"] > 0 and done["kept"] + done["moved"] > 0 < done["spent"]
    # All there is of whoever had what the catalogue has since, or moved house.
    assert looked == [{"0"}, {"0", "1"}, {"2"}, {"0", "1", "2", "3"}]
    assert "new 0" in sought[0] and "new 1" not in sought[0]  # which nobody had
    score.run(spark, shop.config(tmp_path, mode="carry"))
    assert lists(spark, tmp_path) == updated and len(updated) == len(shop.events)


def test_items_that_tie_and_change_places_do_so_in_every_list(
    spark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, named = buckets.kept, list[str]()

    def kept_(*given: Any) -> Any:
        named.append(given[5])
        return kept(*given)

    monkeypatch.setattr(buckets, "kept", kept_)
    shop = Shop(5, users=5)
    nothing = {"tags": [], "text": [2, 2], "numeric": [0.0] * 3, "vectors": [0.0] * 7}
    shop.cold = {f"tie {n}": {"title": None, "id": 1, "count": 0, **nothing} for n in range(5)}
    shop.banned = [r["item_id"] for r in shop.known]  # lists hold those five alone
    found = []
    for day, mode in ((0, "update"), (1, "update"), (1, "carry")):
        shop.day, shop.backwards = day, day > 0  # nobody came back
        if mode == "update":
            shop.write(tmp_path, chained=True)
        score.run(spark, shop.config(tmp_path, mode=mode))
        found.append(lists(spark, tmp_path))
    assert found[0] != found[1] == found[2]
    # Buckets of a run that was stopped are not those of one that goes on from other states.
    first = versions.log(str(tmp_path), tables.USER_STATES.name)[0]
    assert named[0] == named[-1] == "model-serve-2-moved" and f"model-serve-2-from-{first}-moved" in named


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_fifty_days(spark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shop, done = Shop(2), Counter[str]()
    kept, whole = tmp_path / "kept", tmp_path / "whole"
    for day in range(51):
        # Most days a few items are a quarter of this catalogue: on three of four what moved is merged all the same.
        monkeypatch.setattr(states, "_MANY", 1.0 if day % 4 else 0.25)
        for root, mode in ((kept, "update"), (whole, "carry")):
            shop.write(root, chained=mode == "update" and day % 9 > 0)
            score.run(spark, shop.config(root, mode=mode, margin=1))  # which is soon spent
        assert lists(spark, kept) == lists(spark, whole), f"day {day}"
        done.update(versions.current(str(kept), tables.USER_STATES).facts["users"])
        shop.tomorrow()
        shop.backwards = day % 7 == 5
    assert min(done[what] for what in ("same", "on", "whole", "kept", "moved", "spent", "again")) > 0, done
