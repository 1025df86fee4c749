"""Facts -> one self-contained HTML page: no network, no script, everything from data escaped."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import jinja2
from markupsafe import Markup

from lstmrec.report import charts

#: Tables beside the leaderboard: title, how to read it, metrics.
BOARDS = (
    ("Beyond hits: what the lists show", "Coverage: share of the catalogue shown. Gini: 0 where all items are "
     "shown alike, near 1 where a few take all. Novelty: bits of surprise of an item by its train events. Arp: mean "
     "train events of an item shown; percentile: its mean place by popularity, 0.5 at random. Diversity: how unlike a "
     "list's items are by tags (or vectors). Serendipity: hits that the popularity list has not, a position.",
     ("coverage", "gini", "novelty", "arp", "percentile", "diversity", "vector_diversity", "serendipity")),
    ("Without the pull of popularity", "Hits weigh the inverse propensity of their item to have been seen (by train "
     "events, clipped): ips as it is, snips by the mean weight. They are other quantities than NDCG and recall.",
     ("ips_ndcg", "ips_recall", "snips_ndcg", "snips_recall")),
)  # fmt: skip


def render(facts: Mapping[str, Any]) -> str:
    """The page. Needs altair, vl-convert and jinja2 (extra `report`)."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("lstmrec.report", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"count": count, "when": when, "span": span, "figure": figure, "share": share,
                            "short": short, "chance": chance}  # fmt: skip
    k, ours = facts["k"], facts["ours"]
    # Charts hold names, numbers and values of a segment; vl-convert escapes text: they are the page's own markup.
    drawn = {
        "leaderboard": Markup(charts.leaderboard(facts["leaderboard"], ours, k)),
        "loss": Markup(charts.curve(facts["training"], "loss", "training loss")),
        "ndcg": Markup(charts.curve(facts["training"], "ndcg_10", "validation NDCG@10")),
        "slices": Markup(charts.slices(facts["slices"], ours, k)) if facts["slices"] else "",
    }
    board = [{"recommender": e["recommender"], "metric": m, "value": v[0], "low": v[1], "high": v[2]}
             for e in facts["leaderboard"] for m, v in e.items() if isinstance(v, list)]  # fmt: skip
    tables = {
        "probes": csv_link(flat(facts["probes"])),
        "cold": csv_link(flat(facts["cold"])),
        "because": csv_link(flat(facts["because"].get("curves", []))),
        "leaderboard": csv_link(board),
        "training": csv_link(facts["training"]),
        "slices": csv_link(facts["slices"]),
        "differences": csv_link(facts["differences"]),
        "cost": csv_link(facts["cost"]),
    }
    config = json.dumps(facts["config"], indent=1, ensure_ascii=False)
    return environment.get_template("page.html.j2").render(**facts, charts=drawn, csv=tables, config_text=config,
                                                            boards=BOARDS,
                                                            findings=findings(facts))  # fmt: skip


def findings(facts: Mapping[str, Any]) -> dict[str, str]:
    """Titles of the figures: what each shows."""
    board, log = facts["leaderboard"], facts["training"]
    events = next((f for f in facts["funnel"] if f["source"] == "events"), None)
    out = {"leaderboard": f"{board[0]['recommender']} leads on test" if board else "Nothing was judged"}
    judged = [r for r in log if r.get("ndcg_10") is not None]
    sure = [d for d in facts["differences"] if d["p_holm"] is not None and d["p_holm"] < 0.05]
    base = facts["differences"][0]["base"] if facts["differences"] else ""
    out["differences"] = f"{base} differs from {len(sure)} of {len(facts['differences'])} by more than chance"
    out["training"] = "No epoch was logged"
    if log:
        out["training"] = f"{len(log)} epochs" + (
            f"; validation was best at epoch {max(judged, key=lambda r: r['ndcg_10'])['epoch']}" if judged else ""
        )
    out["funnel"] = "No source"
    if events is not None:
        lost = events["rejected"] / max(events["in"], 1)
        top = f", most as {events['reasons'][0][0]}" if events["reasons"] else ""
        out["funnel"] = f"{lost:.1%} of the event rows were refused{top}"
    wins = [s for s in {r["slice"] for r in facts["slices"]} if _ahead(facts, s)]
    out["slices"] = f"The model leads in {len(wins)} of {len({r['slice'] for r in facts['slices']})} slices"
    out["probes"], out["cold"] = robust(facts["probes"], facts["k"]), placed(facts["cold"])
    out["because"] = grounded(facts["because"])
    slowest = max(facts["cost"], key=lambda c: c["seconds"], default=None)
    total = sum(c["seconds"] for c in facts["cost"])
    out["cost"] = f"{span(total)} in all, {slowest['job']} the longest" if slowest else "No job has run"
    return out


