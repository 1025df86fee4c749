"""A small committed root, made by pyarrow: what lookup, report and the command line read, without Spark."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lstmrec import files, versions
from lstmrec.config.load import validate
from lstmrec.config.run import Config
from lstmrec.contracts import tables
from lstmrec.contracts.kinds import arrow_schema
from lstmrec.contracts.manifest import DataFile, Manifest
from lstmrec.contracts.tables import Table

NASTY = "</script><img src=x onerror=1>"
DAY = 86_400_000_000
START = 1_500_000_000_000_000


def config(root: Path, **more: Any) -> Config:
    """A config with the model and three baselines."""
    data: dict[str, Any] = {
        "root": str(root),
        "as_of": "2018-01-01T00:00:00Z",
        "clean": {"events": {"path": ["none.parquet"]}},
        "score": {
            "recommenders": [{"kind": "model"}, {"kind": "popularity"}, {"kind": "personal"}, {"kind": "item_knn"}]
        },
        "report": {"users": 2, "ids": "open"},
    }
    for key, value in more.items():
        data[key] = {**data.get(key, {}), **value} if isinstance(value, dict) else value
    return validate(data)


def put(
    root: Path, contract: Table, rows: Sequence[Mapping[str, Any]], *, version: str = "v1", **more: Any
) -> Manifest:
    """Commit rows as Parquet, partition columns as folders."""
    schema = arrow_schema(contract)
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        groups.setdefault("/".join(f"{p}={row[p]}" for p in contract.partitions), []).append(row)
    listed = []
    inner = pa.schema([f for f in schema if f.name not in contract.partitions])
    for place, part in groups.items():
        path = files.join(place, "part-0.parquet") if place else "part-0.parquet"
        target = Path(versions.folder(str(root), contract.name, version)) / "data" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        plain = [{f.name: row.get(f.name) for f in inner} for row in part]
        pq.write_table(pa.Table.from_pylist(plain, inner), target)
        listed.append(DataFile(path, len(part), target.stat().st_size))
    return versions.seal(
        str(root), manifest(contract, version, files=tuple(listed), **({"rows_out": len(rows)} | more))
    )


def manifest(contract: Table, version: str, **more: Any) -> Manifest:
    return Manifest(
        contract.name, version, contract.major, contract.minor, "job", 1, more.pop("skip_key", "key"),
        f"print-{contract.name}-{version}", "2018-01-01T00:00:00Z", seconds=12.5, **more,
    )  # fmt: skip


def event(user: str, item: str, day: int, role: str, index: int) -> dict[str, Any]:
    return {"user_id": user, "item_id": item, "event_type": "buy", "time": START + day * DAY, "row_hash": 1,
            "role": role, "index": index}  # fmt: skip


def listed(recommender: str, role: str, user: str, items: Sequence[str]) -> dict[str, Any]:
    return {
        "recommender": recommender, "role": role, "user_id": user, "reason": "full_history", "history": 3, "model": "m",
        "as_of": 0, "items": [{"item_id": i, "score": 9.0 - n, "rank": n + 1} for n, i in enumerate(items)],
    }  # fmt: skip


SPLIT = [
    event("718", "b", 2, "train", 1), event("718", "a", 1, "train", 0), event("718", "c", 3, "validation", 2),
    event("718", "d", 4, "test", 3), event("007", "a", 1, "train", 0), event("007", "b", 9, "test", 1),
]  # fmt: skip
TITLES = {"a": "Milk", "b": "Bread", "c": NASTY, "d": None}
FIGURES = {"model": 0.41, "popularity": 0.18, "personal": 0.395, "item_knn": 0.42}


def metric_rows(figures: Mapping[str, float] = FIGURES) -> list[dict[str, Any]]:
    rows = []
    for role in ("validation", "test"):
        for name, value in figures.items():
            for part, factor in (("all", 1.0), ("history:short", 0.8), ("history:long", 1.1), ("explore", 0.3)):
                for metric in ("recall", "hr", "precision", "ndcg", "mrr", "map"):
                    v = value * factor
                    rows.append({"recommender": name, "role": role, "slice": part, "metric": metric, "k": 10,
                                 "value": v, "low": v - 0.02, "high": v + 0.02, "users": 2014,
                                 "protocol": "made"})  # fmt: skip
            for metric, v in (("coverage", 0.2), ("gini", 0.9), ("arp", 812.5), ("snips_ndcg", 0.3)):
                rows.append({"recommender": name, "role": role, "slice": "all", "metric": metric, "k": 10, "value": v,
                             "low": v, "high": v, "users": 2014, "protocol": "made"})  # fmt: skip
    return rows


def metric_facts(figures: Mapping[str, float] = FIGURES) -> dict[str, Any]:
    test = {n: {f"{m}_10": v for m in ("recall", "ndcg", "mrr", "hr")} for n, v in figures.items()}
    ours = figures["model"]
    return {
        "k": 10, "test": test, "validation": test, "without_list": {},
        "differences": [{"base": "model", "recommender": n, "role": "test", "value": ours - v, "low": ours - v - 0.005,
                         "high": ours - v + 0.005, "p": 0.01, "p_holm": 0.03} for n, v in figures.items()
                        if n != "model"],
        "gaps": [{"recommender": "model", "role": "test", "family": "history", "best": "history:long",
                  "worst": "history:short", "value": 0.1, "low": 0.05, "high": 0.15}],
        "test_touched": 3, "ips": [{"role": "test", "targets": 4028, "effective": 1200.0, "clipped": 7}],
        "data": {"users": 2, "items": 4, "events": 6},
        "beats_popularity": ours > figures["popularity"], "beats_item_knn": ours > figures["item_knn"],
        "beats_personal": ours > figures["personal"],
    }  # fmt: skip


def root(path: Path, *, recommenders: Sequence[str] = tuple(FIGURES), figures: Mapping[str, float] = FIGURES) -> Config:
    """Everything up to METRICS."""
    conf = config(path)
    put(path, tables.EVENTS, [], rows_in=100, rows_out=93, rows_rejected=7,
        facts={"rejected": {"duplicate": 5, "null_item": 2}})  # fmt: skip
    put(path, tables.REJECTS, [], rows_out=7)
    put(path, tables.ITEMS, [], rows_in=4, rows_out=4)
    put(path, tables.USERS, [{"user_id": u, "attributes": []} for u in ("718", "007")])
    put(path, tables.CUTS, [])
    put(path, tables.SPLIT, SPLIT)
    items = [{"item": n + 2, "item_id": i, "title": t, "id": n + 2, "count": 1, "tags": [], "text": [], "numeric": []}
             for n, (i, t) in enumerate(TITLES.items())]  # fmt: skip
    put(path, tables.ENCODED_ITEMS, items)
    for table in (tables.VOCABULARY, tables.ENCODED_USERS, tables.USER_PROFILES, tables.SEQUENCES, tables.ITEM_VECTORS):
        put(path, table, [])
    log = [
        {"epoch": e, "loss": 5.0 - e, "ndcg_10": 0.3 + 0.02 * e - 0.003 * e * e, "seconds": 12.0} for e in range(1, 7)
    ]
    place = versions.folder(str(path), "bundle", "v1")
    files.create(files.join(place, "log.jsonl"), "\n".join(json.dumps(r) for r in log).encode())
    versions.seal_files(str(path), manifest(tables.BUNDLE, "v1"))
    lists = [listed(r, role, u, ["d", "c", "a"] if r == "model" else ["a", "b"])
             for r in recommenders for role in ("validation", "test", "serve") for u in ("718", "007")]  # fmt: skip
    made = put(path, tables.RECOMMENDATIONS, lists)
    put(path, tables.METRICS, metric_rows(figures), facts=metric_facts(figures),
        parents={"recommendations": made.fingerprint})  # fmt: skip
    return conf


def pictures() -> dict[str, Any]:
    """`frames.pictures.figures` of a made log."""
    roles = ("train",) * 5 + ("validation", "test")
    return {
        "days": 7,
        "timeline": [{"at": f"2017-07-{d:02d}", "role": r, "events": 10 + d}
                     for d, r in zip(range(1, 29, 4), roles, strict=True)],
        "gaps": [{"gap": g, "events": n} for g, n in (("none", 40), ("< 1 min", 0), ("1–3 d", 30), ("3–7 d", 30))],
        "histories": [{"users": u, "events": e, "low": n, "n": 9 - n} for u in ("all", "test")
                      for e, n in (("0", 0), ("1", 1), ("2–3", 2), ("4–7", 4))],
        "tail": [{"of": of, "decile": d, "n": 100 // d, "items": 10 if of == "train events" else 10 - d}
                 for of in ("train events", *FIGURES) for d in range(1, 11)],
    }  # fmt: skip


#: Of `report.judged.blended`.
BLEND = {"name": "mixed", "best": "item_knn", "fitted": {}, "judged": {},
         "gain": {"value": 0.012, "low": 0.002, "high": 0.022, "p": 0.02}}  # fmt: skip
#: What the catalogue of `pictured` is tagged with.
TAGS = {2: "kind=dairy", 3: f"kind={NASTY}", 4: "brand==x"}


def pictured(path: Path, **more: Any) -> Config:
    """`root`, and what every drawing of the report needs: the same tables again, with more in them."""
    conf = root(path, **more)
    put(path, tables.VOCABULARY, [{"feature": "tag", "value": v, "id": i, "count": 1} for i, v in TAGS.items()],
        version="v2")  # fmt: skip
    items = [{"item": n + 2, "item_id": i, "title": t, "id": n + 2, "count": 9 - n, "text": [], "numeric": [],
              "tags": [2 + n // 2, 4][: 1 + n % 2]} for n, (i, t) in enumerate(TITLES.items())]  # fmt: skip
    put(path, tables.ENCODED_ITEMS, items, version="v2",
        facts={"drift": [["event_type", "test", 0.31], [f"user:{NASTY}", "validation", 0.02]]})  # fmt: skip
    vectors = zip(TITLES, ([1, 0.1, 0], [0.9, 0, 0.1], [-1, 0.2, 0], [-0.9, 0, 0.3]), strict=True)
    put(path, tables.ITEM_VECTORS, [{"item": n, "item_id": i, "vector": v, "bias": 0.0}
                                    for n, (i, v) in enumerate(vectors, 2)], version="v2")  # fmt: skip
    log = [{"epoch": e, "loss": 5.0 - e, "ndcg_10": 0.3 + 0.02 * e, "seconds": 12.0, "rate": 0.001 / e,
            "starved": 0.004 * e} for e in range(1, 4)]  # fmt: skip
    place = versions.folder(str(path), "bundle", "v2")
    files.create(files.join(place, "log.jsonl"), "\n".join(json.dumps(r) for r in log).encode())
    versions.seal_files(str(path), manifest(tables.BUNDLE, "v2"))
    why = [
        [{"item_id": "c", "influence": 0.5}, {"item_id": "a", "influence": 0.25}],
        [],
        [{"item_id": "a", "influence": 0.1}],
    ]
    lists = [listed(r, role, u, ["d", "c", "a"] if r == "model" else ["a", "b"])
             | ({"because": ["c"], "reasons": why} if r == "model" else {})
             for r in FIGURES for role in ("validation", "test", "serve") for u in ("718", "007")]  # fmt: skip
    reasons = {r: {"serve": {"full_history": 9, "popularity": 1} if r == "model" else {"history": 10}} for r in FIGURES}
    made = put(path, tables.RECOMMENDATIONS, lists, version="v2", facts={
        "reasons": reasons, "users": {"serve": 2, "test": 2},
        "because": {"windows": {"users": 2, "explained": 2, "users_per_core_second": {"without": 9.0, "with": 3.0}}},
    })  # fmt: skip
    told = metric_facts() | {"pictures": pictures(), "blends": [BLEND]}
    put(path, tables.METRICS, metric_rows(), version="v2", facts=told,
        parents={"recommendations": made.fingerprint, "split": "an older one"})  # fmt: skip
    return conf


def again(path: Path, version: str, first: str = "a") -> None:
    """Other lists and their metrics below a `root`."""
    versions.append(str(path), "metrics", "v1")
    rows = [listed(r, role, u, [first]) for r in FIGURES for role in ("validation", "test", "serve")
            for u in ("718", "007")]  # fmt: skip
    put(path, tables.RECOMMENDATIONS, rows, version=version)
    put(path, tables.METRICS, metric_rows(), version=version, facts=metric_facts(),
        parents={"recommendations": f"print-recommendations-{version}"})  # fmt: skip
