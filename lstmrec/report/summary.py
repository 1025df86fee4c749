"""What a table of metrics says: the figures people compare, and whether the model beats the baselines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lstmrec.config.run import Config
from lstmrec.contracts.manifest import Manifest

#: Shown side by side, at the first k of the config that is 10, else the longest.
HEADLINE = ("recall", "ndcg", "mrr", "hr")
MODEL = "model"


def headline_k(ks: Sequence[int]) -> int:
    """10 where it is measured, else the longest list."""
    return 10 if 10 in ks else max(ks)


def headline(rows: Iterable[Mapping[str, Any]], k: int, role: str = "test") -> dict[str, dict[str, float]]:
    """recommender -> {"recall_10": ..., "ndcg_10": ..., "mrr_10": ..., "hr_10": ...} of slice all."""
    out: dict[str, dict[str, float]] = {}
    for row in rows:
        if row["role"] == role and row["slice"] == "all" and row["k"] == k and row["metric"] in HEADLINE:
            out.setdefault(row["recommender"], {})[f"{row['metric']}_{k}"] = row["value"]
    return out


def best(figures: Mapping[str, Mapping[str, float]], names: Iterable[str], metric: str) -> str | None:
    """The name with the highest figure (ties: first by name); None where none of them was measured."""
    known = sorted(n for n in names if metric in figures.get(n, {}))
    return max(known, key=lambda n: figures[n][metric], default=None)


def beats(figures: Mapping[str, Mapping[str, float]], conf: Config, k: int) -> dict[str, bool | None]:
    """Whether NDCG of the model on test is above each kind's best entry; None where there is nothing to compare."""
    metric = f"ndcg_{k}"
    kinds = {r.name: r.kind for r in conf.score.recommenders}
    ours = best(figures, [n for n, kind in kinds.items() if kind == "model"], metric)
    out: dict[str, bool | None] = {}
    for kind in ("popularity", "item_knn", "personal"):
        theirs = best(figures, [n for n in kinds if kinds[n] == kind], metric)
        known = ours is not None and theirs is not None
        out[f"beats_{kind}"] = figures[str(ours)][metric] > figures[str(theirs)][metric] if known else None
    return out


def told(figures: Mapping[str, Mapping[str, float]], k: int) -> dict[str, str]:
    """The three best NDCGs on test, for the job's line."""
    ranked = sorted(figures.items(), key=lambda pair: (-pair[1][f"ndcg_{k}"], pair[0]))
    return {f"ndcg@{k} {name}": f"{values[f'ndcg_{k}']:.4f}" for name, values in ranked[:3]}


def protocol(conf: Config) -> str:
    """The key to print beside a figure: split, seen filter, ties, users, inputs of the model."""
    seen = {"filter": "seen items filtered (whole history)", "learn": "seen items scored apart", "ignore": "no filter"}
    shown, m = conf.score.filters, conf.train.model
    lists = "; lists of eligible items, pins or caps" if shown.rules else ""
    lists += "" if shown.seen is None else f"; lists hide seen items: {shown.seen}"
    extras = {"demographics": m.use_static, "profile": m.use_profile, "time": m.use_time, "types": m.use_types}
    inputs = [*m.inputs, *(name for name, used in extras.items() if used)]
    how = f"{seen[conf.sequence.history]} by the model{lists}"
    return (f"{conf.split.summary}; {how}; full ranking; ties: expected rank; all users of the role; recall and "
            f"MAP over min(k, targets); model inputs: {', '.join(inputs)}")  # fmt: skip


def users_scored(recommendations: Manifest, recommender: str) -> int:
    """Rows of a recommender's serve lists, counted from the written files."""
    wanted = {"recommender": recommender, "role": "serve"}
    return sum(f.rows for f in recommendations.files if wanted.items() <= f.partition.items())
