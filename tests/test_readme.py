"""The README's examples, read out of it and run."""

from __future__ import annotations

import importlib
import random
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from lstmrec.cli.main import app
from lstmrec.config.load import load
from lstmrec.store import door

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()
JOBS = ("clean", "split", "normalise", "profile", "sequence", "train", "score", "evaluate", "report")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.S)


def commands() -> list[list[str]]:
    lines = [line for block in blocks("bash") for line in block.splitlines()]
    return [words for line in lines if (words := shlex.split(line, comments=True))]


def test_make_targets_and_files_named_are_there() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    named = {c[1] for c in commands() if c[0] == "make"} | set(re.findall(r"`make ([a-z-]+)", README))
    assert {"demo", "test", "movielens"} <= named <= targets
    links = re.findall(r"\]\(([^)#]+)\)", README)
    for path in links + re.findall(r"`((?:conf|jobs|scripts|lstmrec)/[\w./-]+)`", README):
        assert "://" in path or (ROOT / path).exists() or path == "jobs/sN_x.py", path
    for command in commands():
        if command[0] == "spark-submit":
            assert all((ROOT / w).exists() for w in command if w.startswith(("conf/", "jobs/")))


def test_verbs_are_there() -> None:
    verbs = {c[1] for c in commands() if c[0] == "lstmrec"} | set(re.findall(r"`(?:\S*/)?lstmrec ([a-z-]+)", README))
    assert {"run", "show-user", "doctor", "rollback"} <= verbs
    for verb in verbs:
        assert CliRunner().invoke(app, [verb, "--help"]).exit_code == 0, verb


def test_your_own_table(spark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The ten lines of YAML and the two commands below them, on a CSV with those columns. (The flows: tests/daily.)"""
    (yaml,) = blocks("yaml")
    named = (c for c in commands() if c[:2] in (["lstmrec", "run"], ["lstmrec", "show-user"]))
    run, show = (c for c in named if "--flow" not in c)
    # The shared session's JVM keeps the folder it was started in, so paths are made absolute.
    yaml = yaml.replace("data/orders.csv", f"{tmp_path}/data/orders.csv").replace("runs/shop", f"{tmp_path}/runs/shop")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shop.yaml").write_text(yaml)
    (tmp_path / "data").mkdir()
    rng = random.Random(1)
    rows = [
        f"{who},sku-{rng.choice([i % 7, rng.randrange(30)])},2025-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}"
        f"T{rng.randint(0, 23):02d}:00:00Z"
        for i, who in enumerate(["ada", *(f"c{n}" for n in range(40))])
        for _ in range(30)
    ]
    (tmp_path / "data" / "orders.csv").write_text("customer,sku,ordered_at\n" + "\n".join(rows) + "\n")
    sets = [run[i + 1] for i, word in enumerate(run) if word == "--set"]
    conf = load(["shop.yaml"], sets)
    for name in JOBS:
        assert door.walk(importlib.import_module(f"lstmrec.jobs.{name}"), conf, spark=spark).state == "ok"
    shown = CliRunner().invoke(app, show[1:])
    assert shown.exit_code == 0, shown.output
    assert "ada" in shown.output and "sku-" in shown.output
