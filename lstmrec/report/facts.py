"""Everything the page says, as one JSON object: from manifests, metric rows and the training log."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from lstmrec.config.run import Config
from lstmrec.config.score import RUNGS
from lstmrec.contracts.manifest import Manifest
from lstmrec.report import lineage, summary
from lstmrec.report import people as persons

_LOGGED = ("epoch", "loss", "ndcg_10", "hr_10", "rate", "starved", "seconds", "positions_s")
_SECRET = re.compile(r"pass|secret|token|key$|credential", re.IGNORECASE)


def gather(conf: Config, manifests: Mapping[str, Manifest], rows: Sequence[Mapping[str, Any]], log: str,
           gates: Sequence[Mapping[str, str]], people: Sequence[Mapping[str, Any]],
           item_map: Mapping[str, Any]) -> dict[str, Any]:  # fmt: skip
    """The facts.

    manifests: table -> its newest manifest. rows: METRICS. log: the bundle's log.jsonl, a JSON object a line with
    epoch, loss, ndcg_10. gates: name, level, figure, limit, said. people: `report.people.person` of each example.
    item_map: of `report.itemmap.facts`.
    """
    told = manifests["metrics"].facts
    k = int(told["k"])
    ours, theirs = rivals(conf, told["test"], k)
    board = leaderboard(conf, rows, k)
    return {
        "as_of": conf.as_of,
        "root": conf.root,
        "k": k,
        "protocol": next((str(r["protocol"]) for r in rows), ""),
        "data": dict(told["data"]),
        "ours": ours,
        "rival": theirs,
        "verdict": verdict(told, ours, theirs, k),
        "gates": sorted((dict(g) for g in gates), key=lambda g: ["fail", "warn", "pass"].index(g["level"])),
        "people": list(people),
        "people_said": persons.said(people),
        "influence": persons.influence(people),
        "influence_said": persons.leaning(people),
        "pictures": dict(told.get("pictures", {})),
        "drift": drift(conf, manifests),
        "ladder": ladder(manifests),
        "pace": pace(manifests),
        "map": dict(item_map),
        "leaderboard": board,
        "differences": [d for d in told["differences"] if d["role"] == "test"],
        "blends": list(told.get("blends", [])),
        "gaps": [g for g in told.get("gaps", []) if g["role"] == "test" and g["recommender"] in (ours, theirs)],
        "ips": next((x for x in told.get("ips", []) if x["role"] == "test"), None),
        "test_touched": told.get("test_touched"),
        "funnel": funnel(manifests),
        "training": training(log),
        "slices": slices(rows, [n for n in (ours, theirs) if n], k),
        "probes": list(told.get("probes", [])),
        "cold": list(told.get("cold", [])),
        "because": dict(told.get("because", {})),
        "cost": cost(manifests),
        "lineage": lineage.rows(manifests),
        "config": masked(conf.model_dump(mode="json")),
    }


def rivals(conf: Config, test: Mapping[str, Mapping[str, float]], k: int) -> tuple[str | None, str | None]:
    """Names of the best model and the best of all others, by NDCG on test."""
    models = [r.name for r in conf.score.recommenders if r.kind == "model"]
    others = [r.name for r in conf.score.recommenders if r.kind != "model"]
    return summary.best(test, models, f"ndcg_{k}"), summary.best(test, others, f"ndcg_{k}")


def verdict(told: Mapping[str, Any], ours: str | None, theirs: str | None, k: int) -> str:
    """The answer in a sentence."""
    test = told["test"]
    if ours is None:
        return "The model has no figure on test"
    value = test[ours][f"ndcg_{k}"]
    if theirs is None:
        return f"The model reaches NDCG@{k} {value:.4f}; there is no baseline to compare it with"
    other = test[theirs][f"ndcg_{k}"]
    found = paired(told["differences"], ours, theirs)
    interval = f" (95 % interval {found[0]:+.4f} to {found[1]:+.4f})" if found else ""
    word = "beats" if value > other else "does not beat"
    open_end = " — within chance" if found and found[0] <= 0 <= found[1] else ""
    return (f"The model {word} the best baseline, {theirs}: NDCG@{k} {value:.4f} against {other:.4f}, "
            f"{value - other:+.4f}{interval}{open_end}")  # fmt: skip


def paired(differences: Sequence[Mapping[str, Any]], ours: str, theirs: str) -> tuple[float, float] | None:
    """Interval of ours minus theirs on test, where either of the two is the baseline of the differences."""
    mine = [d for d in differences if d["role"] == "test"]
    for d in mine:
        if (d["base"], d["recommender"]) == (ours, theirs):
            return float(d["low"]), float(d["high"])
        if (d["base"], d["recommender"]) == (theirs, ours):
            return -float(d["high"]), -float(d["low"])
    return None


def leaderboard(conf: Config, rows: Sequence[Mapping[str, Any]], k: int) -> list[dict[str, Any]]:
    """Recommenders by falling NDCG on test, each metric as [value, low, high]."""
    kinds = {r.name: r.kind for r in conf.score.recommenders}
    board: dict[str, dict[str, Any]] = {}
    for row in rows:
        if row["role"] == "test" and row["slice"] == "all" and row["k"] == k:
            name = str(row["recommender"])
            entry = board.setdefault(name, {"recommender": name, "kind": kinds.get(name, ""), "users": row["users"]})
            entry[row["metric"]] = [row["value"], row["low"], row["high"]]
    return sorted(board.values(), key=lambda e: (-e["ndcg"][0], e["recommender"]))


def slices(rows: Sequence[Mapping[str, Any]], names: Sequence[str], k: int) -> list[dict[str, Any]]:
    """NDCG on test in every slice, for the named recommenders."""
    found = {
        (row["slice"], row["recommender"]): row
        for row in rows
        if row["role"] == "test" and row["k"] == k and row["metric"] == "ndcg" and row["recommender"] in names
    }
    order = ["all", "repeat", "explore", "history:short", "history:medium", "history:long", "user:cold", "user:warm",
             "user_age:new", "user_age:middle", "user_age:old", "item:cold", "item:warm", "item_age:new",
             "item_age:old"]  # fmt: skip
    listed = sorted({s for s, _ in found}, key=lambda s: (order.index(s) if s in order else len(order), s))
    return [
        {"slice": s, "recommender": n, "value": r["value"], "low": r["low"], "high": r["high"], "users": r["users"]}
        for s in listed
        for n in names
        if (r := found.get((s, n))) is not None
    ]


def funnel(manifests: Mapping[str, Manifest]) -> list[dict[str, Any]]:
    """Per source of s1: rows in, refused by reason (most first), added (users known from events alone), rows out."""
    out = []
    for name in ("events", "items", "users"):
        m = manifests.get(name)
        if m is None:
            continue
        refused = {str(k): int(v) for k, v in m.facts.get("rejected", {}).items()}
        rows_in = int(m.facts.get("source", 0)) or m.rows_in
        top = sorted(refused.items(), key=lambda pair: (-pair[1], pair[0]))
        lost = sum(refused.values())
        out.append({"source": name, "in": rows_in, "out": m.rows_out, "rejected": lost, "reasons": top,
                    "added": m.rows_out - rows_in + lost})  # fmt: skip
    return out


def training(log: str) -> list[dict[str, Any]]:
    """The training log, an epoch a row; lines that are no JSON object are left out."""
    out = []
    for line in log.splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict) and "epoch" in row:
            out.append({key: row.get(key) for key in _LOGGED})
    return out


def cost(manifests: Mapping[str, Manifest]) -> list[dict[str, Any]]:
    """Seconds a job took when it last ran, and the rows of its last table."""
    jobs: dict[str, dict[str, Any]] = {}
    for m in manifests.values():
        entry = jobs.setdefault(m.job, {"job": m.job, "seconds": 0.0, "rows": 0})
        if m.seconds >= entry["seconds"]:
            entry.update(seconds=m.seconds, rows=m.rows_out)
    return list(jobs.values())


def drift(conf: Config, manifests: Mapping[str, Manifest]) -> dict[str, Any]:
    """rows: feature, role, psi, the largest first; limit: what s3 warns of."""
    found = manifests["encoded_items"].facts.get("drift", [])
    return {"limit": conf.normalise.drift_warn,
            "rows": [{"feature": f, "role": r, "psi": float(psi)} for f, r, psi in found]}  # fmt: skip


def ladder(manifests: Mapping[str, Manifest]) -> dict[str, Any]:
    """How many lists are there for which reason, in the role that is served (else the last that was scored): role, and
    rows of recommender, reason, users."""
    reasons: Mapping[str, Mapping[str, Any]] = manifests["recommendations"].facts.get("reasons", {})
    roles = {role for counts in reasons.values() for role in counts}
    role = next((r for r in ("serve", "test", "validation") if r in roles), "")
    order = [*RUNGS, "history"]
    rows = [{"recommender": name, "reason": reason, "users": int(n)} for name, counts in reasons.items()
            for reason, n in counts.get(role, {}).items()]  # fmt: skip
    return {"role": role, "rows": sorted(rows, key=lambda r: order.index(r["reason"]) if r["reason"] in order else 99)}


def pace(manifests: Mapping[str, Manifest]) -> dict[str, Any]:
    """lists, seconds of s7, users by role, and, of frames with reasons, users a second of one core: name, users,
    without, with."""
    m = manifests["recommendations"]
    reasons = [
        {"lists": name, "users": r["users"], **r["users_per_core_second"]}
        for name, r in m.facts.get("because", {}).items()
    ]
    return {"lists": m.rows_out, "seconds": m.seconds, "users": dict(m.facts.get("users", {})), "reasons": reasons}


def masked(value: Any, key: str = "") -> Any:
    """The config without what looks like a secret."""
    if isinstance(value, dict):
        return {k: masked(v, k) for k, v in value.items()}
    if isinstance(value, list):
        return [masked(v, key) for v in value]
    return "***" if isinstance(value, str) and _SECRET.search(key) else value


def flat(facts: Mapping[str, Any], told: Mapping[str, Any], users_scored: int) -> dict[str, Any]:
    """metrics.json: users_scored, each recommender's figures on test, what is beaten, and the validation figures."""
    return {
        "users_scored": users_scored,
        **facts["data"],
        **{name: dict(values) for name, values in told["test"].items()},
        **{key: value for key, value in told.items() if key.startswith("beats_")},
        "validation": {name: dict(values) for name, values in told["validation"].items()},
        "protocol": facts["protocol"],
    }
