from __future__ import annotations

import random
from typing import Any

import pyarrow as pa
import pytest

from lstmrec.survey import columns

RNG = random.Random(1)
N = 400
PEOPLE = [f"p{RNG.randrange(50)}" for _ in range(N)]
THINGS = [f"t{RNG.randrange(30)}" for _ in range(N)]
TIMES = [1_700_000_000 + n * 60 for n in range(N)]


def guessed(**made: list[Any]) -> dict[str, str | None]:
    return columns.guess_events(columns.facts(pa.table({k.replace("__", " "): v for k, v in made.items()})))


@pytest.mark.parametrize(
    ("user", "item", "time"),
    [
        ("user_id", "item_id", "timestamp"),
        ("household_id", "product_id", "transaction_timestamp"),
        ("Kundennummer", "ArtikelNr", "Zeitpunkt"),
        ("visitorId", "SKU", "ts"),
        ("KäuferID", "Produkt", "Bestelldatum"),
    ],
)
def test_names_of_many_tables(user: str, item: str, time: str) -> None:
    found = guessed(**{"row": list(range(N)), time: TIMES, item: THINGS, user: PEOPLE})
    assert (found["user"], found["item"], found["time"]) == (user, item, time)


def test_content_speaks_where_names_do_not() -> None:
    found = guessed(n=list(range(N)), a=PEOPLE, b=THINGS, c=[f"2024-01-{1 + n % 28:02d}" for n in range(N)])
    assert (found["user"], found["item"], found["time"]) == ("a", "b", "c")


def test_a_key_of_the_event_is_no_user() -> None:
    found = guessed(customer_order_id=[f"o{n}" for n in range(N)], customer=PEOPLE, item=THINGS, at=TIMES)
    assert found["user"] == "customer"


def test_type_value_quantity_and_position() -> None:
    found = guessed(
        user=PEOPLE, item=THINGS, at=TIMES, event=["view", "buy"] * (N // 2), price=["1,50"] * N, qty=[1] * N
    )
    assert (found["type"], found["value"], found["quantity"], found["position"]) == ("event", "price", "qty", None)
    assert guessed(user=PEOPLE, item=THINGS, position=list(range(N)))["position"] == "position"


def test_numbers_with_commas() -> None:
    facts = columns.facts(pa.table({"a": ["1.234,56", "0,5"], "b": ["1.5", "2"], "c": ["x", "1,5"]}))
    assert [(c.kind, c.comma) for c in facts.values()] == [("number", True), ("number", False), ("text", False)]


def test_the_key_of_a_side_table_is_where_the_ids_are() -> None:
    side = pa.table({"id": ["9", "8"], "ref": ["t1", "t2"], "name": ["t", "u"]})
    assert columns.guess_key(columns.facts(side), side, {"t1", "t2"}, "item") == ("ref", 1.0)


def test_what_a_catalogue_has() -> None:
    n = 60
    side = pa.table({
        "sku": [f"t{i}" for i in range(n)], "name": [f"Thing number {i}" for i in range(n)],
        "department": [f"d{i % 5}" for i in range(n)], "weight": [f"{i % 9},5" for i in range(n)],
        "vendor_id": [i % 3 for i in range(n)], "about": [f"A long story about thing number {i}" for i in range(n)],
        "cover": [[0.1, 0.2]] * n, "genres": [["a", "b"]] * n,
    })  # fmt: skip
    assert columns.guess_items(columns.facts(side), "sku") == {
        "title": ["name"], "tags": ["department", "genres"], "text": ["name", "about"], "numeric": ["weight"],
        "vectors": ["cover"],
    }  # fmt: skip
    people = pa.table({"id": [f"p{i}" for i in range(n)], "age": [str(20 + i % 40) for i in range(n)],
                       "town": ["x", "y"] * (n // 2), "mail": [f"m{i}@example.org" for i in range(n)]})  # fmt: skip
    assert columns.guess_users(columns.facts(people), "id") == ["age", "town"]
