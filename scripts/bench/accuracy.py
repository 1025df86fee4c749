"""Accuracy: MovieLens-1M under P-SAS with several seeds, the demo beside its baselines, items never trained on.

    python scripts/bench/accuracy.py --data ML1M [--parts psas demo cold planted] [--seeds 1 2 3] [--set A.B=C ...]
                                     [--root runs/bench/accuracy] [--json PATH]

psas: conf/movielens-1m.yaml as it stands, a folder of its own for each seed: ids only, ONE LSTM, every item ranked, the
whole history filtered, the test read once a seed. demo: conf/demo.yaml, its paired differences. cold: a tenth of the
films held out of training by hash, placed by genres and title; beside it the same without a tower over content, for
what content costs on films that were trained on. planted: a tenth of the items of a log of `scripts/make_events.py`
held out, whose category alone tells who will want them. --data is MovieLens-1M (see scripts/data/movielens.py).

Folders that hold a finished run of the same config are read, not trained again; one that was killed goes on. Hours on
two cores where nothing is there yet. --set overrides go to every run, so that ablations are one flag away. The last
line is one JSON object: ndcg_10, hr_10 (means), seeds (their number), spread (standard deviation of ndcg_10 over seeds,
null for one), and what the other parts found.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[2]
COUNTS = {"users": 6040, "items": 3416, "events": 999_611}
PUBLISHED = ("FMLP-Rec SCE", 0.1942, 0.3284)  # the best of any model with several seeds (MTandHJ/CE-SCE-LLMRec)
MODEL_ONLY = (
    "score.roles=[validation,test]",
    "score.recommenders=[{kind: model},{kind: popularity}]",
    "report.users=0",
)
CONTENT = ("train.model.inputs=[id,tags,text]", "train.model.id_dropout=0.2", "train.model.cold_bias=content",
           "split.items={share: 0.1}", "evaluate.cold_items=true")  # fmt: skip
IDS = ("split.items={share: 0.1}",)
#: 85 of 100 sessions are of one of a user's three favourite groups, of 64; a group is a category.
WORLD = ("--events", "400000", "--users", "3000", "--items", "2048", "--days", "90")
PLANTED = """
as_of: "2020-03-31T00:00:00Z"
clean:
  events: {path: [EVENTS], user_id: user_id, item_id: item_id, time: ts, time_unit: s}
  items: {path: [ITEMS], item_id: item_id, tags: [category]}
split: {by: leave_last, items: {share: 0.1}}
normalise: {min_item_count: 1}
sequence: {history: ignore, max_length: 64, phases: 2}
train:
  epochs: 8
  learning_rate: 0.003
  model: {dim: 64, units: 64, inputs: [id, tags], id_dropout: 0.2, cold_bias: content}
score: {recommenders: [{kind: model}, {kind: popularity}]}
evaluate: {cold_items: true}
"""

Figures = dict[str, Any]


def run(config: str, root: Path, settings: Sequence[str]) -> Figures:
    """`lstmrec run` of a config below `root`; the facts of its table METRICS. Ends the bench where the run fails."""
    from lstmrec import versions
    from lstmrec.contracts import tables

    command = [sys.executable, "-m", "lstmrec.cli.main", "run", "--config", str(ROOT / config)]
    for setting in (f"root={root}", *settings):
        command += ["--set", setting]
    if code := subprocess.run(command, stdout=sys.stderr, cwd=ROOT).returncode:
        raise SystemExit(f"{root}: lstmrec run ended with {code}")
    return versions.current(str(root), tables.METRICS).facts


def source(data: str, root: Path) -> list[str]:
    """Settings that read MovieLens-1M, laid out below `root`."""
    place = root / "source"
    if not (place / "users.parquet").exists():
        maker = ROOT / "scripts" / "data" / "movielens.py"
        subprocess.run([sys.executable, str(maker), "--from", data, "--out", str(place)], check=True, stdout=sys.stderr)
    parts = {"events": "ratings", "items": "movies", "users": "users"}
    return [f"clean.{table}.path=[{place / name}.parquet]" for table, name in parts.items()]


def psas(args: argparse.Namespace, console: Console) -> Figures:
    """NDCG@10 and HR@10 on test, a run for each seed."""
    table = Table("seed", "NDCG@10", "HR@10", "validation NDCG@10", box=None, pad_edge=False,
                  title="MovieLens-1M, P-SAS, ids only, one LSTM", title_justify="left")  # fmt: skip
    found = []
    for seed in args.seeds:
        settings = [*source(args.data, args.root), f"seed={seed}", *MODEL_ONLY, *args.set]
        facts = run("conf/movielens-1m.yaml", args.root / f"seed{seed}", settings)
        if (counts := {k: facts["data"][k] for k in COUNTS}) != COUNTS:
            raise SystemExit(f"not P-SAS: {counts} instead of {COUNTS}")
        found.append((facts["test"]["model"], facts["validation"]["model"]))
        test, validation = found[-1]
        table.add_row(str(seed), f"{test['ndcg_10']:.4f}", f"{test['hr_10']:.4f}", f"{validation['ndcg_10']:.4f}")
    ndcg, hr = ([test[name] for test, _ in found] for name in ("ndcg_10", "hr_10"))
    spread = statistics.stdev(ndcg) if len(ndcg) > 1 else None
    table.add_row("mean", f"{statistics.mean(ndcg):.4f}", f"{statistics.mean(hr):.4f}", "")
    table.add_row(f"published best, {PUBLISHED[0]}", f"{PUBLISHED[1]:.4f}", f"{PUBLISHED[2]:.4f}", "")
    console.print(table)
    return {"ndcg_10": statistics.mean(ndcg), "hr_10": statistics.mean(hr), "seeds": len(ndcg), "spread": spread}


def demo(args: argparse.Namespace, console: Console) -> Figures:
    """The demo's NDCG@10, and how far the model is above each baseline, paired over users."""
    root = args.root / "demo"
    facts = run("conf/demo.yaml", root, args.set)
    gaps = {d["recommender"]: [d["value"], d["low"], d["high"]] for d in facts["differences"] if d["role"] == "test"}
    table = Table("recommender", "NDCG@10", "the model is above it by", box=None, pad_edge=False,
                  title="The demo: the next 28 days of 2,014 households", title_justify="left")  # fmt: skip
    for name, value in sorted(facts["test"].items(), key=lambda pair: -pair[1]["ndcg_10"]):
        gap = gaps.get(name)
        table.add_row(name, f"{value['ndcg_10']:.4f}", f"{gap[0]:+.4f} ({gap[1]:+.4f} to {gap[2]:+.4f})" if gap else "")
    console.print(table)
    return {"demo_ndcg_10": facts["test"]["model"]["ndcg_10"], "demo_above": gaps, "demo_explore": explored(root)}


