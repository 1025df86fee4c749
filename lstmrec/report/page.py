"""Facts -> one self-contained HTML page: no network, no script, everything from data escaped."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import jinja2

from lstmrec.report.figures import families, figures
from lstmrec.report.findings import findings
from lstmrec.report.words import FILTERS, csv_link, flat

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
#: Example users that stand open; the others are folded.
_OPEN = 3


def render(facts: Mapping[str, Any]) -> str:
    """The page. Needs altair, vl-convert and jinja2 (extra `report`)."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("lstmrec.report", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= FILTERS
    titles = findings(facts)
    tables = {
        "probes": csv_link(flat(facts["probes"])),
        "cold": csv_link(flat(facts["cold"])),
        "because": csv_link(flat(facts["because"].get("curves", []))),
        "differences": csv_link(facts["differences"]),
        "blends": csv_link([{"name": b["name"], "best": b["best"], **b["gain"]} for b in facts["blends"]]),
        "slices": csv_link(facts["slices"]),
        "training": csv_link(facts["training"]),
        "funnel": csv_link(_funnel(facts)),
        "pace": csv_link([{k: v for k, v in facts["pace"].items() if not isinstance(v, dict | list)}]),
        "influence": csv_link(_influence(facts)),
    }
    config = json.dumps(facts["config"], indent=1, ensure_ascii=False)
    drawn = {"figures": figures(facts, titles), "families": families(facts), "findings": titles}
    return environment.get_template("page.html.j2").render(
        **facts, **drawn, csv=tables, config_text=config, boards=BOARDS, open=_OPEN
    )


def _funnel(facts: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"source": f["source"], "what": what, "rows": n} for f in facts["funnel"]
            for what, n in [("in", f["in"]), *f["reasons"], ("added", f["added"]), ("out", f["out"])]]  # fmt: skip


def _influence(facts: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"user": heat["name"], "item": row["item"], "because": column, "influence": value}
            for heat in facts["influence"] for row in heat["rows"]
            for column, value in zip(heat["columns"], row["cells"], strict=True) if value is not None]  # fmt: skip
