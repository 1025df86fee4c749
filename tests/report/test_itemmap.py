from __future__ import annotations

import re

import numpy as np
import pytest

from lstmrec.report import itemmap
from tests import made


def blobs(n: int = 60) -> np.ndarray:
    """Two groups of items in eight dimensions."""
    rng = np.random.default_rng(3)
    x = rng.normal(0, 0.1, (n, 8))
    x[: n // 2, 0] += 1
    x[n // 2 :, 1] += 1
    return x


def rows(n: int = 60) -> list[dict]:
    return [{"item_id": f"i{k}", "title": f"T{k}", "tags": [2 + (k >= n // 2), 9, 5 + k % 2], "vector": v.tolist()}
            for k, v in enumerate(blobs(n))]  # fmt: skip


TAGS = {2: "kind=left", 3: "kind=right", 5: "brand=a", 6: "brand=b"}  # 9 is in a bucket of the tail


def test_axes_are_the_principal_ones_with_a_fixed_sign():
    x = blobs()
    points, held = itemmap.plane(x)
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    values = np.linalg.eigvalsh(np.cov(unit.T, bias=True))[::-1]
    assert held == pytest.approx(values[:2].sum() / values.sum())
    assert points.var(axis=0) == pytest.approx(values[:2])
    again, _ = itemmap.plane(x * 3)  # lengths say nothing
    assert again == pytest.approx(points)
    turned, _ = itemmap.plane(x[::-1])
    assert turned[::-1] == pytest.approx(points), "the order of items turns no axis"


def test_the_tag_that_parts_the_points_colours_them():
    found = itemmap.facts(rows(), TAGS)
    assert found["by"] == "kind" and found["told"] > 0.6 and 0 < found["variance"] < 1
    assert {p["group"] for p in found["points"]} == {"left", "right"}
    assert all(0 <= p[axis] <= 1 for p in found["points"] for axis in "xy")
    assert itemmap.legend(found) == {"left": "--g1", "right": "--g2"}


def test_groups_are_first_tags_and_few_of_them():
    got = itemmap.groups([["c=1", "c=2", "plain"], ["c=2"], [], *[[f"c=v{n}"] * 1 for n in range(9)], ["c=2"]])
    assert got["c"][:3] == ["1", "2", itemmap.NONE] and got[""][0] == "plain"
    assert len(set(got["c"])) == itemmap.COLOURED + 2 and got["c"][-2] == itemmap.OTHER
    assert itemmap.groups([["a=b=c"]]) == {"a": ["b=c"]}


def test_told_is_the_share_between_groups():
    points = np.array([[0.0, 0], [0, 2], [10, 0], [10, 2]])
    assert itemmap.told(points, ["a", "a", "b", "b"]) == pytest.approx(1 - 4 / 104)
    assert itemmap.told(points, ["a"] * 4) == pytest.approx(0) and itemmap.told(points[:1], ["a"]) == 0


def test_points_say_their_titles_as_text():
    some = rows(6)
    some[1] |= {"title": made.NASTY}
    some[2] |= {"title": None, "item_id": "<i>2"}
    svg = itemmap.draw(itemmap.facts(some, {2: f"k={made.NASTY}", 3: "k=y"}))
    assert len(re.findall(r"<title>", svg)) == 6 and svg.count("<path") == 6
    assert "<img" not in svg and "&lt;img" in svg and "&lt;i&gt;2" in svg and "<i>" not in svg
    assert "var(--g1)" in svg and "#" not in svg.replace("&#", "")


def test_too_few_items_have_no_map():
    assert itemmap.facts(rows(2), TAGS) == {} and itemmap.facts([], {}) == {}
    alone = itemmap.facts(rows(6), {})
    assert alone["by"] is None and itemmap.legend(alone) == {} and itemmap.draw(alone).count("<path") == 6
