"""Who is of which variant: against xxhash64 written out in plain Python, and what shares promise."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyspark.sql import functions as F

from lstmrec.config.variants import Variants
from lstmrec.frames import variants

MASK = (1 << 64) - 1
P = (0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5)


def rotl(x: int, r: int) -> int:
    return ((x << r) | (x >> (64 - r))) & MASK


def xxh64(data: bytes, seed: int) -> int:
    """XXH64 as its specification has it."""
    i, n = 0, len(data)

    def turn(acc: int, lane: int) -> int:
        return rotl((acc + lane * P[1]) & MASK, 31) * P[0] & MASK

    if n >= 32:
        v = [(seed + P[0] + P[1]) & MASK, (seed + P[1]) & MASK, seed, (seed - P[0]) & MASK]
        while i <= n - 32:
            v = [turn(a, int.from_bytes(data[i + 8 * j : i + 8 * j + 8], "little")) for j, a in enumerate(v)]
            i += 32
        h = sum(rotl(a, r) for a, r in zip(v, (1, 7, 12, 18), strict=True)) & MASK
        for a in v:
            h = ((h ^ turn(0, a)) * P[0] + P[3]) & MASK
    else:
        h = (seed + P[4]) & MASK
    h = (h + n) & MASK
    while i + 8 <= n:
        h = (rotl(h ^ turn(0, int.from_bytes(data[i : i + 8], "little")), 27) * P[0] + P[3]) & MASK
        i += 8
    if i + 4 <= n:
        h = (rotl(h ^ (int.from_bytes(data[i : i + 4], "little") * P[0] & MASK), 23) * P[1] + P[2]) & MASK
        i += 4
    for byte in data[i:]:
        h = rotl(h ^ (byte * P[4] & MASK), 11) * P[0] & MASK
    h = ((h ^ (h >> 33)) * P[1]) & MASK
    h = ((h ^ (h >> 29)) * P[2]) & MASK
    return h ^ (h >> 32)


def oracle(asked: Variants, user: str) -> str:
    """Spark chains columns: the hash of one is the seed of the next, 42 the first."""
    at = xxh64(user.encode(), xxh64(asked.salt.encode(), 42)) >> 32
    total = 0.0
    for variant in asked.of:
        total += variant.share
        if at / 2**32 < total:
            return variant.name
    return asked.of[-1].name


def shared(*shares: float, salt: str = "2026-11") -> Variants:
    return Variants.model_validate({"salt": salt, "of": [
        {"name": f"v{n}", "recommender": "model" if n % 2 == 0 else "ease", "share": s} for n, s in enumerate(shares)
    ]})  # fmt: skip


def drawn(frame: Any, asked: Variants) -> dict[str, str]:
    return dict(tuple(r) for r in frame.select("user_id", variants.of_user(asked)).collect())


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(salt=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40),
       users=st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=70), min_size=1, max_size=30,
                      unique=True),
       parts=st.lists(st.integers(1, 50), min_size=2, max_size=5))  # fmt: skip
def test_the_variant_is_that_of_the_written_out_hash(spark: Any, salt: str, users: list[str], parts: list[int]) -> None:
    asked = shared(*(p / sum(parts) for p in parts), salt=salt)
    frame = spark.createDataFrame([(u,) for u in users], "user_id string")
    assert drawn(frame, asked) == {u: oracle(asked, u) for u in users}


def test_shares_hold_and_nobody_moves_with_the_day_or_the_partition(spark: Any) -> None:
    asked, n = shared(0.7, 0.2, 0.1), 100_000
    users = spark.range(n).selectExpr("concat('u', id) AS user_id")
    counted = Counter(drawn(users, asked).values())
    for variant in asked.of:
        assert abs(counted[variant.name] / n - variant.share) < 0.01 * min(1, variant.share * 10)
    some = users.where("pmod(xxhash64(user_id), 50) = 0")
    one, other = drawn(some.coalesce(1), asked), drawn(some.repartition(7, F.rand(3)), asked)
    assert one == other
    new = spark.createDataFrame([("x1",), ("x2",)], "user_id string")  # who comes later moves nobody
    assert drawn(some.unionByName(new), asked) == one | drawn(new, asked)


def test_another_salt_draws_anew(spark: Any) -> None:
    users = spark.range(20_000).selectExpr("cast(id AS string) AS user_id")
    one, other = drawn(users, shared(0.5, 0.5)), drawn(users, shared(0.5, 0.5, salt="2026-12"))
    pairs = Counter(zip(one.values(), (other[u] for u in one), strict=True))
    assert all(abs(n / 20_000 - 0.25) < 0.01 for n in pairs.values()) and len(pairs) == 4


def test_a_variant_that_grows_takes_users_from_its_neighbour_alone(spark: Any) -> None:
    users = spark.range(5_000).selectExpr("cast(id AS string) AS user_id")

    def moves(before: Variants, after: Variants) -> set[tuple[str, str]]:
        was, now = drawn(users, before), drawn(users, after)
        return {(was[u], now[u]) for u in was if was[u] != now[u]}

    assert moves(shared(0.9, 0.1), shared(0.6, 0.4)) == {("v0", "v1")}
    assert moves(shared(0.5, 0.3, 0.2), shared(0.5, 0.1, 0.4)) == {("v1", "v2")}
    assert moves(shared(0.5, 0.3, 0.2), shared(0.4, 0.3, 0.3)) == {("v0", "v1"), ("v1", "v2")}  # not so: not neighbours


def test_bounds_are_exact_and_the_last_is_the_whole() -> None:
    assert variants.ends(shared(0.5, 0.25, 0.25)) == [("v0", 1 << 31), ("v1", 3 << 30), ("v2", 1 << 32)]
    tenths = variants.ends(shared(*[0.1] * 10))
    assert [end for _, end in tenths] == [round(n * (1 << 32) / 10) for n in range(1, 11)]
    assert variants.ends(shared(*[1 / 3] * 3))[-1] == ("v2", 1 << 32)


def test_a_row_carries_the_variant_of_whom_it_is_shown_to(spark: Any) -> None:
    asked = shared(0.4, 0.3, 0.3)  # model, ease, model
    users = spark.range(300).selectExpr("cast(id AS string) AS user_id")
    rows = users.select(
        "user_id", variants.of_user(asked).alias("whose"),
        *[variants.of_row(asked, name, role).alias(f"{name}_{role}") for name in ("model", "ease", "als")
          for role in ("serve", "test")], variants.of_row(None, "model", "serve").alias("off"),
    ).collect()  # fmt: skip
    for r in rows:
        shown = {"model_serve": r.whose if r.whose != "v1" else None, "ease_serve": "v1" if r.whose == "v1" else None}
        assert r.asDict() == {"user_id": r.user_id, "whose": r.whose, "off": None, "model_test": None,
                              "ease_test": None, "als_serve": None, "als_test": None, **shown}  # fmt: skip
    assert {r.whose for r in rows} == {"v0", "v1", "v2"}
