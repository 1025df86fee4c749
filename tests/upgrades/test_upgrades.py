"""A run of each minor, as its users have it on disk, goes on with the code of today (`make.py` says what is kept).

0.1 is not released yet: until then this holds the format still, and is made anew where a job's VERSION moves.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest
import torch

from lstmrec import lookup, versions
from lstmrec.cli import flows, status
from lstmrec.contracts import tables
from lstmrec.model.build import load
from lstmrec.store.published import publications
from tests.conftest import ROOT
from tests.daily import days
from tests.upgrades import make, weights

KEPT = sorted(make.HERE.glob("*.tar.xz"))


@pytest.fixture(params=KEPT, ids=lambda p: p.name.removesuffix(".tar.xz"))
def place(request: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The run as it lay on its user's disk, the bundle's weights written again."""
    with tarfile.open(request.param) as tar:
        tar.extractall(tmp_path, filter="data")
    shapes = {k: tuple(v) for k, v in json.loads((tmp_path / make.SHAPES).read_text()).items()}
    for manifest in (tmp_path / "root" / "bundle").glob("*/_MANIFEST.json"):
        weights.write(manifest.with_name(weights.WEIGHTS), shapes)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def heads(root: str) -> dict[str, Any]:
    return {t.name: versions.current(root, t) for t in tables.ALL if versions.log(root, t.name)}


def test_it_is_whole_and_small(place: Path) -> None:
    found = heads(str(place / "root"))
    assert {t.name for t in tables.ALL} - set(found) == {"labels", "candidates", "judged"}
    assert all(versions.lies_there(str(place / "root"), tables.table(n), m) for n, m in found.items())
    assert all(path.stat().st_size < 200_000 for path in KEPT)


def test_its_bundle_is_the_one_that_was_committed_and_loads(place: Path) -> None:
    root = str(place / "root")
    net = load(versions.verify_files(root, versions.current(root, tables.BUNDLE)))
    assert all(bool(torch.isfinite(p).all()) for p in net.parameters()) and net.spec.use_profile


def test_no_job_is_stale_but_by_a_version_that_moved(place: Path) -> None:
    """In particular nothing is trained again. What follows a job whose VERSION moved waits for it."""
    jobs = [importlib.import_module(f"lstmrec.jobs.{name}") for name in flows.JOBS]
    told = {s.job: (s.state, s.why) for s in status.states(make.config(place), jobs)}
    assert list(told) == list(flows.JOBS)
    assert {n: t for n, t in told.items() if t[0] != "done" and not t[1].startswith(("version", "after"))} == {}
    assert told["train"][0] == "done" or any(why.startswith("version") for _, why in told.values())


def test_its_lists_are_read_without_spark(place: Path) -> None:
    found = lookup.lists(str(place / "root"), "u01", "serve")
    assert set(found) == {"model", "popularity"} and publications(str(place / "root"))


@pytest.mark.slow
def test_a_day_goes_on_from_it_by_its_bundle(place: Path) -> None:
    """By `lstmrec run`: tables of before are read, the states go on, the lists are published; nothing is trained."""
    root = str(place / "root")
    before, conf = heads(root), make.config(place)
    make.write_source(place, days.FIRST)
    (place / "shop.yaml").write_text(json.dumps(conf.model_dump(mode="json")))
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(place), str(ROOT)]), "SPARK_LOCAL_IP": "127.0.0.1"}
    words = ["run", "--config", "shop.yaml", "--flow", "daily", "--as-of", days.as_of(days.FIRST)]
    done = subprocess.run([sys.executable, "-m", "lstmrec.cli.main", *words], cwd=place, env=env, text=True,
                          capture_output=True, check=False)  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    after = heads(root)
    assert after["bundle"] == before["bundle"] and after["vocabulary"].fingerprint == before["vocabulary"].fingerprint
    assert after["events"].facts["chain"][0] == before["events"].version
    live = versions.current(root, tables.RECOMMENDATIONS, "live")
    assert live == after["recommendations"] != before["recommendations"] and live.as_of == days.as_of(days.FIRST)
    assert len(publications(root)) == 2
