from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lstmrec.config import blends
from lstmrec.config.recommenders import Blend, Personal, Popularity
from lstmrec.contracts.errors import ConfigError
from tests import made

ENTRIES = [{"kind": "model"}, {"kind": "popularity"}, {"kind": "personal"}]


def conf(tmp_path: Path, *more: dict[str, Any], **score: Any) -> Any:
    return made.config(tmp_path, score={"recommenders": [*more, *ENTRIES], **score})


def test_parts_come_before_their_blends_and_as_deep_as_these_look(tmp_path: Path) -> None:
    outer = {"kind": "blend", "name": "outer", "of": ["inner", "personal"], "depth": 30}
    inner = {"kind": "blend", "name": "inner", "of": ["model", "popularity"], "depth": 20, "weights": "fit"}
    made_of = conf(tmp_path, outer, inner).score.recommenders
    assert [e.name for e in blends.in_order(made_of)] == ["model", "popularity", "inner", "personal", "outer"]
    assert blends.depths(made_of, 10) == {"outer": 10, "inner": 30, "model": 20, "popularity": 20, "personal": 30}
    assert blends.parts(made_of) == {"inner", "personal", "model", "popularity"}
    assert [b.name for b in blends.fitted(made_of)] == ["inner"]
    plain = [Popularity(kind="popularity"), Personal(kind="personal")]
    assert blends.in_order(plain) == plain and set(blends.depths(plain, 7).values()) == {7}
    shallow = [*plain, Blend(kind="blend", of=["popularity", "personal"], depth=3)]
    assert set(blends.depths(shallow, 7).values()) == {7}


@pytest.mark.parametrize(
    ("entries", "score", "said"),
    [
        ([{"of": ["model", "nobody"]}], {}, "is of nobody"),
        ([{"of": ["model", "blend"]}], {}, "in a circle: blend > blend"),
        ([{"of": ["b", "model"], "name": "a"}, {"of": ["a", "model"], "name": "b"}], {}, "in a circle: a > b > a"),
        ([{"of": ["model", "model"]}], {}, "twice"),
        ([{"of": ["model"]}], {}, "at least 2"),
        ([{"of": ["model", "popularity"], "weights": [1.0]}], {}, "one for each"),
        ([{"of": ["model", "popularity"], "weights": [0.0, 0.0]}], {}, "not all 0"),
        ([{"of": ["model", "popularity"], "weights": [1.0, -1.0]}], {}, "greater than or equal to 0"),
        ([{"of": ["model", "popularity"], "weights": "fit"}], {"roles": ["test", "serve"]}, "needs role validation"),
        ([{"of": ["model", "popularity"]}], {"mode": "carry"}, "cannot look 100 deep, at most 10"),
    ],
)
def test_what_no_blend_can_be(tmp_path: Path, entries: list[dict[str, Any]], score: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        conf(tmp_path, *({"kind": "blend", **e} for e in entries), **score)


def test_carry_modes_blend_what_they_keep(tmp_path: Path) -> None:
    blend = {"kind": "blend", "of": ["model", "popularity"], "depth": 10}
    assert conf(tmp_path, blend, mode="carry").score.mode == "carry"
    assert conf(tmp_path, {**blend, "of": ["personal", "popularity"], "depth": 99}, mode="carry")


def test_a_table_is_of_another_run(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="this run's own"):
        conf(tmp_path, {"kind": "table", "root": f"{tmp_path}/"})
    assert [t.root for t in blends.tables(conf(tmp_path, {"kind": "table", "root": "a"}).score.recommenders)] == ["a"]
