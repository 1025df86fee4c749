"""Every recommender on one config: the leaderboard of test with intervals, and who differs from the baseline.

    python scripts/bench/leaderboard.py --config conf/demo.yaml [--config MORE] [--set A.B=C ...]
                                        [--lists NAME=ROOT ...] [--baseline NAME] [--json PATH] [--into PAGE]
    python scripts/bench/leaderboard.py --told PATH --into PAGE [--board NAME]

Beside the entries of the config's score.recommenders stands every other kind at its defaults (those that need a clock
only where events have one), each --lists as an entry `table` (another run of the same split: LSTMs of other seeds),
and two blends whose weights are fitted on half of the validation users and judged by the other half: `blend` of PARTS
by reciprocal rank, `nets` of the model and the --lists by score. The road is walked in the config's own root,
validation and test alone: what is done there already is not done again, so that a finished run costs s7 and s8, and a
finished leaderboard nothing.

users/s: users of test by the seconds that their lists took, without the fit; the first of a kind pays for warming up.
--into writes the rows as a table into a Markdown page, between <!-- leaderboard NAME --> (and the names of rows, for
those alone) and <!-- end -->; --told takes them from what --json wrote, and runs nothing.
The last line is one JSON object: recommenders (their number), rows (one each, best NDCG first: name, kind, ndcg, hr and
recall with intervals, the baseline minus it with p, corrected after Holm, users_per_second), blends, k, protocol.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from lstmrec import lookup, versions
from lstmrec.config.load import load
from lstmrec.config.run import Config
from lstmrec.contracts import tables
from lstmrec.contracts.manifest import Manifest
from lstmrec.report import summary

ROOT = Path(__file__).resolve().parents[2]
#: What stands on every leaderboard, where the config has no entry of the kind; of those in CLOCK only with a clock.
KINDS = ("model", "popularity", "personal", "last_basket", "item_knn", "rules", "markov", "session_knn", "ease", "als",
         "up_cf", "tifu_knn", "content", "profile")  # fmt: skip
CLOCK: tuple[dict[str, Any], ...] = (
    {"kind": "popularity", "name": "popularity_28d", "days": 28},
    {"kind": "personal", "name": "personal_decayed", "half_life_days": 60},
)
#: Kinds that enter the blend: it is left out where fewer than two are there.
PARTS = ("model", "table", "ease", "als", "item_knn", "rules", "session_knn", "up_cf", "tifu_knn", "personal")
BLEND = {"kind": "blend", "name": "blend", "by": "reciprocal_rank", "weights": "fit"}
SETTINGS = ("score.roles=[validation,test]", "evaluate.probes=null", "evaluate.cold_items=false", "report.users=0")
METRICS = ("ndcg", "hr", "recall")
Row = dict[str, Any]


def entries(conf: Config, lists: Sequence[str]) -> list[Row]:
    """score.recommenders of the leaderboard. lists: NAME=ROOT."""
    found: list[Row] = [e.model_dump(mode="json", exclude_defaults=True) | {"kind": e.kind, "name": e.name}
                        for e in conf.score.recommenders]  # fmt: skip
    names, kinds = {e["name"] for e in found}, {e["kind"] for e in found}
    more: list[Row] = [{"kind": kind, "name": kind} for kind in KINDS if kind not in kinds]
    more += [e for e in CLOCK if conf.has_clock]
    more += [{"kind": "table", "name": name, "root": root} for name, _, root in (x.partition("=") for x in lists)]
    found += [e for e in more if e["name"] not in names]
    parts = [e["name"] for e in found if e["kind"] in PARTS]
    nets = [e["name"] for e in found if e["kind"] in ("model", "table")]
    if "blend" not in kinds:
        at = {"k": summary.headline_k(conf.evaluate.ks)}
        found += [BLEND | at | {"of": parts}] if len(parts) > 1 else []
        found += [BLEND | at | {"name": "nets", "by": "score", "of": nets}] if len(nets) > 1 else []
    return found


def run(paths: Sequence[str], settings: Sequence[str]) -> None:
    """`lstmrec run`; ends the bench where it fails."""
    command = [sys.executable, "-m", "lstmrec.cli.main", "run"]
    for path in paths:
        command += ["--config", path]
    for setting in settings:
        command += ["--set", setting]
    if code := subprocess.run(command, stdout=sys.stderr, cwd=ROOT).returncode:
        raise SystemExit(f"lstmrec run ended with {code}")


def rows(conf: Config, judged: Manifest, lists: Manifest, baseline: str) -> list[Row]:
    """One row a recommender, best NDCG on test first."""
    k, kinds = judged.facts["k"], {e.name: e.kind for e in conf.score.recommenders}
    every = lookup.select(conf.root, judged, tables.METRICS.names)
    mine = [r for r in every if (r["role"], r["slice"], r["k"]) == ("test", "all", k) and r["metric"] in METRICS]
    held = {d["recommender"]: {n: d[n] for n in ("value", "low", "high", "p_holm")}
            for d in judged.facts["differences"] if (d["role"], d["base"]) == ("test", baseline)}  # fmt: skip
    out: dict[str, Row] = {}
    for r in mine:
        row = out.setdefault(r["recommender"], {"name": r["recommender"], "kind": kinds.get(r["recommender"])})
        row[f"{r['metric']}_{k}"] = [r["value"], r["low"], r["high"]]
    for name, row in out.items():
        row |= {"baseline_minus": held.get(name), "users_per_second": speed(lists, name)}
    return sorted(out.values(), key=lambda row: (-row[f"ndcg_{k}"][0], row["name"]))


def speed(lists: Manifest, name: str) -> float | None:
    """Users of test a second, where s7 took the time."""
    seconds = lists.facts.get("seconds", {}).get(name, {}).get("test")
    return round(lists.facts["users"]["test"] / seconds, 1) if seconds else None


def shown(found: Sequence[Row], k: int, baseline: str, blends: Sequence[Mapping[str, Any]], console: Console) -> None:
    """The leaderboard, and what the blends' weights gained."""
    head = ("", "recommender", f"NDCG@{k}", f"HR@{k}", f"recall@{k}", f"{baseline} minus it", "p (Holm)", "users/s")
    table = Table(*head, box=None, pad_edge=False, title="Test, 95 % intervals over users", title_justify="left")
    for place, row in enumerate(found, 1):
        gap, rate = row["baseline_minus"], row["users_per_second"]
        p = gap["p_holm"] if gap else None
        table.add_row(str(place), row["name"], *(interval(row[f"{m}_{k}"]) for m in METRICS),
                      f"{gap['value']:+.4f} ({gap['low']:+.4f} to {gap['high']:+.4f})" if gap else "",
                      "" if p is None else f"{p:.3f}", "" if rate is None else f"{rate:,.0f}")  # fmt: skip
    console.print(table)
    for b in blends:
        gain, judged = b["gain"], b["judged"]
        console.print(f"{b['name']}, on the validation users its weights were not fitted on: NDCG@{k} "
                      f"{judged[b['name']]:.4f}, {gain['value']:+.4f} ({gain['low']:+.4f} to {gain['high']:+.4f}) "
                      f"beside its best part, {b['best']}")  # fmt: skip