def robust(probes: Sequence[Mapping[str, Any]], k: int) -> str:
    """What the most harmful disturbance leaves of the model's NDCG."""
    name = f"ndcg_{k}"
    base = next((p[name][0] for p in probes if p["probe"] == "as it is"), 0.0)
    dirt = [p for p in probes if str(p["against"]).startswith("model, as it is")]
    if not dirt or not base:
        return "How the model takes other histories"
    worst = min(dirt, key=lambda p: p[name][0])
    return f"With {worst['probe']} the model keeps {worst[name][0] / base:.0%} of its NDCG@{k}"


def placed(rows: Sequence[Mapping[str, Any]]) -> str:
    """Where items that were never trained on stand."""
    mine = {r["ranker"]: r["percentile"][0] for r in rows if r["among"] == "all"}
    if "model" not in mine:
        return "No user of the test took an item that training had not seen"
    return f"Items never trained on stand at {mine['model']:.1%} of the ranking, where 0 % is the top and 50 % chance"


def grounded(because: Mapping[str, Any]) -> str:
    """Whether an item's reasons weigh more than other events of the history."""
    areas = [r for r in because.get("curves", []) if (r["curve"], r["step"]) == ("deletion", "area")]
    rivals = [r for r in areas if r["order"] != "influence"]
    if not rivals:
        return "Whether reasons are the model's was not measured"
    sure = [r for r in rivals if r["gap"][1] > 0]
    return f"Reasons outweigh {len(sure)} of {len(rivals)} other choices of events by more than chance"


def flat(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows whose [value, low, high] are three columns."""
    return [{f"{name}{end}": v for name, value in row.items()
             for end, v in (zip(("", "_low", "_high"), value, strict=True) if isinstance(value, list | tuple)
                            else [("", value)])} for row in rows]  # fmt: skip


def _ahead(facts: Mapping[str, Any], name: str) -> bool:
    values = {r["recommender"]: r["value"] for r in facts["slices"] if r["slice"] == name}
    return facts["ours"] in values and values[facts["ours"]] == max(values.values())


def csv_link(rows: Sequence[Mapping[str, Any]]) -> str:
    """A data: address with the rows as CSV; text that a spreadsheet would run as a formula gets an apostrophe."""
    if not rows:
        return ""
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), extrasaction="ignore", lineterminator="\r\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({k: f"'{v}" if isinstance(v, str) and v[:1] in "=+-@\t\r" else v for k, v in row.items()})
    return "data:text/csv;charset=utf-8," + quote(out.getvalue())


def count(value: float) -> str:
    """1,234,567."""
    return f"{value:,.0f}"


def figure(value: float) -> str:
    """Four digits after the point."""
    return f"{value:.4f}"


def short(value: float) -> str:
    """Four digits after the point, fewer where many stand before it."""
    return f"{value:,.1f}" if abs(value) >= 100 else f"{value:.2f}" if abs(value) >= 10 else figure(value)


def chance(p: float | None) -> str:
    """A p of the bootstrap; nothing where none was drawn."""
    return "" if p is None else f"{p:.3f}"


def share(part: float, whole: float) -> str:
    """Percent for a bar's width, at least a hair."""
    return f"{max(0.5, 100 * part / whole):.1f}" if whole else "0"


def when(time: int | None) -> str:
    """Microseconds as a UTC day."""
    return "" if time is None else datetime.fromtimestamp(time / 1e6, UTC).strftime("%Y-%m-%d")


def span(seconds: float) -> str:
    """Seconds for people."""
    minutes, rest = divmod(int(seconds + 0.5), 60)
    return f"{minutes} m {rest:02d} s" if minutes else f"{seconds:.1f} s"
