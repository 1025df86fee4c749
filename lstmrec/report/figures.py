"""Every figure of the page: its finding as title, the drawing with a text in its place, its data, its legend."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from lstmrec.report import bars, charts, itemmap, lineage
from lstmrec.report.ink import labelled
from lstmrec.report.words import csv_link, figure, flat
from lstmrec.said import span

Facts = Mapping[str, Any]
Rows = Sequence[Mapping[str, Any]]
KEYS = ("leaderboard", "loss", "ndcg", "rate", "starved", "drift", "timeline", "histories", "gaps", "tail", "covered",
        "ladder", "map", "cost", "lineage")  # fmt: skip
_DRIFTING = 12
#: Curves of the log: column, what stands at the axis, whether a high or a low value is chosen, its form.
_CURVES: tuple[tuple[str, str, str, Any, str], ...] = (
    ("loss", "loss", "training loss", "low", ""),
    ("ndcg", "ndcg_10", "validation NDCG@10", "high", ""),
    ("rate", "rate", "learning rate", None, ".1e"),
    ("starved", "starved", "share of time waited for data", None, ".1%"),
)


@dataclass(frozen=True)
class Figure:
    """key: its name in the page and of the CSV file. csv: a data: address, or empty. legend: name -> CSS variable."""

    key: str
    title: str
    svg: Markup
    csv: str
    legend: Mapping[str, str]


def figures(facts: Facts, titles: Mapping[str, str]) -> dict[str, Figure | None]:
    """By key; None where there is no data. titles: of `findings`."""
    made = (*_results(facts, titles), *_data(facts, titles), *_lists(facts, titles), *_road(facts, titles))
    return dict.fromkeys(KEYS) | {f.key: f for f in made}


def families(facts: Facts) -> list[Figure]:
    """Small multiples: a drawing for each kind of slices, all on one axis; what the whole is stands first."""
    rows, ours, out = facts["slices"], facts["ours"], []
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for r in rows:
        part = r["slice"].split(":", 1)[0]
        groups.setdefault("targets" if part in ("repeat", "explore") else part, []).append(r)
    most = max((r["high"] for r in rows), default=0.0) or 1.0
    gaps = {("targets" if g["family"] == "target" else g["family"]): g for g in facts["gaps"]
            if g["recommender"] == ours}  # fmt: skip
    for part, mine in groups.items():
        name = {"all": "All users of test"}.get(part, "By " + part.replace("_", " "))
        gap = gaps.get(part)
        if gap:
            name += f": {_group(gap['best'])} is {gap['value']:.4f} above {_group(gap['worst'])}"
        said = _list(f"{r['recommender']} {_group(r['slice'])} {figure(r['value'])}" for r in mine)
        out.append(_made(f"slices-{part}", name, charts.slices(mine, ours, facts["k"], most), mine, said))
    return out


def _results(facts: Facts, titles: Mapping[str, str]) -> Iterable[Figure]:
    board, log = facts["leaderboard"], facts["training"]
    flat_board = [{"recommender": e["recommender"], "metric": m, "value": v[0], "low": v[1], "high": v[2]}
                  for e in board for m, v in e.items() if isinstance(v, list)]  # fmt: skip
    if board:
        said = _list(f"{e['recommender']} {figure(e['ndcg'][0])} ({figure(e['ndcg'][1])} to {figure(e['ndcg'][2])})"
                     for e in board)  # fmt: skip
        yield _made("leaderboard", titles["leaderboard"], charts.leaderboard(board, facts["ours"], facts["k"]),
                    flat_board, said)  # fmt: skip
    for key, column, axis, best, form in _CURVES:
        svg = charts.curve(log, column, axis, best, form)
        if svg:
            said = _list(f"epoch {r['epoch']}: {r[column]:.4g}" for r in log if r.get(column) is not None)
            yield _made(key, titles[key], svg, log, said)


def _data(facts: Facts, titles: Mapping[str, str]) -> Iterable[Figure]:
    drawn, drift = facts["pictures"], facts["drift"]
    if drift["rows"]:
        chosen = list(dict.fromkeys(r["feature"] for r in drift["rows"]))[:_DRIFTING]
        rows = [r for r in drift["rows"] if r["feature"] in chosen]
        said = _list(f"{r['feature']} of {r['role']} {r['psi']:.3f}" for r in rows)
        yield _made("drift", titles["drift"], bars.drift(rows, drift["limit"]), drift["rows"], said,
                    _roles(r["role"] for r in rows))  # fmt: skip
    if rows := drawn.get("timeline"):
        yield _made("timeline", titles["timeline"], bars.timeline(rows, drawn["days"]), rows,
                    f"{len({r['at'] for r in rows})} bars from {rows[0]['at']} to {rows[-1]['at']}",
                    _roles(r["role"] for r in rows))  # fmt: skip
    if rows := drawn.get("histories"):
        legend = {
            "everybody": bars.variable(bars.HISTORIES["all"]),
            "users of test": bars.variable(bars.HISTORIES["test"]),
        }
        yield _made("histories", titles["histories"], bars.histories(rows), rows,
                    _list(f"{r['n']:,} of {r['users']} have {r['events']} events" for r in rows), legend)  # fmt: skip
    if rows := drawn.get("gaps"):
        yield _made("gaps", titles["gaps"], bars.gaps(rows), rows,
                    _list(f"{r['gap']} {r['events']:,}" for r in rows))  # fmt: skip


def _lists(facts: Facts, titles: Mapping[str, str]) -> Iterable[Figure]:
    tail, ladder, ours, theirs = facts["pictures"].get("tail"), facts["ladder"]["rows"], facts["ours"], facts["rival"]
    if tail:
        sides = {n: c for n, c in ((ours, "--ours"), (theirs, "--theirs")) if n}
        for key, covered in (("tail", False), ("covered", True)):
            if covered and not sides:
                continue
            said = _list(f"{r['of']} tenth {r['decile']}: {r['items' if covered else 'n']:,}" for r in tail
                         if r["of"] in ("train events", *sides))  # fmt: skip
            legend = sides if covered else {"train events": "--muted", **sides}
            yield _made(key, titles[key], bars.tail(tail, ours, theirs, covered), tail, said, legend)
    if ladder:
        legend = {reason.replace("_", " "): bars.variable(c) for reason, c in bars.reasons(ladder).items()}
        said = _list(f"{r['recommender']} {r['reason']} {r['users']:,}" for r in ladder)
        yield _made("ladder", titles["ladder"], bars.ladder(ladder), ladder, said, legend)
    if found := facts["map"]:
        legend = itemmap.legend(found)
        said = (f"{len(found['points']):,} points; the two axes hold {found['variance']:.0%} of the variance"
                + (f"; groups: {', '.join(legend)}" if legend else ""))  # fmt: skip
        yield _made("map", titles["map"], itemmap.draw(found), found["points"], said, legend)


def _road(facts: Facts, titles: Mapping[str, str]) -> Iterable[Figure]:
    if facts["cost"]:
        said = _list(f"{c['job']} {span(c['seconds'])}" for c in facts["cost"])
        yield _made("cost", titles["cost"], bars.seconds(facts["cost"]), facts["cost"], said)
    listed = facts["lineage"]
    spans: dict[str, float] = {}
    for r in listed:
        spans[r["job"]] = max(spans.get(r["job"], 0.0), r["seconds"])
    plain = [{k: "; ".join(v) if isinstance(v, list) else v for k, v in r.items()} for r in listed]
    said = _list(f"{b} reads {a}" for a, b in lineage.edges(listed))
    yield _made("lineage", titles["lineage"], lineage.draw(listed, {j: span(s) for j, s in spans.items()}), plain, said)


def _made(key: str, title: str, svg: str, rows: Rows, said: str, legend: Mapping[str, str] | None = None) -> Figure:
    # Drawings hold names, numbers and text of the data; vl-convert and our own drawings escape text: this is markup.
    return Figure(key, title, Markup(labelled(svg, f"{title}. {said}")), csv_link(flat(rows)), legend or {})


def _roles(found: Iterable[str]) -> dict[str, str]:
    there = set(found)
    return {role: bars.variable(colour) for role, colour in bars.ROLES.items() if role in there}


def _group(name: str) -> str:
    return name.split(":", 1)[-1]


def _list(parts: Iterable[str], most: int = 40) -> str:
    """A text alternative: what is drawn, as far as somebody would listen."""
    said = list(parts)
    return "; ".join(said[:most]) + (f"; and {len(said) - most} more" if len(said) > most else "")
