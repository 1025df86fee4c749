"""The pages of docs/: the made ones are fresh, links hold, and what they tell you to type is there."""

from __future__ import annotations

import importlib.util
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from omegaconf import OmegaConf

from lstmrec.cli.main import app
from lstmrec.config.load import validate
from lstmrec.frames import expected
from lstmrec.report import page
from scripts import docs
from scripts.reference import errors, tables

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "docs").rglob("*.md"))
WRITTEN = [p for p in PAGES if p.parent.name != "reference"]


def blocks(where: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", where.read_text(encoding="utf-8"), re.S)


def test_made_pages_are_fresh() -> None:
    assert docs.stale() == [], "run: python scripts/docs.py"


def test_every_code_and_every_metric_has_its_line() -> None:
    said = (docs.PAGES / "errors.md").read_text(encoding="utf-8")
    source = "".join(p.read_text() for p in (ROOT / "lstmrec").rglob("*.py"))
    assert [c for c in sorted(set(re.findall(r'"([CDRG]\d{3})"', source))) if f"**{c}**" not in said] == []
    assert set(tables.MEANINGS) == {*expected.METRICS, *(name for *_, names in page.BOARDS for name in names)}
    assert errors.KINDS.keys() == set("CDRGB")


@pytest.mark.parametrize("where", WRITTEN, ids=lambda p: p.name)
def test_commands_are_there(where: Path) -> None:
    group: Any = typer.main.get_command(app)
    for line in [line for block in blocks(where, "bash") for line in block.splitlines()]:
        words = shlex.split(line, comments=True)
        if words[:1] == ["lstmrec"]:
            verb = group.commands[words[1]]
            known = {o for p in verb.params for o in p.opts}
            assert [w for w in words[2:] if w.startswith("-") and w not in known] == [], line
        assert all((ROOT / w).exists() for w in words if re.match(r"(conf|scripts|jobs)/", w)), line


@pytest.mark.parametrize("where", WRITTEN, ids=lambda p: p.name)
def test_config_in_pages_is_config(where: Path) -> None:
    base = {"root": "r", "as_of": "2020-01-01T00:00:00Z", "clean": {"events": {"path": ["e"]}}}
    base["clean"]["users"] = {"path": ["u"], "attributes": ["region"]}  # type: ignore[index]
    for block in blocks(where, "yaml"):
        validate(OmegaConf.to_container(OmegaConf.merge(base, OmegaConf.create(block))))


@pytest.mark.parametrize("where", WRITTEN, ids=lambda p: p.name)
def test_files_and_keys_named_are_there(where: Path) -> None:
    text = where.read_text(encoding="utf-8")
    for path in re.findall(r"`((?:conf|scripts|lstmrec|tests)/[\w./-]+)`", text):
        assert (ROOT / path).exists(), path
    for link in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (where.parent / link).exists(), link


@pytest.mark.skipif(importlib.util.find_spec("mkdocs") is None, reason="mkdocs is not installed: extra docs")
def test_the_site_builds_strictly(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert (tmp_path / "reference" / "config" / "index.html").exists()
