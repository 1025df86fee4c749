from __future__ import annotations

import csv
import importlib
import json
import random
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from lstmrec import lookup
from lstmrec.cli import main
from lstmrec.config.load import load
from lstmrec.store import door

JOBS = ("clean", "split", "normalise", "profile", "sequence", "train", "score", "evaluate", "report")
LAST = 1_700_000_000_000 + 200 * 86_400_000


def write(path: Path, head: list[str], rows: list[list[Any]], encoding: str = "utf-8") -> str:
    with open(path, "w", newline="", encoding=encoding) as f:
        table = csv.writer(f, delimiter=";", quoting=csv.QUOTE_ALL)
        table.writerow(head)
        table.writerows(rows)
    return str(path)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """German headings with blanks, dots and umlauts, semicolons, quotes, milliseconds, decimal commas."""
    rng = random.Random(1)
    rows: list[list[Any]] = []
    for u in range(60):
        loved = rng.sample(range(40), 4)
        for _ in range(rng.randint(10, 40)):
            item = rng.choice(loved) if rng.random() < 0.5 else rng.randrange(40)
            at = LAST - rng.randrange(200 * 86_400) * 1000
            kind, price = rng.choice(["Kauf", "Kauf", "Ansicht"]), f"{rng.randint(1, 99)},{rng.randint(10, 99)}"
            rows.append([at, f"K-{u:03d}", f"{item:05d}", kind, price, 'ein "großer"; Fang'])
    rows.append([LAST, "K-001", "00001", "Kauf", "1,00", ""])
    head = ["Zeitpunkt (ms)", "Kunden-Nr.", "Artikel Nr", "Vorgang", "Preis in €", "Bemerkung für uns"]
    write(tmp_path / "bestellungen.csv", head, rows)
    write(tmp_path / "artikel.csv", ["Nr", "Bezeichnung", "Warengruppe", "Gewicht"],
          [[f"{i:05d}", f"Käse Nummer {i}", f"Gruppe {i % 5}", f"{i % 9},5"] for i in range(45)])  # fmt: skip
    write(tmp_path / "kunden.csv", ["Kunde", "Ort"], [[f"K-{u:03d}", ["Köln", "Bonn"][u % 2]] for u in range(60)])
    return tmp_path


def init(shop: Path, *more: str) -> list[str]:
    return ["init", f"{shop}/bestellungen.csv", "--out", f"{shop}/shop.yaml", "--root", f"{shop}/run", *more]


def test_a_strangers_table_becomes_a_config(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.call(init(shop, "--items", f"{shop}/artikel.csv", "--users", f"{shop}/kunden.csv", "--yes")) == 0
    assert "Next: lstmrec run" in capsys.readouterr().out
    conf = load([f"{shop}/shop.yaml"])
    events, items, users = conf.clean.events, conf.clean.items, conf.clean.users
    assert (events.user_id, events.item_id, events.event_type) == ("Kunden-Nr.", "Artikel Nr", "Vorgang")
    assert (events.time, events.time_unit) == ("Zeitpunkt (ms)", "ms")
    assert events.options == {"header": "true", "sep": ";", "escape": '"'}
    assert items is not None and (items.item_id, items.title, items.tags) == ("Nr", "Bezeichnung", ["Warengruppe"])
    assert list(items.numeric) == ["gewicht"] and users is not None and users.attributes == ["Ort"]
    assert conf.as_of_us == (LAST // 1000 + 1) * 1_000_000
    assert (conf.split.by, conf.split.test_days, conf.sequence.history) == ("time", 28, "learn")


def test_what_is_told_wins_and_is_answered_as_json(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    args = init(shop, "--type-col", "none", "--value-col", "none", "--user-col", "Vorgang", "--json")
    assert main.call(args) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["columns"]["user"] == "Vorgang" and told["columns"]["type"] is None and told["users"] == 2
    conf = load([f"{shop}/shop.yaml"])
    assert conf.clean.events.user_id == "Vorgang" and conf.clean.events.value is None and conf.clean.items is None


def test_answers_are_asked_for_and_enter_takes_the_guess(shop: Path) -> None:
    # user, item, time (Enter), type: a wrong name, then none; value; items; users; root is told
    answers = ["", "", "", "Typ", "none", "", f"{shop}/artikel.csv", ""]
    done = CliRunner().invoke(main.app, init(shop), input="\n".join(answers) + "\n")
    assert done.exit_code == 0, done.output
    assert "no column 'Typ'" in done.output and "[Kunden-Nr.]" in done.output
    conf = load([f"{shop}/shop.yaml"])
    assert conf.clean.events.user_id == "Kunden-Nr." and conf.clean.events.event_type == "'event'"
    assert conf.clean.items is not None and conf.clean.users is None


@pytest.mark.parametrize(
    ("more", "code"),
    [
        (["--user-col", "Kunde"], "C052"),
        (["--user-col", "none"], "C052"),
        (["--user-col", "Vorgang", "--item-col", "Vorgang"], "C052"),
        (["--time-col", "none"], "C053"),
        (["--time-col", "Vorgang"], "C053"),
        (["--time-unit", "h"], "C053"),
        (["--items", "nowhere.csv"], "D850"),
    ],
)
def test_what_cannot_be_is_named_and_nothing_written(
    shop: Path, more: list[str], code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.call(init(shop, "--yes", *more)) in (2, 3)
    assert f"error[{code}]" in capsys.readouterr().err
    assert not (shop / "shop.yaml").exists()


def test_a_config_is_never_written_over(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (shop / "shop.yaml").write_text("mine")
    assert main.call(init(shop, "--yes")) == 2
    assert "C051" in capsys.readouterr().err and (shop / "shop.yaml").read_text() == "mine"


@pytest.mark.slow
def test_the_config_runs_unedited(spark: Any, shop: Path) -> None:
    assert main.call(init(shop, "--items", f"{shop}/artikel.csv", "--users", f"{shop}/kunden.csv", "--yes")) == 0
    conf = load([f"{shop}/shop.yaml"])
    for name in JOBS:
        assert door.walk(importlib.import_module(f"lstmrec.jobs.{name}"), conf, spark=spark).state == "ok"
    (user,) = lookup.some_users(conf.root, "model", "serve", 1)
    listed = lookup.lists(conf.root, user, "serve", ["model"])["model"]
    assert len(listed.items) == 10 and (listed.items[0].title or "").startswith("Käse")
    assert {len(i.item_id) for i in listed.items} == {5}, "00001 stays 00001"
