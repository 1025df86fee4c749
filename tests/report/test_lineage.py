from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise

from lstmrec.contracts import tables
from lstmrec.report import lineage
from tests import made


def road() -> dict:
    events = replace(made.manifest(tables.EVENTS, "abc-1", rows_out=93), job="clean", fingerprint="e1")
    split = replace(made.manifest(tables.SPLIT, "def-1", rows_out=93), job="split", parents={"events": "e1"})
    lists = replace(made.manifest(tables.RECOMMENDATIONS, "x"), job="score",
                    parents={"events": "e0", "split": split.fingerprint, "grown:x": "?"})  # fmt: skip
    return {"events": events, "split": split, "recommendations": lists}


def test_what_is_made_of_older_versions_is_said():
    rows = {r["table"]: r for r in lineage.rows(road())}
    assert rows["split"]["stale"] == [] and rows["recommendations"]["stale"] == ["events"]
    assert rows["recommendations"]["parents"] == ["events", "grown:x", "split"]
    listed = list(rows.values())
    assert lineage.found(listed) == "1 of 3 tables is made of older versions than are there: recommendations (events)"
    assert lineage.found(listed[:2]) == "2 tables of 2 jobs, each made of the versions that are there"


def test_lines_are_between_jobs():
    assert lineage.edges(lineage.rows(road())) == {
        ("clean v1", "split v1"): False, ("clean v1", "score v1"): True, ("split v1", "score v1"): False,
    }  # fmt: skip


def test_the_drawing_holds_every_table_and_no_box_lies_on_another():
    svg = lineage.draw(lineage.rows(road()), {"clean v1": "2 m 01 s"})
    assert svg.count("<rect") == 3 and svg.count('class="stale"') == 1 and "2 m 01 s" in svg
    for word in ("events", "split", "recommendations", "abc-1", "93"):
        assert f">{word}<" in svg
    boxes = [tuple(map(float, b)) for b in re.findall(r'<rect x="\d+" y="(\d+)" width="\d+" height="(\d+)"', svg)]
    assert all(y + height < after for (y, height), (after, _) in pairwise(boxes))
    bottom = float(re.search(r'viewBox="0 0 \d+ (\d+)"', svg)[1])
    assert boxes[-1][0] + boxes[-1][1] <= bottom
