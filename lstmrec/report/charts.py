"""Results and training as SVG: leaderboard, slices, curves of the log, trials of a search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import altair as alt

from lstmrec.report.ink import HEIGHT, OURS, WIDTH, chart, names, sides, standalone, svg

__all__ = ["curve", "leaderboard", "search", "slices", "standalone"]


def leaderboard(board: Sequence[Mapping[str, Any]], ours: str | None, k: int) -> str:
    """NDCG of every recommender with its interval, best on top."""
    rows = [
        {"name": e["recommender"], "value": e["ndcg"][0], "low": e["ndcg"][1], "high": e["ndcg"][2],
         "side": "ours" if e["recommender"] == ours else "theirs"}
        for e in board
    ]  # fmt: skip
    y, base, colour = names("name", [r["name"] for r in rows]), chart(rows), sides()
    x = _interval(k, alt.Scale(zero=True))
    bars = base.mark_rule(strokeWidth=3).encode(y=y, x=x, x2="high:Q", color=colour)
    points = base.mark_point(filled=True, size=90, opacity=1).encode(y=y, x="value:Q", color=colour)
    return svg((bars + points).properties(width=WIDTH, height=alt.Step(30)))


def slices(rows: Sequence[Mapping[str, Any]], ours: str | None, k: int, most: float | None = None) -> str:
    """NDCG by slice, the model and the best baseline side by side. most: the axis' end, the same for all families."""
    data = [dict(r) | {"side": "ours" if r["recommender"] == ours else "theirs"} for r in rows]
    for r in data:
        r["name"] = str(r["slice"]).split(":", 1)[-1]
    order = list(dict.fromkeys(r["name"] for r in data))
    base, y, colour = chart(data), names("name", order), sides()
    offset = alt.YOffset("side:N", sort=["ours", "theirs"])
    x = _interval(k, alt.Scale(zero=True) if most is None else alt.Scale(domain=[0, most]))
    bars = base.mark_rule(strokeWidth=3).encode(y=y, yOffset=offset, x=x, x2="high:Q", color=colour)
    points = base.mark_point(filled=True, size=70, opacity=1).encode(y=y, yOffset=offset, x="value:Q", color=colour)
    return svg((bars + points).properties(width=220, height=alt.Step(16)))


def curve(log: Sequence[Mapping[str, Any]], key: str, title: str, best: Literal["low", "high"] | None = None,
          form: str = "") -> str:  # fmt: skip
    """One figure of the training log by epoch; the best epoch is larger. Empty text where it was never measured."""
    rows = [{"epoch": r["epoch"], "value": r[key]} for r in log if r.get(key) is not None]
    if not rows:
        return ""
    # Whole epochs alone, and not so many that their numbers touch.
    ticks = [r["epoch"] for r in rows][:: -(-len(rows) // 8)]
    x = alt.X("epoch:Q", title="epoch", axis=alt.Axis(values=ticks, format="d"))
    axis = alt.Axis(minExtent=48, tickCount=5, format=form or alt.Undefined)
    y = alt.Y("value:Q", title=title, scale=alt.Scale(zero=best is None), axis=axis)
    drawn = chart(rows).mark_line(color=OURS, strokeWidth=2, point={"color": OURS, "size": 25}).encode(x=x, y=y)
    if best is not None:
        chosen = (min if best == "low" else max)(rows, key=lambda r: r["value"])
        drawn += chart([chosen]).mark_point(filled=True, size=110, color=OURS, opacity=1).encode(x=x, y=y)
    return svg(drawn.properties(width=WIDTH, height=HEIGHT))


def search(trials: Sequence[Mapping[str, Any]]) -> str:
    """Trials of a search (number, value, state) in their order, with the best so far as a line."""
    rows, top = [], 0.0
    for t in (t for t in trials if t["value"] is not None):
        top = max(top, float(t["value"])) if t["state"] == "complete" else top
        rows.append({"trial": t["number"] + 1, "value": t["value"], "best": top or None,
                     "side": "ours" if t["state"] == "complete" else "theirs"})  # fmt: skip
    base = chart(rows)
    x = alt.X("trial:Q", title="trial (orange: pruned)", axis=alt.Axis(tickMinStep=1, format="d"))
    axis = alt.Axis(minExtent=48, tickCount=5)
    y = alt.Y("value:Q", title="best validation NDCG@10", scale=alt.Scale(zero=False), axis=axis)
    line = base.mark_line(color=OURS, strokeWidth=2, interpolate="step-after").encode(x=x, y="best:Q")
    points = base.mark_point(filled=True, size=50, opacity=1).encode(x=x, y=y, color=sides())
    return svg((points + line).properties(width=480, height=240))


def _interval(k: int, scale: Any) -> Any:
    return alt.X("low:Q", title=f"NDCG@{k} on test, 95 % interval", scale=scale, axis=alt.Axis(tickCount=4))
