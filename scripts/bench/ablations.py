"""Ablations: the recipe of conf/movielens-1m.yaml with one thing changed, judged on validation; test is not touched.

    lstmrec run --config conf/movielens-1m.yaml --to sequence
    python scripts/bench/ablations.py [--config conf/movielens-1m.yaml] [--root R] [--out runs/bench/ablations]
                                      [--only NAME ...] [--seeds 1 2 3] [--at-once N] [--set A.B=C ...]
                                      [--teachers FOLDER ...]

Reads the tables of a root where s1 to s5 have run; needs torch and pyarrow, no Spark: the trainer alone, one process a
trial, N at once (on a GPU they share it). A trial that has ended is not trained again, one of another --set or other
--teachers is refused; OUT/NAME-SEED holds its result.json and the net's export, which can teach: the variants that are
"taught" learn from --teachers (`train.teacher.bundles`), and are left out without. `--set train.teacher.temperature=2`
and the like go for them all. The last line is one JSON object: variant -> NDCG@10 and HR@10 of validation (means),
seeds (their number), spread (standard deviation of NDCG@10), parameters.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[2]
UNMASKED = "no seen mask in training"
TAUGHT = ", taught"
_SAMPLED = "train.negatives=512"  # of 3,414 films
VARIANTS: dict[str, tuple[str, ...]] = {
    "recipe": (),
    UNMASKED: (),
    "content": ("train.model.inputs=[id,tags,text]",),
    "content, id dropout 0.1": ("train.model.inputs=[id,tags,text]", "train.model.id_dropout=0.1"),
    "demographics": ("train.model.use_static=true",),
    "profile": ("train.model.use_profile=true",),
    "everything in": ("train.model.inputs=[id,tags,text]", "train.model.use_static=true",
                      "train.model.use_profile=true"),
    "sampled softmax": ("train.loss=sampled", _SAMPLED),
    "SCE": ("train.loss=sce", _SAMPLED),
    "gBCE": ("train.loss=gbce", _SAMPLED),
    "label smoothing 0.1": ("train.label_smoothing=0.1",),
    "attention": ("train.model.attention=true",),
    "cosine": ("train.model.cosine=true",),
    "FFN": ("train.model.ffn=2",),
    "units 1024": ("train.model.units=1024",),
    "units 256": ("train.model.units=256",),
    "units 256, taught": ("train.model.units=256",),
    "units 128": ("train.model.units=128",),
    "units 128, taught": ("train.model.units=128",),
    "recipe, taught": (),
    "2 layers": ("train.model.layers=2",),
    "3 layers": ("train.model.layers=3",),
    "2 layers of 256": ("train.model.layers=2", "train.model.units=256"),
    "dim 256": ("train.model.dim=256",),
    "dim 64": ("train.model.dim=64",),
    "weight decay 0.01": ("train.weight_decay=0.01",),
    "rate 0.001": ("train.learning_rate=0.001",),
    "no average": ("train.ema=0", "train.schedule_epochs=null"),
    "input dropout 0.25": ("train.model.input_dropout=0.25",),
    "hidden dropout 0.5": ("train.model.hidden_dropout=0.5",),
    "no dropout": ("train.model.input_dropout=0", "train.model.hidden_dropout=0"),
    "batch 128": ("train.batch=128",),
}  # fmt: skip


def trial(args: argparse.Namespace, name: str, seed: int, place: Path) -> None:
    """Train one net in this process and leave result.json last."""
    from safetensors.torch import load_file

    from lstmrec import versions
    from lstmrec.config.load import load
    from lstmrec.contracts import tables
    from lstmrec.launch.solo import run
    from lstmrec.training.export import read_result

    settings = (f"root={args.root}", f"seed={seed}", "train.launch=solo", "train.ranks=1", "train.reader=arrow",
                "train.threads=1", *args.set, *VARIANTS[name], *taught(args, name))  # fmt: skip
    conf = load([str(args.config)], settings)
    with blind() if name == UNMASKED else nullcontext():
        run(conf, str(place))
    result = read_result(str(place))
    weights = sum(tensor.numel() for tensor in load_file(place / "export" / "weights.safetensors").values())
    found = {"name": name, "seed": seed, "ndcg_10": result.ndcg, "hr_10": result.hr, "best_epoch": result.best_epoch,
             "epochs": result.epochs, "seconds": result.seconds, "positions": result.positions,
             "starved": result.waited / result.seconds, "weights": weights,
             "set": args.set, "teachers": list(taught(args, name)), "teacher": result.teacher,
             "sequences": versions.current(conf.root, tables.SEQUENCES).fingerprint}  # fmt: skip
    (place / "result.json").write_text(json.dumps(found) + "\n")


def taught(args: argparse.Namespace, name: str) -> tuple[str, ...]:
    """The setting that gives a variant its teachers; none for those that learn alone."""
    if not name.endswith(TAUGHT):
        return ()
    return (f"train.teacher.bundles={json.dumps([str(folder) for folder in args.teachers])}",)


@contextmanager
def blind() -> Iterator[None]:
    """Within it, losses let the softmax run over films the user had, which validation and serving still leave out."""
    from lstmrec.training import loop

    masked = loop.loss

    def unmasked(net: Any, *rest: Any, **named: Any) -> Any:
        spec = net.spec
        net.spec = replace(spec, history="ignore")
        try:
            return masked(net, *rest, **named)
        finally:
            net.spec = spec

    with mock.patch.object(loop, "loss", unmasked):
        yield


def walk(args: argparse.Namespace, trials: list[tuple[str, int]]) -> None:
    """Run the trials that have no result yet, `at_once` processes at a time; ends the bench where all have failed."""
    began = time.monotonic()

    def one(pair: tuple[str, int]) -> bool:
        place = folder(args.out, *pair)
        if not (place / "result.json").exists():
            place.mkdir(parents=True, exist_ok=True)
            command = [sys.executable, __file__, *sys.argv[1:], "--trial", pair[0], str(pair[1])]
            with (place / "log").open("a") as log:
                subprocess.run(command, stdout=log, stderr=log)
            if not (place / "result.json").exists():
                said = (place / "log").read_text().strip().splitlines()[-1:]
                print(f"{pair[0]}, seed {pair[1]}: failed: {said}", file=sys.stderr, flush=True)
                return False
        found = json.loads((place / "result.json").read_text())
        if (found["set"], found.get("teachers", [])) != (args.set, list(taught(args, pair[0]))):
            how = [*found["set"], *found.get("teachers", [])]
            raise SystemExit(f"{place} was trained with {how}: choose another --out")
        print(f"{time.monotonic() - began:6.0f} s  {pair[0]}, seed {pair[1]}: {found['ndcg_10']:.4f}, "
              f"epoch {found['best_epoch']} of {found['epochs']}", file=sys.stderr, flush=True)  # fmt: skip
        return True

    with ThreadPoolExecutor(args.at_once) as pool:
        if not any(list(pool.map(one, trials))):
            raise SystemExit("no trial ended: see the logs below --out")


def folder(out: Path, name: str, seed: int) -> Path:
    """Where a trial lies."""
    return out / f"{name.replace(',', '').replace(' ', '_')}-{seed}"


def told(out: Path, console: Console) -> dict[str, Any]:
    """The table of all results below `out`, and the same as a dict."""
    results = [json.loads(path.read_text()) for path in sorted(out.glob("*/result.json"))]
    table = Table("variant", "validation NDCG@10", "", "HR@10", "best epochs", "weights", "seeds", box=None,
                  pad_edge=False)  # fmt: skip
    found: dict[str, Any] = {}
    base = [r["ndcg_10"] for r in results if r["name"] == "recipe"]
    for name in VARIANTS:
        if not (mine := [r for r in results if r["name"] == name]):
            continue
        ndcg = [r["ndcg_10"] for r in mine]
        mean, spread = statistics.mean(ndcg), statistics.stdev(ndcg) if len(ndcg) > 1 else None
        found[name] = {"ndcg_10": mean, "hr_10": statistics.mean(r["hr_10"] for r in mine), "spread": spread,
                       "seeds": len(mine), "weights": mine[0]["weights"]}  # fmt: skip
        gap = f"{mean - statistics.mean(base):+.4f}" if base and name != "recipe" else ""
        table.add_row(name, f"{mean:.4f}" + (f" ± {spread:.4f}" if spread is not None else ""), gap,
                      f"{found[name]['hr_10']:.4f}", ", ".join(str(r["best_epoch"]) for r in mine),
                      f"{mine[0]['weights']:,}", str(len(mine)))  # fmt: skip
    console.print(table)
    return found


def main() -> int:
    """Run the trials asked for; the last line is one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", type=Path, default=ROOT / "conf" / "movielens-1m.yaml")
    parser.add_argument("--root", type=Path, default=ROOT / "runs" / "movielens-1m", help="where s1 to s5 have run")
    parser.add_argument("--out", type=Path, default=ROOT / "runs" / "bench" / "ablations")
    parser.add_argument("--only", nargs="+", choices=VARIANTS, default=list(VARIANTS), metavar="NAME")
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--at-once", type=int, default=1)
    parser.add_argument("--teachers", nargs="+", default=[], metavar="FOLDER", help="exports or roots")
    parser.add_argument("--set", action="append", default=[], metavar="A.B=C", help="override a key in every trial")
    parser.add_argument("--trial", nargs=2, metavar=("NAME", "SEED"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.trial:
        name, seed = args.trial[0], int(args.trial[1])
        trial(args, name, seed, folder(args.out, name, seed))
        return 0
    chosen = [name for name in args.only if args.teachers or not name.endswith(TAUGHT)]
    walk(args, [(name, seed) for seed in args.seeds for name in chosen])
    print(json.dumps(told(args.out, Console(highlight=False, soft_wrap=True))), flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
