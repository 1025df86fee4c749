"""Fitted on train rows alone, the same under any spread, ids by falling count."""

from __future__ import annotations

import math
import random
from collections import Counter
from typing import Any

import pytest

from lstmrec.config.normalise import NormaliseConfig
from lstmrec.contracts import tables
from lstmrec.frames import normalise, text

CONF = NormaliseConfig(min_item_count=2, price=True, log_numeric=["size"], text_buckets=64, text_max=8, tags_max=2)
NAMES = ["size", "price"]


def split_rows(seed: int = 1, held: int = 0) -> list[tuple[Any, ...]]:
    """A split of 200 rows; `held` changes what validation and test rows hold."""
    rng, other = random.Random(seed), random.Random(held)
    out = []
    for k in range(200):
        role = rng.choice(["train", "train", "validation", "test"])
        item, kind = f"i{int(rng.expovariate(0.5))}", rng.choice(["buy", "view"])
        value, many = rng.choice([None, 100, 250]), rng.choice([None, 1, 2])
        if role != "train" and held:
            item, kind, value = f"x{other.randrange(9)}", "return", other.randrange(10**6)
        out.append((f"u{rng.randrange(9)}", item, kind, k, None, None, value, many, k, role, k))
    return out


ITEMS = [
    (f"i{n}", f"Item {n}", ["a=1", f"b={n % 3}", f"c={n}"], f"Ünï word{n} of-item" if n else None,
     {"size": float(n)} if n % 4 else {})
    for n in range(14)
]  # fmt: skip
USERS = [(f"u{n}", {"sex": "FM"[n % 2], "zip": str(n)} if n % 5 else {}) for n in range(12)]


@pytest.fixture(scope="module")
def fitted(spark: Any) -> Any:
    """Everything fitted and applied, of given split rows and partitions."""

    def fit(rows: list[tuple[Any, ...]], parts: int) -> dict[str, list[Any]]:
        random.Random(parts).shuffle(rows)
        split = spark.createDataFrame(rows, tables.SPLIT.ddl).repartition(parts)
        items, users = (spark.createDataFrame(r, t.ddl) for r, t in ((ITEMS, tables.ITEMS), (USERS, tables.USERS)))
        catalogue = spark.createDataFrame(
            normalise.fit_catalogue(split, items, CONF, 7).collect(),
            "item int, id int, count bigint, item_id string, title string, tags array<string>, text string, "
            "numeric map<string,double>",
        )
        words = normalise.fit_vocabulary(split, catalogue, users, ["sex", "zip"], 2).collect()
        vocabulary = spark.createDataFrame(words, tables.VOCABULARY.ddl)
        sums = normalise.moments(catalogue, NAMES, CONF.log_numeric).collect()
        scalers = normalise.fit_scalers(sums, NAMES, CONF.log_numeric)
        return {
            "catalogue": sorted(catalogue.collect(), key=lambda r: r["item"]),
            "vocabulary": sorted(words),
            "scalers": scalers,
            "items": sorted(normalise.apply_items(catalogue, vocabulary, scalers, CONF).collect()),
            "users": sorted(normalise.apply_users(users, vocabulary, ["sex", "zip"]).collect()),
        }

    return fit


@pytest.fixture(scope="module")
def once(fitted: Any) -> Any:
    return fitted(split_rows(), 1)


def train() -> list[tuple[Any, ...]]:
    return [r for r in split_rows() if r[9] == "train"]


def test_catalogue(once: Any) -> None:
    counts = Counter(r[1] for r in train())
    found = once["catalogue"]
    assert {r["item_id"] for r in found} == set(counts) | {i[0] for i in ITEMS}
    assert [r["item"] for r in found] == list(range(2, 2 + len(found)))
    assert [r["count"] for r in found] == sorted((counts.get(r["item_id"], 0) for r in found), reverse=True)
    assert all(r["id"] == (r["item"] if r["count"] >= 2 else 1) for r in found)


def test_price_is_value_by_quantity_of_train_events(once: Any) -> None:
    for r in once["catalogue"]:
        priced = [
            (e[6], e[7] or 1 if e[7] is not None else 1) for e in train() if e[1] == r["item_id"] and e[6] is not None
        ]
        expected = sum(v for v, _ in priced) / sum(q for _, q in priced) / 100 if priced else None
        assert r["numeric"].get("price") == pytest.approx(expected)


