"""The page of a day: how the lists that were published did, and the variants of an experiment with their history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import jinja2
from markupsafe import Markup

from lstmrec import files, versions
from lstmrec.contracts import tables
from lstmrec.contracts.manifest import Manifest
from lstmrec.report import copies
from lstmrec.report.figures import Figure
from lstmrec.report.ink import GROUPS, HEIGHT, MUTED, WIDTH, chart, labelled, svg
from lstmrec.report.words import FILTERS, csv_link

NAME = "day.html"
Rows = Sequence[Mapping[str, Any]]


def put(root: str) -> str:
    """Put ROOT/day.html there, of the newest JUDGED; where it lies."""
    place = files.join(root, NAME)
    copies.put(place, render(gather(root, versions.current(root, tables.JUDGED))).encode())
    return place


def gather(root: str, judged: Manifest) -> dict[str, Any]:
    """What the page says of a day. judged: the manifest of its JUDGED."""
    today = judged.facts
    k, found = today["k"], today.get("variants")
    board = sorted(today["days"].items(), key=lambda pair: (-pair[1][f"ndcg_{k}"], pair[0]))
    facts = {"root": root, "as_of": judged.as_of, "since": today["since"], "users": today["users"],
             "new": today["new"], "k": k, "board": [{"recommender": n, **v} for n, v in board],
             "variants": None}  # fmt: skip
    if found is None:
        return facts
    history = [{"day": past["day"][:10], "variant": n, "so_far": s, "today": past["today"].get(n)}
               for past in found["history"] for n, s in past["so_far"].items()]  # fmt: skip
    return facts | {"variants": found, "history": history, "verdict": verdict(found)}


def verdict(found: Mapping[str, Any]) -> str:
    """The finding: which variant is decided, and how."""
    said = []
    for name, s in found["so_far"].items():
        if s["decided"]:
            way = "better" if s["estimate"] > 0 else "worse"
            said.append(f"{name} is {way} than {found['first']}: decided on {s['decided'][:10]}")
        else:
            said.append(f"{name} against {found['first']}: not decided after {s['days']} days")
    return "; ".join(said)


def render(facts: Mapping[str, Any]) -> str:
    """The page, in one file. Needs altair, vl-convert and jinja2 (extra `report`)."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("lstmrec.report", "."), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters |= FILTERS
    drawn = [] if facts["variants"] is None else figures(facts)
    flat = [{"day": r["day"], "variant": r["variant"], **_ends("today", r["today"]), **r["so_far"]}
            for r in facts.get("history", [])]  # fmt: skip
    rows = [r | {"users": sum(r["users"])} for r in flat]
    return environment.get_template("day.html.j2").render(**facts, figures=drawn, csv=csv_link(rows))


def figures(facts: Mapping[str, Any]) -> list[Figure]:
    """A drawing for each variant that is held against the first: each day's difference, and that of all days so far
    with where it lies."""
    first, out = facts["variants"]["first"], []
    for name in facts["variants"]["so_far"]:
        rows = [r for r in facts["history"] if r["variant"] == name]
        days = [{"day": r["day"], **r["today"]} for r in rows if r["today"]]
        whole = [{"day": r["day"], **r["so_far"]} for r in rows if r["so_far"]["estimate"] is not None]
        if not days:
            continue
        title = f"{name} minus {first}"
        each = [f"{d['day']} {d['value']:+.4f} ({d['low']:+.4f} to {d['high']:+.4f})" for d in days]
        said = "; ".join([*each, *(f"by {w['day']} in all {w['estimate']:+.4f}{_interval(w)}" for w in whole[-1:])])
        drawing = Markup(labelled(_drawn(days, whole, facts["k"]), f"{title}, NDCG@{facts['k']} by day: {said}"))
        out.append(Figure(f"variant-{name}", title, drawing, csv_link(days), {"a day": "--muted", "all days": "--g1"}))
    return out


def _drawn(days: Rows, whole: Rows, k: int) -> str:
    x = alt.X("day:O", title=None, axis=alt.Axis(labelAngle=0, labelOverlap=True, labelSeparation=8))
    y, end = alt.Y("low:Q", title=f"difference of NDCG@{k}", axis=alt.Axis(minExtent=48, tickCount=5)), "high:Q"
    known = [w for w in whole if w["low"] is not None]
    made = chart([{"none": 0}]).mark_rule(color=MUTED, strokeDash=[4, 3]).encode(y="none:Q")
    made += chart(days).mark_rule(color=MUTED, strokeWidth=2).encode(x=x, y=y, y2=end)
    made += chart(days).mark_point(filled=True, size=40, opacity=1, color=MUTED).encode(x=x, y="value:Q")
    if known:
        made += chart(known).mark_area(color=GROUPS[0], opacity=0.2).encode(x=x, y=y, y2=end)
    if whole:
        made += chart(whole).mark_line(color=GROUPS[0], strokeWidth=2).encode(x=x, y="estimate:Q")
    return svg(made.properties(width=2 * WIDTH, height=HEIGHT))


def _ends(name: str, found: Mapping[str, float] | None) -> dict[str, float | None]:
    return {f"{name}{end}": (found or {}).get(key) for key, end in (("value", ""), ("low", "_low"), ("high", "_high"))}


def _interval(whole: Mapping[str, Any]) -> str:
    return "" if whole["low"] is None else f" ({whole['low']:+.4f} to {whole['high']:+.4f})"
