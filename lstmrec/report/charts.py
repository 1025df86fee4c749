"""Facts -> static SVG by Altair and vl-convert, with CSS variables for colours: light and dark are the page's own."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import vl_convert

#: Stand-in colour of the spec -> CSS variable of the page.
INK = {"#010101": "--ink", "#020202": "--muted", "#030303": "--line", "#040404": "--ours", "#050505": "--theirs"}
_INK, _MUTED, _LINE, _OURS, _THEIRS = INK
_LIGHT = {"--ink": "#1c2430", "--muted": "#5f6b7a", "--line": "#e2e5ea", "--ours": "#0b6bcb", "--theirs": "#c2621b"}
_FONT = "system-ui, sans-serif"


def leaderboard(board: Sequence[Mapping[str, Any]], ours: str | None, k: int) -> str:
    """NDCG of every recommender with its interval, best on top."""
    rows = [
        {"name": e["recommender"], "value": e["ndcg"][0], "low": e["ndcg"][1], "high": e["ndcg"][2],
         "side": "ours" if e["recommender"] == ours else "theirs"}
        for e in board
    ]  # fmt: skip
    y = _names("name", [r["name"] for r in rows])
    base = _chart(rows)
    colour = _sides()
    x = alt.X(
        "low:Q", title=f"NDCG@{k} on test, with 95 % interval", scale=alt.Scale(zero=True), axis=alt.Axis(tickCount=5)
    )
    bars = base.mark_rule(strokeWidth=3).encode(y=y, x=x, x2="high:Q", color=colour)
    points = base.mark_point(filled=True, size=90, opacity=1).encode(y=y, x="value:Q", color=colour)
    return _svg((bars + points).properties(width=400, height=alt.Step(30)))


def curve(log: Sequence[Mapping[str, Any]], key: str, title: str) -> str:
    """One figure of the training log by epoch; the best epoch is larger. Empty text where it was never measured."""
    rows = [{"epoch": r["epoch"], "value": r[key]} for r in log if r.get(key) is not None]
    if not rows:
        return ""
    chosen = min(rows, key=lambda r: r["value"]) if key == "loss" else max(rows, key=lambda r: r["value"])
    x = alt.X("epoch:Q", title="epoch", axis=alt.Axis(tickMinStep=1, format="d"))
    y = alt.Y("value:Q", title=title, scale=alt.Scale(zero=False), axis=alt.Axis(minExtent=48, tickCount=5))
    line = _chart(rows).mark_line(color=_OURS, strokeWidth=2, point={"color": _OURS, "size": 25})
    best = _chart([chosen]).mark_point(filled=True, size=110, color=_OURS, opacity=1)
    return _svg((line.encode(x=x, y=y) + best.encode(x=x, y=y)).properties(width=380, height=200))


def search(trials: Sequence[Mapping[str, Any]]) -> str:
    """Trials of a search (number, value, state) in their order, with the best so far as a line."""
    rows, top = [], 0.0
    for t in (t for t in trials if t["value"] is not None):
        top = max(top, float(t["value"])) if t["state"] == "complete" else top
        rows.append({"trial": t["number"] + 1, "value": t["value"], "best": top or None,
                     "side": "ours" if t["state"] == "complete" else "theirs"})  # fmt: skip
    base = _chart(rows)
    x = alt.X("trial:Q", title="trial (orange: pruned)", axis=alt.Axis(tickMinStep=1, format="d"))
    axis = alt.Axis(minExtent=48, tickCount=5)
    y = alt.Y("value:Q", title="best validation NDCG@10", scale=alt.Scale(zero=False), axis=axis)
    line = base.mark_line(color=_OURS, strokeWidth=2, interpolate="step-after").encode(x=x, y="best:Q")
    points = base.mark_point(filled=True, size=50, opacity=1).encode(x=x, y=y, color=_sides())
    return _svg((points + line).properties(width=480, height=240))


def slices(rows: Sequence[Mapping[str, Any]], ours: str | None, k: int) -> str:
    """NDCG by slice, the model and the best baseline side by side."""
    data = [dict(r) | {"side": "ours" if r["recommender"] == ours else "theirs"} for r in rows]
    order = list(dict.fromkeys(r["slice"] for r in data))
    base = _chart(data)
    y, colour = _names("slice", order), _sides()
    offset = alt.YOffset("side:N", sort=["ours", "theirs"])
    x = alt.X(
        "low:Q", title=f"NDCG@{k} on test, with 95 % interval", scale=alt.Scale(zero=True), axis=alt.Axis(tickCount=5)
    )
    bars = base.mark_rule(strokeWidth=3).encode(y=y, yOffset=offset, x=x, x2="high:Q", color=colour)
    points = base.mark_point(filled=True, size=70, opacity=1).encode(y=y, yOffset=offset, x="value:Q", color=colour)
    return _svg((bars + points).properties(width=400, height=alt.Step(16)))


def standalone(svg: str) -> str:
    """A drawing for a file of its own: the page's light colours on white."""
    for name, colour in _LIGHT.items():
        svg = svg.replace(f"var({name})", colour)
    return svg.replace(' style="', ' style="background:#fff;', 1)


def _chart(rows: Sequence[Mapping[str, Any]]) -> Any:
    return alt.Chart(alt.Data(values=list(rows)))  # type: ignore[no-untyped-call]  # altair's own classes are untyped


def _names(field: str, order: Sequence[str]) -> Any:
    # Room for the longest name in whatever font the reader has: it may be wider than the one measured with here.
    room = 8 * max((len(name) for name in order), default=0) + 8
    return alt.Y(f"{field}:N", sort=list(order), title=None, axis=alt.Axis(minExtent=room, labelPadding=6))


def _sides() -> Any:
    return alt.Color("side:N", scale=alt.Scale(domain=["ours", "theirs"], range=[_OURS, _THEIRS]), legend=None)


def _svg(chart: Any) -> str:
    chart = chart.configure(background="transparent", font=_FONT).configure_view(stroke=None)
    chart = chart.configure_axis(
        labelColor=_INK, titleColor=_MUTED, gridColor=_LINE, domainColor=_LINE, tickColor=_LINE, labelFontSize=13,
        titleFontSize=12, titleFontWeight="normal", labelLimit=220,
    )  # fmt: skip
    svg = str(vl_convert.vegalite_to_svg(chart.to_dict()))
    for stand_in, name in INK.items():
        svg = svg.replace(stand_in, f"var({name})")
    # Scales with the page: the drawing's own size is only its widest.
    width = re.search(r'<svg[^>]*? width="([0-9.]+)" height="[0-9.]+"', svg)
    if width:
        svg = re.sub(r' width="[0-9.]+" height="[0-9.]+"', f' style="width:100%;max-width:{width[1]}px;height:auto"',
                     svg, count=1)  # fmt: skip
    return svg