def test_vocabulary(once: Any) -> None:
    counts = Counter(r[1] for r in train())
    tags = Counter(tag for i in ITEMS if counts[i[0]] for tag in i[2])
    known = sorted((t for t in tags if tags[t] >= 2), key=lambda t: (-tags[t], t))
    found = {(r["feature"], r["value"]): (r["id"], r["count"]) for r in once["vocabulary"]}
    assert {k[1]: v for k, v in found.items() if k[0] == "tag"} == {t: (2 + n, tags[t]) for n, t in enumerate(known)}
    types = Counter(r[2] for r in train())
    assert {k[1]: v[1] for k, v in found.items() if k[0] == "event_type"} == types
    active = {r[0] for r in train()}
    sexes = Counter(a["sex"] for u, a in USERS if u in active and a)
    assert {k[1]: v[1] for k, v in found.items() if k[0] == "user:sex"} == sexes


def test_scalers_against_plain_python(once: Any) -> None:
    sold = [r for r in once["catalogue"] if r["count"]]
    for (feature, log, center, scale, n), name in zip(once["scalers"], NAMES, strict=True):
        values = [r["numeric"][name] for r in sold if name in r["numeric"]]
        values = [math.log1p(v) for v in values] if log else values
        mean = sum(values) / len(values)
        spread = math.sqrt(sum((v - mean) ** 2 for v in values) / len(values))
        assert (feature, log, n) == (f"item:{name}", name == "size", len(values))
        assert center == pytest.approx(mean, abs=1e-6) and scale == pytest.approx(spread, abs=1e-5)


def test_a_constant_or_absent_number_has_scale_one() -> None:
    sums = [{"feature": "a", "n": 3, "s": 3 << 20, "q": 3 << 40}]
    assert normalise.fit_scalers(sums, ["a", "b"], []) == [
        ("item:a", False, 1.0, 1.0, 3),
        ("item:b", False, 0.0, 1.0, 0),
    ]


def test_encoded_items(once: Any) -> None:
    known = {r["value"]: r["id"] for r in once["vocabulary"] if r["feature"] == "tag"}
    source, raw = {i[0]: i for i in ITEMS}, {r["item_id"]: r for r in once["catalogue"]}
    for r in once["items"]:
        tags = source[r["item_id"]][2] if r["item_id"] in source else []
        ids = sorted(known[t] for t in tags if t in known) + [1] * any(t not in known for t in tags)
        assert r["tags"] == ids[:2]
        numbers = raw[r["item_id"]]["numeric"]
        assert r["numeric"][2:] == [float(n not in numbers) for n in NAMES]
        assert all(x == 0.0 for x, m in zip(r["numeric"][:2], r["numeric"][2:], strict=True) if m)
        assert r["text"] == sorted(set(r["text"])) and all(2 <= b < 66 for b in r["text"]) and len(r["text"]) <= 8
    assert {bool(r["text"]) for r in once["items"]} == {True, False}


def test_encoded_users(once: Any) -> None:
    known = {(r["feature"], r["value"]): r["id"] for r in once["vocabulary"]}
    for r, (user, attributes) in zip(once["users"], sorted(USERS), strict=True):
        ids = [known.get((f"user:{a}", attributes.get(a)), 1) for a in ("sex", "zip")]
        assert (r["user_id"], r["static"]) == (user, ids)


def test_held_out_rows_and_partitions_change_nothing(fitted: Any, once: Any) -> None:
    assert fitted(split_rows(held=5), 7) == once


def test_words_become_buckets(spark: Any) -> None:
    rows = ["Red, red TEA!", "red tea red", "日本 ünï", "", None, " ".join(f"w{n}" for n in range(400))]
    frame = spark.createDataFrame([(r,) for r in rows], "t string")
    found = [r[0] for r in frame.select(text.buckets(frame["t"], 1 << 20, 5)).collect()]
    assert found[0] != found[1] and len(found[0]) == 4  # red, tea, 'red red', 'red tea'
    assert [len(f) for f in found] == [4, 4, 3, 0, 0, 5]
    assert found == [sorted(set(f)) for f in found]
    assert [r[0] for r in frame.select(text.buckets(frame["t"], 0, 5)).collect()] == [[]] * 6
