"""Gates: figures of the newest versions and their limits. One that fails stops a publication."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import pyarrow.dataset as ds

from lstmrec import rows, versions
from lstmrec.config.run import Config
from lstmrec.config.score import RUNGS
from lstmrec.config.split import told
from lstmrec.contracts import tables
from lstmrec.contracts.manifest import Manifest
from lstmrec.contracts.units import DAY_US
from lstmrec.store.daily import judge

#: Rungs of the ladder that the net itself filled.
NET = tuple(rung for rung in RUNGS if "popularity" not in rung)
#: Config of s8 that makes figures comparable.
PROTOCOL = ("split", "sequence", "score.filters")
#: A population stability index above which people look; it stops nothing unless `publish.max_drift` says so.
NOTABLE_DRIFT = 0.25
#: Days before a day that its figure is held against.
DAYS = 28


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
    """Every gate over the newest versions: users scored once and by the net, rejects, drift, metrics there and of these
    lists, baselines, the figure against what is live. Without a hold-out: of the run that the bundle was judged by, or
    of the lists that were published, by what users did since."""
    lists = versions.current(conf.root, tables.RECOMMENDATIONS)
    if conf.flow != "evaluate":
        own = [_judged_before(conf)] if conf.flow == "refit" else _judged_since(conf)
        return [*_scored(conf, lists), *_by_the_net(conf, lists), *_quiet(conf), _rejects(conf), *own]
    return [*_scored(conf, lists), *_by_the_net(conf, lists), *_quiet(conf), _rejects(conf), *_drift(conf),
            *_metrics(conf, lists), *_fallen(conf)]  # fmt: skip


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


def _quiet(conf: Config) -> list[Gate]:
    """Whether anything has happened of late, where the config asks: of the newest rows on, until there is an event."""
    days = conf.publish.max_quiet_days
    if days is None:
        return []
    since = conf.as_of_us - round(days * DAY_US)
    late = rows.batches(conf.root, versions.current(conf.root, tables.EVENTS), ["time"], ds.field("time") >= since)
    ok = any(batch.num_rows for batch in late)
    said = f"within {days:g} days of as_of" if ok else "has the feed stopped? see clean.events and as_of"
    return [Gate("events of late", "pass" if ok else "fail", "some" if ok else "none", f"since {told(since)}", said)]


def _rejects(conf: Config) -> Gate:
    events = versions.current(conf.root, tables.EVENTS)
    refused: Mapping[str, Any] = events.facts.get("rejected", {})
    faults = sum(int(n) for reason, n in refused.items() if reason not in tables.CHOSEN)
    today: Mapping[str, Any] = events.facts.get("today", {"rows": events.rows_in, "faults": faults})
    share = today["faults"] / max(today["rows"], 1)
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


def _judged_before(conf: Config) -> Gate:
    """Whether the bundle that was fitted again was judged before: with its figures this one is published."""
    bundle = versions.current(conf.root, tables.BUNDLE)
    wanted = bundle.parents.get("refit")
    found = versions.current(conf.root, tables.METRICS) if versions.log(conf.root, tables.METRICS.name) else None
    ok = found is not None and wanted is not None and found.parents.get(tables.BUNDLE.name) == wanted
    return Gate("judged on a hold-out", "pass" if ok else "fail", "by its run" if ok else "not",
                "the run it was fitted again from", "refit what was evaluated last")  # fmt: skip


def _judged_since(conf: Config) -> list[Gate]:
    """NDCG of the published lists by what users did since, against the mean of the days before."""
    found = versions.current(conf.root, tables.JUDGED)
    if found.as_of != conf.as_of:
        return [Gate("published lists", "fail", f"judged as of {found.as_of}", conf.as_of, "run the job judge")]
    if not found.facts["users"]:
        return [Gate("published lists", "warn", "0 users", "at least 1", "nobody who had a list did anything since")]
    k, out = found.facts["k"], []
    for name in (r.name for r in conf.score.recommenders if r.kind == "model"):
        ours = found.facts["days"].get(name, {}).get(f"ndcg_{k}")
        past = [m.facts["days"][name][f"ndcg_{k}"] for m in judge.earlier(conf, DAYS)
                if name in m.facts["days"] and m.facts["k"] == k]  # fmt: skip
        mean, drop = sum(past) / max(len(past), 1), conf.publish.max_daily_drop
        ok = ours is not None and (drop is None or not past or ours >= mean * (1 - drop))
        limit = "told, not judged" if drop is None or not past else f"at least {mean * (1 - drop):.4f}"
        out.append(
            Gate(
                f"NDCG@{k} of {name} since {found.facts['since']}",
                "pass" if ok else "fail",
                "none" if ours is None else f"{ours:.4f}",
                limit,
                f"the mean of {len(past)} days is {mean:.4f}",
            )
        )
    return out


def _by_the_net(conf: Config, lists: Manifest) -> list[Gate]:
    """The share of served users whose list the net made: the rest got one of the ladder's lower rungs."""
    least = conf.publish.min_model_share
    out = []
    for name in (r.name for r in conf.score.recommenders if r.kind == "model"):
        counted: Mapping[str, int] = lists.facts.get("reasons", {}).get(name, {}).get("serve", {})
        if not counted:
            continue
        every = sum(counted.values())
        share = sum(n for reason, n in counted.items() if reason in NET) / every
        out.append(Gate(f"served by {name}", "pass" if share >= least else "fail", f"{share:.2%}",
                        f"at least {least:.2%}", f"of {every:,} users; the others by popularity"))  # fmt: skip
    return out


def _drift(conf: Config) -> list[Gate]:
    """The population stability index that is largest, of what s3 compares with training."""
    found: list[Sequence[Any]] = versions.current(conf.root, tables.ENCODED_ITEMS).facts.get("drift", [])
    if not found:
        return []
    what, role, psi = max(found, key=lambda row: float(row[2]))
    limit = conf.publish.max_drift
    over: Literal["warn", "fail"] = "warn" if limit is None else "fail"
    bound = NOTABLE_DRIFT if limit is None else limit
    return [Gate("drift", "pass" if psi <= bound else over, f"PSI {psi:.3f}", f"at most {bound:g}",
                 f"{what} of {role}, the largest of {len(found)}")]  # fmt: skip


def _fallen(conf: Config) -> list[Gate]:
    """NDCG on test against that of what is live, where both were judged under one protocol."""
    metrics = versions.current(conf.root, tables.METRICS)
    if not versions.log(conf.root, tables.METRICS.name, "live"):
        return []
    live = versions.current(conf.root, tables.METRICS, "live")
    same = [live.config.get(part) == metrics.config.get(part) for part in PROTOCOL]
    if live.version == metrics.version or live.facts.get("k") != metrics.facts.get("k") or not all(same):
        return []
    k, out = metrics.facts["k"], []
    for name in (r.name for r in conf.score.recommenders if r.kind == "model"):
        ours, before = (m.facts.get("test", {}).get(name, {}).get(f"ndcg_{k}") for m in (metrics, live))
        if not before or ours is None:
            continue
        least = before * (1 - conf.publish.max_metric_drop)
        out.append(Gate(f"NDCG@{k} of {name} against what is live", "pass" if ours >= least else "fail", f"{ours:.4f}",
                        f"at least {least:.4f}", f"live has {before:.4f}"))  # fmt: skip
    return out
