"""Gates, and the name `live`: it moves only when every gate has passed, for all tables together, and can go back."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from lstmrec import files, versions
from lstmrec.config.run import Config
from lstmrec.contracts import tables
from lstmrec.contracts.errors import DataError, GateError, ResourceError
from lstmrec.contracts.manifest import Manifest

#: What readers outside the road read. The lists go last: whoever sees a new list finds all that explains it.
PUBLISHED = (
    tables.SPLIT, tables.USERS, tables.ENCODED_ITEMS, tables.BUNDLE, tables.ITEM_VECTORS, tables.METRICS,
    tables.REPORT, tables.RECOMMENDATIONS,
)  # fmt: skip


@dataclass(frozen=True)
class Gate:
    """A figure and its limit. level: pass, warn (said, not stopping) or fail (nothing is published)."""

    name: str
    level: Literal["pass", "warn", "fail"]
    figure: str
    limit: str
    said: str = ""

    def plain(self) -> dict[str, str]:
        """As JSON holds it."""
        return asdict(self)


def gates(conf: Config) -> list[Gate]:
    """Every gate over the newest versions: users scored once, rejects, metrics there and of these lists, baselines."""
    lists = versions.current(conf.root, tables.RECOMMENDATIONS)
    return [*_scored(conf, lists), _rejects(conf), *_metrics(conf, lists)]


def _scored(conf: Config, lists: Manifest) -> list[Gate]:
    """Users in = lists out, by rows counted from the written files (the key (recommender, role, user) is unique)."""
    out = []
    found: dict[tuple[str, str], int] = {}
    for f in lists.files:
        key = (f.partition["recommender"], f.partition["role"])
        found[key] = found.get(key, 0) + f.rows
    expected = dict(lists.facts.get("users", {})) | {"serve": versions.current(conf.root, tables.USERS).rows_out}
    for role in conf.score.roles:
        expected.setdefault(role, max((n for (_, r), n in found.items() if r == role), default=0))
        for r in conf.score.recommenders:
            n = found.get((r.name, role), 0)
            ok = n == expected[role] and n > 0
            if not ok or (r.kind == "model" and role == "serve"):
                out.append(Gate(f"users scored: {r.name}, {role}", "pass" if ok else "fail", f"{n:,}",
                                f"{expected[role]:,}", "every user once" if ok else "users are missing"))  # fmt: skip
    return out


def _rejects(conf: Config) -> Gate:
    events = versions.current(conf.root, tables.EVENTS)
    refused: Mapping[str, Any] = events.facts.get("rejected", {})
    faults = sum(int(n) for reason, n in refused.items() if reason not in tables.CHOSEN)
    share = faults / max(events.rows_in, 1)
    limit = conf.clean.max_reject_share
    return Gate("rejected events", "pass" if share <= limit else "fail", f"{share:.2%}", f"at most {limit:.2%}",
                "what the config leaves out (duplicates too) not counted")  # fmt: skip


def _metrics(conf: Config, lists: Manifest) -> list[Gate]:
    metrics = versions.current(conf.root, tables.METRICS)
    fresh = metrics.parents.get(tables.RECOMMENDATIONS.name) == lists.fingerprint
    figures = [v for values in metrics.facts.get("test", {}).values() for v in values.values()]
    sound = bool(figures) and all(math.isfinite(v) for v in figures)
    empty = sum(metrics.facts.get("without_list", {}).values())
    said = "of these lists, finite"
    if not fresh or not sound:
        said = "nothing on test" if fresh else "of other lists: run evaluate"
    out = [
        Gate("metrics", "pass" if fresh and sound else "fail", f"{len(figures)} figures", "at least 1", said),
        Gate("judged users without a list", "fail" if empty else "pass", f"{empty:,}", "0"),
    ]
    k, test = metrics.facts.get("k", 10), metrics.facts.get("test", {})
    for kind in ("popularity", "item_knn", "personal"):
        beaten = metrics.facts.get(f"beats_{kind}")
        if beaten is None:
            continue
        best = max(test[r.name][f"ndcg_{k}"] for r in conf.score.recommenders if r.kind == kind and r.name in test)
        ours = max(test[r.name][f"ndcg_{k}"] for r in conf.score.recommenders if r.kind == "model" and r.name in test)
        out.append(Gate(f"NDCG@{k} against {kind}", "pass" if beaten else "warn", f"{ours:.4f}", f"above {best:.4f}",
                        "beaten" if beaten else "not beaten"))  # fmt: skip
    return out


def publish(conf: Config) -> list[Gate]:
    """Move `live` to the newest versions of what is published; GateError G001 and nothing moved when a gate fails."""
    found = gates(conf)
    failed = [g for g in found if g.level == "fail"]
    if failed:
        raise GateError("G001", "; ".join(f"{g.name}: {g.figure}, limit {g.limit}, {g.said}" for g in failed),
                        conf.root, "nothing was published; mend it and run again")  # fmt: skip
    heads = {t.name: log[-1] for t in PUBLISHED if (log := versions.log(conf.root, t.name))}
    _move(conf.root, heads)
    return found


def rollback(root: str, table: str | None = None) -> dict[str, str]:
    """Back to the publication before the one that is live (of one table only, where named); returns table -> version.

    It steps before the first time the live one was published, so that going back twice never returns to what was
    taken back. DataError D830 where there is nothing earlier.
    """
    entries = publications(root)
    if table is not None:
        entries = [{table: e[table]} for e in entries if table in e]
    if not entries or entries.index(entries[-1]) == 0:
        raise DataError("D830", f"nothing was published before {'what is live' if entries else 'now'}", root,
                        "publish a run first: lstmrec publish")  # fmt: skip
    before = entries[entries.index(entries[-1]) - 1]
    _move(root, (publications(root)[-1] | before))
    return before


def publications(root: str) -> list[dict[str, str]]:
    """Every publication (table -> version), oldest first."""
    place = files.join(root, "_published")
    names = [n for n in files.names(place) if n.endswith(".json") and not n.startswith(".")]
    return [json.loads(files.read_text(files.join(place, n))) for n in names]


def _move(root: str, heads: Mapping[str, str]) -> None:
    entries = publications(root)
    if not entries or entries[-1] != dict(heads):
        path = files.join(root, "_published", f"{len(entries):06d}.json")
        if not files.create(path, json.dumps(dict(heads), sort_keys=True).encode()):
            raise ResourceError("R104", "another run published at the same time", path, "publish again")
    for name in (t.name for t in PUBLISHED if t.name in heads):
        versions.append(root, name, heads[name], "live")
