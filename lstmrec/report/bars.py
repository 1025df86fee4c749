"""The data and the lists as SVG: timeline, gaps, histories, the long tail, reasons of lists, drift."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import altair as alt

from lstmrec.report.ink import GROUPS, HEIGHT, INK, MUTED, OURS, THEIRS, WIDTH, chart, colours, names, stacked, svg

#: Colours of roles, wherever they stand beside one another.
ROLES = {"train": MUTED, "context": GROUPS[7], "validation": GROUPS[2], "test": GROUPS[3]}
HISTORIES = {"all": MUTED, "test": ROLES["test"]}
#: Rungs and other reasons of lists, as far as colours go.
_REASONS = [GROUPS[0], GROUPS[5], GROUPS[3], GROUPS[4], GROUPS[6], GROUPS[2], GROUPS[7], GROUPS[1]]
_SHARE = alt.Axis(minExtent=48, tickCount=4, format=".0%")

Rows = Sequence[Mapping[str, Any]]


def _counts(rows: Rows, key: str, **more: Any) -> Any:
    """An axis of counts: `12,000`, or `1.2M` where they are large."""
    large = max((r[key] for r in rows), default=0) >= 100_000
    return alt.Axis(tickCount=4, format="~s" if large else ",d", **more)


def variable(stand_in: str) -> str:
    """The CSS variable of a colour, for the page's legend."""
    return INK[stand_in]


def timeline(rows: Rows, days: int | None) -> str:
    """Events by time, roles on one another; days: the width of a bar. Without a clock by place in the history."""
    data = stacked(rows, "at", "events")
    if days is None:
        x = alt.X("low:Q", title="events", axis=_counts(data, "high"))
        places = names("at", list(dict.fromkeys(r["at"] for r in data)))
        made = chart(data).mark_bar().encode(y=places, x=x, x2="high:Q", color=colours("role", ROLES))
        return svg(made.properties(width=WIDTH, height=alt.Step(18)))
    ends = [r | {"to": (date.fromisoformat(r["at"]) + timedelta(days=days)).isoformat()} for r in data]
    span = (date.fromisoformat(data[-1]["at"]) - date.fromisoformat(data[0]["at"])).days + days
    # Months by number: their names are of all lengths, and would touch.
    axis = alt.Axis(tickCount=4, format="%b %d" if span < 92 else "%Y-%m", labelOverlap=True, labelSeparation=12)
    x = alt.X("at:T", scale=alt.Scale(type="utc"), title=None, axis=axis)
    y = alt.Y("low:Q", title="events", axis=_counts(data, "high", minExtent=48))
    made = chart(ends).mark_rect().encode(x=x, x2="to:T", y=y, y2="high:Q", color=colours("role", ROLES))
    return svg(made.properties(width=WIDTH, height=HEIGHT))


def gaps(rows: Rows) -> str:
    """Events by the time since the one before."""
    x = alt.X("events:Q", title="events", axis=_counts(rows, "events"))
    made = chart(rows).mark_bar(color=MUTED).encode(y=names("gap", [r["gap"] for r in rows]), x=x)
    return svg(made.properties(width=WIDTH, height=alt.Step(18)))


def histories(rows: Rows) -> str:
    """Users by the length of their history, everybody's and those of test."""
    order = list(dict.fromkeys(r["events"] for r in rows))
    x, offset = alt.X("n:Q", title="users", axis=_counts(rows, "n")), alt.YOffset("users:N", sort=["all", "test"])
    made = (
        chart(rows).mark_bar().encode(y=names("events", order), yOffset=offset, x=x, color=colours("users", HISTORIES))
    )
    return svg(made.properties(width=WIDTH, height=alt.Step(10)))


def tail(rows: Rows, ours: str | None, theirs: str | None, covered: bool) -> str:
    """By decile of items, most bought first: the share of train events and of places in lists (a line each), or, for
    `covered`, the share of the decile's items that are shown at all."""
    sizes = {r["decile"]: r["items"] for r in rows if r["of"] == "train events"}
    sums: dict[str, int] = {}
    for r in rows:
        sums[r["of"]] = sums.get(r["of"], 0) + r["n"]
    shown = [n for n in (ours, theirs) if n is not None]
    data = [{"of": r["of"], "decile": r["decile"],
             "share": r["items"] / max(sizes[r["decile"]], 1) if covered else r["n"] / max(sums[r["of"]], 1)}
            for r in rows if r["of"] in (shown if covered else ["train events", *shown])]  # fmt: skip
    chosen = {"train events": MUTED, **({ours: OURS} if ours else {}), **({theirs: THEIRS} if theirs else {})}
    x = alt.X("decile:O", title="tenth of the items, most train events first", axis=alt.Axis(labelAngle=0))
    y = alt.Y("share:Q", title="of the tenth's items shown" if covered else "share", axis=_SHARE)
    base = chart(data).encode(x=x, y=y, color=colours("of", chosen))
    made = base.mark_line(strokeWidth=2) + base.mark_point(filled=True, size=40, opacity=1)
    return svg(made.properties(width=WIDTH, height=HEIGHT))


def reasons(rows: Rows) -> dict[str, str]:
    """Reason -> colour, in the order in which they stand."""
    found = list(dict.fromkeys(r["reason"] for r in rows))
    return {reason: _REASONS[n % len(_REASONS)] for n, reason in enumerate(found)}


def ladder(rows: Rows) -> str:
    """Shares of each recommender's lists by the reason they are there for."""
    sums: dict[str, int] = {}
    for r in rows:
        sums[r["recommender"]] = sums.get(r["recommender"], 0) + r["users"]
    data = stacked(
        [dict(r) | {"share": r["users"] / max(sums[r["recommender"]], 1)} for r in rows], "recommender", "share"
    )
    y = names("recommender", list(sums))
    x = alt.X("low:Q", title="share of the lists", axis=alt.Axis(values=[0, 0.5, 1], format=".0%"),
              scale=alt.Scale(domain=[0, 1]))  # fmt: skip
    made = chart(data).mark_bar().encode(y=y, x=x, x2="high:Q", color=colours("reason", reasons(rows)))
    return svg(made.properties(width=230, height=alt.Step(24)))


def drift(rows: Rows, limit: float) -> str:
    """Population stability index by feature and role, and the limit."""
    order = list(dict.fromkeys(r["feature"] for r in rows))
    x = alt.X("psi:Q", title="population stability index against train", axis=alt.Axis(tickCount=4))
    base = chart(rows).encode(y=names("feature", order), x=x, color=colours("role", ROLES))
    rule = chart([{"limit": limit}]).mark_rule(color=THEIRS, strokeDash=[4, 3]).encode(x="limit:Q")
    made = rule + base.mark_point(filled=True, size=70, opacity=1)
    return svg(made.properties(width=230, height=alt.Step(22)).resolve_scale(color="independent"))


def seconds(rows: Rows) -> str:
    """Wall time of each job."""
    x = alt.X("seconds:Q", title="seconds", axis=alt.Axis(tickCount=4, format="~s"))
    made = chart(rows).mark_bar(color=OURS).encode(y=names("job", [r["job"] for r in rows]), x=x)
    return svg(made.properties(width=WIDTH, height=alt.Step(20)))