def explored(root: Path) -> Figures:
    """The model on items new to the household: recall@10 with its interval, and how many users have such targets."""
    from lstmrec import lookup, versions
    from lstmrec.contracts import tables

    rows = lookup.select(str(root), versions.current(str(root), tables.METRICS), tables.METRICS.names)
    wanted = {"recommender": "model", "role": "test", "slice": "explore", "metric": "recall", "k": 10}
    mine = next(r for r in rows if wanted.items() <= r.items())
    return {name: mine[name] for name in ("value", "low", "high", "users")}


def cold(args: argparse.Namespace, console: Console) -> Figures:
    """Where films never trained on stand, and what the tower over content costs on all others."""
    shared = [*source(args.data, args.root), *MODEL_ONLY, *args.set]
    content = run("conf/movielens-1m.yaml", args.root / "cold-content", [*shared, *CONTENT])
    plain = run("conf/movielens-1m.yaml", args.root / "cold-ids", [*shared, *IDS, "evaluate.cold_items=true"])
    rows = [*content["cold"], *({**r, "ranker": "ids only"} for r in plain["cold"] if r["ranker"] == "model")]
    tell(rows, "Films held out of training", console)
    warm = [f["validation"]["model"]["ndcg_10"] for f in (content, plain)]  # nobody's validation item is held out
    console.print(f"NDCG@10 on films trained on (validation): {warm[0]:.4f} with content, {warm[1]:.4f} by ids alone")
    mine = {r["among"]: r["percentile"][0] for r in content["cold"] if r["ranker"] == "model"}
    return {"cold_percentile": mine, "warm_share": warm[0] / warm[1]}


def planted(args: argparse.Namespace, console: Console) -> Figures:
    """Where items never trained on stand in a made log, whose categories were planted into the tastes of users."""
    log, config = args.root / "planted-log", args.root / "planted.yaml"
    if not (log / "_PLANTED.json").exists():
        maker = [sys.executable, str(ROOT / "scripts" / "make_events.py"), *WORLD, "--out", str(log)]
        subprocess.run(maker, check=True, stdout=sys.stderr)
    config.write_text(PLANTED.replace("EVENTS", str(log / "events")).replace("ITEMS", str(log / "items")))
    facts = run(str(config), args.root / "planted", ["score.roles=[validation,test]", "report.users=0", *args.set])
    tell(facts["cold"], "Items held out of training, of a made log", console)
    return {"planted_percentile": {r["among"]: r["percentile"][0] for r in facts["cold"] if r["ranker"] == "model"}}


def tell(rows: Sequence[Figures], title: str, console: Console) -> None:
    """Where cold items stand, by ranker and candidate set."""
    table = Table("ranker", "among", "targets", "mean percentile", "recall@10", "recall@100", box=None, pad_edge=False,
                  title=f"{title} (0 % is the top)", title_justify="left")  # fmt: skip
    for r in rows:
        low, high = r["percentile"][1:]
        place = f"{r['percentile'][0]:.1%} ({low:.1%} to {high:.1%})"
        table.add_row(r["ranker"], r["among"], f"{r['targets']:,}", place,
                      f"{r['recall_10'][0]:.4f}", f"{r['recall_100'][0]:.4f}")  # fmt: skip
    console.print(table)


PARTS = {"psas": psas, "demo": demo, "cold": cold, "planted": planted}


def main() -> int:
    """Run the parts asked for; the last line is one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=os.environ.get("LSTMREC_ML1M"), help="MovieLens-1M; default: $LSTMREC_ML1M")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=["psas"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--set", action="append", default=[], metavar="A.B=C", help="override a key in every run")
    parser.add_argument("--root", type=Path, default=ROOT / "runs" / "bench" / "accuracy")
    parser.add_argument("--json", type=Path, help="write the last line there, too")
    args = parser.parse_args()
    if not args.data and {"psas", "cold"} & set(args.parts):
        parser.error("give --data, or set LSTMREC_ML1M")
    console = Console(highlight=False, soft_wrap=True)
    out: Figures = {"ndcg_10": None, "hr_10": None, "seeds": 0, "spread": None}
    for part in args.parts:
        out |= PARTS[part](args, console)
    if args.json:
        args.json.write_text(json.dumps(out) + "\n")
    print(json.dumps(out), flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
