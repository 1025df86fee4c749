"""s4 end to end on a small world: what it commits and says (partitioning and leaks: test_sequence.py)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lstmrec import versions
from lstmrec.contracts import tables
from lstmrec.jobs import profile
from lstmrec.store.read import read
from tests.frames.world import world
from tests.jobs.small import config, laid

MADE = (tables.WINDOWS, tables.ITEM_PROFILES, tables.USER_PROFILES)


@pytest.fixture(scope="module")
def first(spark: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    root = tmp_path_factory.mktemp("profile")
    conf = config(root, objective="next_item")
    laid(spark, conf, world(31), 2)
    profile.run(spark, conf)
    return root, {t.name: versions.current(conf.root, t) for t in MADE}


def test_facts(spark: Any, first: tuple[Path, dict[str, Any]]) -> None:
    root, found = first
    windows = found["windows"]
    assert windows.facts["left_out"] > 0
    assert windows.rows_in == windows.rows_out + windows.facts["left_out"] == windows.rows_out + windows.rows_rejected
    names = [s[0] for s in found["user_profiles"].facts["scalers"]]
    assert names == list(config(root).profile.features)
    assert all(s[2] >= 1 for s in found["user_profiles"].facts["scalers"])
    short = read(spark, str(root), tables.WINDOWS).where("role = 'train' AND stop - start < 2").collect()
    assert all(r.history - 1 - r.stop == 0 for r in short)  # only a user's last


def test_every_window_has_its_profile(spark: Any, first: tuple[Path, dict[str, Any]]) -> None:
    root, _ = first
    windows, profiles = read(spark, str(root), tables.WINDOWS), read(spark, str(root), tables.USER_PROFILES)
    starts = {(r.user_id, r.start) for r in windows.collect()}
    wholes = {(r.user_id, r.history) for r in windows.where("role = 'serve'").collect()}
    assert {(r.user_id, r.boundary) for r in profiles.collect()} == starts | wholes