def interval(figure: Sequence[float]) -> str:
    """0.1234 (0.1200 to 0.1268)"""
    return f"{figure[0]:.4f} ({figure[1]:.4f} to {figure[2]:.4f})"


def into(page: Path, board: str, told: Mapping[str, Any]) -> None:
    """Put the rows between the marks of a page; ends the bench where these are not there."""
    text, k = page.read_text(), told["k"]
    mark = re.compile(rf"(<!-- leaderboard {re.escape(board)}((?: \S+)*) -->\n).*?(<!-- end -->)", re.DOTALL)
    if not (found := mark.search(text)):
        raise SystemExit(f"{page}: no <!-- leaderboard {board} --> ... <!-- end -->")
    asked = found[2].split()
    lines = [f"| recommender | NDCG@{k} | HR@{k} | {told.get('baseline', 'model')} minus it |", "|---|---|---|---|"]
    for row in told["rows"]:
        if not asked or row["name"] in asked:
            gap = row["baseline_minus"]
            held = f"{gap['value']:+.4f} ({gap['low']:+.4f} to {gap['high']:+.4f})" if gap else ""
            figures = (interval(row[f"{m}_{k}"]) for m in ("ndcg", "hr"))
            lines.append(f"| {' | '.join((row['name'], *figures, held))} |")
    page.write_text(text[: found.start()] + found[1] + "\n".join(lines) + "\n" + found[3] + text[found.end() :])


def main(argv: Sequence[str] | None = None) -> int:
    """Run or read; the last line is one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", action="append", default=[], help="YAML file or URL; later ones win")
    parser.add_argument("--set", action="append", default=[], metavar="A.B=C", help="override one key")
    parser.add_argument("--lists", action="append", default=[], metavar="NAME=ROOT", help="lists of another run")
    parser.add_argument("--baseline", default="model", help="who all others are held against")
    parser.add_argument("--json", type=Path, help="write the last line there, too")
    parser.add_argument("--told", type=Path, help="rows that --json wrote: nothing is run")
    parser.add_argument("--into", type=Path, help="a Markdown page with the marks of a table")
    parser.add_argument("--board", default="ml1m", help="the name in those marks")
    args = parser.parse_args(argv)
    if bool(args.told) == bool(args.config):
        parser.error("give either --config or --told")
    if args.told:
        into(args.into, args.board, json.loads(args.told.read_text()))
        return 0
    listed = json.dumps(entries(load(args.config, args.set), args.lists))
    settings = [*SETTINGS, *args.set, f"evaluate.baseline={args.baseline}", f"score.recommenders={listed}"]
    run(args.config, settings)
    conf, console = (
        load(args.config, settings),
        Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 200),
    )
    judged, lists = (versions.current(conf.root, t) for t in (tables.METRICS, tables.RECOMMENDATIONS))
    found, k, blends = rows(conf, judged, lists, args.baseline), judged.facts["k"], judged.facts.get("blends", [])
    shown(found, k, args.baseline, blends, console)
    console.print(f"protocol: {summary.protocol(conf)}")
    out = {"recommenders": len(found), "rows": found, "blends": blends, "k": k, "baseline": args.baseline,
           "protocol": summary.protocol(conf)}  # fmt: skip
    if args.into:
        into(args.into, args.board, out)
    if args.json:
        args.json.write_text(json.dumps(out) + "\n")
    print(json.dumps(out), flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
