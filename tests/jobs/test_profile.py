"""s4 end to end on a small world: what it commits and says (partitioning and leaks: test_sequence.py)."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from lstmrec import versions
from lstmrec.config.load import validate
from lstmrec.config.run import Config
from lstmrec.contracts import tables
from lstmrec.contracts.errors import ConfigError
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
    facts = found["user_profiles"].facts
    assert [s[0] for s in facts["scalers"]] == list(config(root).profile.features)
    assert facts["width"] == 5
    assert all(s[2] >= 1 for s in facts["scalers"])
    short = read(spark, str(root), tables.WINDOWS).where("role = 'train' AND stop - start < 2").collect()
    assert all(r.history - 1 - r.stop == 0 for r in short)  # only a user's last


def test_every_window_has_its_profile(spark: Any, first: tuple[Path, dict[str, Any]]) -> None:
    root, _ = first
    windows, profiles = read(spark, str(root), tables.WINDOWS), read(spark, str(root), tables.USER_PROFILES)
    starts = {(r.user_id, r.start) for r in windows.collect()}
    wholes = {(r.user_id, r.history) for r in windows.where("role = 'serve'").collect()}
    assert {(r.user_id, r.boundary) for r in profiles.collect()} == starts | wholes


def test_without_features_and_items(spark: Any, tmp_path: Path) -> None:
    """[] gives empty arrays at the same boundaries, items: false an empty table."""
    conf = changed(tmp_path, {"features": [], "items": False})
    laid(spark, conf, world(31), 2)
    made = profile.run(spark, conf)
    assert (made.facts["width"], made.facts["scalers"]) == (0, [])
    rows = read(spark, conf.root, tables.USER_PROFILES).collect()
    assert rows and all(r.raw == r.encoded == [] for r in rows)
    assert versions.current(conf.root, tables.ITEM_PROFILES).rows_out == 0


def test_affinities_and_own_features(spark: Any, tmp_path: Path) -> None:
    own = {"name": "big_spender", "agg": "sum(value) / 100.0"}
    conf = changed(tmp_path, {"features": ["day_parts", own, "count:odd"], "affinities": {"tags": 4}})
    laid(spark, conf, world(31), 2)
    facts = profile.run(spark, conf).facts
    names = [f"day_parts:{h}" for h in (0, 6, 12, 18)] + ["big_spender", "count:odd", "tag:view"]  # one tag is there
    assert [s[0] for s in facts["scalers"]] == names
    assert facts["width"] == 7
    rows = read(spark, conf.root, tables.USER_PROFILES).collect()
    assert {len(r.encoded) for r in rows} == {7}
    assert all(math.isfinite(x) for r in rows for x in r.encoded)


def test_a_bad_aggregate_is_told_before_anything_is_made(spark: Any, tmp_path: Path) -> None:
    conf = changed(tmp_path, {"features": [{"name": "mine", "agg": "sum(price)"}]})
    laid(spark, conf, world(31), 2)
    with pytest.raises(ConfigError, match="C342"):
        profile.run(spark, conf)
    assert not (tmp_path / "windows").exists() and not (tmp_path / "_work").exists()


def changed(root: Path, section: dict[str, Any]) -> Config:
    """The small config with another profile section."""
    return validate(config(root, objective="next_item").model_dump(mode="json") | {"profile": section})
