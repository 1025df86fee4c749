from __future__ import annotations

import re
from urllib.parse import unquote

from lstmrec.report import figures
from tests import made


def row(name: str, part: str, value: float) -> dict:
    return {"slice": part, "recommender": name, "value": value, "low": value - 0.1, "high": value + 0.1, "users": 9}


SLICES = [row(n, s, v) for s, v in (("all", 0.4), ("repeat", 0.6), ("explore", 0.2), ("segment:=x", 0.3),
                                    (f"segment:{made.NASTY}", 0.5)) for n in ("model", "knn")]  # fmt: skip
FACTS = {"slices": SLICES, "ours": "model", "k": 10, "gaps": [
    {"family": "segment", "recommender": "model", "best": f"segment:{made.NASTY}", "worst": "segment:=x", "value": 0.2},
    {"family": "target", "recommender": "model", "best": "repeat", "worst": "explore", "value": 0.4}]}  # fmt: skip


def test_a_small_drawing_for_each_kind_of_slices():
    got = {f.key: f for f in figures.families(FACTS)}
    assert list(got) == ["slices-all", "slices-targets", "slices-segment"]
    assert got["slices-targets"].title == "By targets: repeat is 0.4000 above explore"
    assert "<img" not in got["slices-segment"].svg and "model repeat 0.6000" in got["slices-targets"].svg
    assert "segment:=x,model" in unquote(got["slices-segment"].csv)
    ends = [max(float(t) for t in _texts(f.svg)) for f in got.values()]
    assert len(set(ends)) == 1, "all on one axis"


def _texts(svg: str) -> list[str]:
    return re.findall(r">([0-9.]+)</text>", svg)


def test_a_text_alternative_ends_where_nobody_listens_any_more():
    assert figures._list(str(n) for n in range(3)) == "0; 1; 2"
    assert figures._list(str(n) for n in range(50)).endswith("39; and 10 more")
