"""s9_report: metrics, lists, manifests and the training log -> facts.json, metrics.json and one HTML page."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from lstmrec import files, lookup, versions
from lstmrec.config.run import Config
from lstmrec.contracts import tables
from lstmrec.contracts.manifest import Manifest
from lstmrec.report import copies, itemmap, people, summary
from lstmrec.report import facts as gathered
from lstmrec.store import door, gates

NEEDS = (
    tables.EVENTS, tables.REJECTS, tables.ITEMS, tables.USERS, tables.SPLIT, tables.CUTS, tables.VOCABULARY,
    tables.ENCODED_ITEMS, tables.BUNDLE, tables.ITEM_VECTORS, tables.RECOMMENDATIONS, tables.METRICS,
)  # fmt: skip
GIVES = (tables.REPORT,)
SECTIONS = ("as_of", "seed", "clean", "split", "normalise", "profile", "sequence", "train", "score", "evaluate",
            "report", "publish")  # fmt: skip
VERSION = 2
SPARK = False


def owed(conf: Config, manifest: Manifest) -> list[str]:
    """Copies that a run which was broken off did not place, or that are of another report."""
    return copies.owed(conf.root, manifest)


def run(spark: Any, conf: Config) -> Manifest:
    """Commits REPORT (plain files) and puts copies at the root."""
    from lstmrec.report import page  # here: altair is slow to import, and only this job needs the extra `report`

    t = door.ticket(sys.modules[__name__], conf)
    # What it needs is there: the ticket has looked. What an earlier lstmrec left beside it is not shown.
    made = {c.name: m for c in tables.ALL if c not in GIVES and (m := versions.readable(conf.root, c))}
    told = made[tables.METRICS.name].facts
    rows = lookup.select(conf.root, made[tables.METRICS.name], tables.METRICS.names)
    log = files.read_text(files.join(versions.verify_files(conf.root, made[tables.BUNDLE.name]), "log.jsonl"))
    judged = [g.plain() for g in gates.gates(conf)]
    facts = gathered.gather(conf, made, rows, log, judged, _people(conf, made, told), _map(conf, made))
    scored = summary.users_scored(made[tables.RECOMMENDATIONS.name], facts["ours"] or summary.MODEL)
    version = versions.new_version(t.skip_key)
    place = versions.folder(conf.root, tables.REPORT.name, version)
    for name, text in (
        ("facts.json", json.dumps(facts, ensure_ascii=False, indent=1)),
        ("metrics.json", json.dumps(gathered.flat(facts, told, scored), indent=1)),
        ("report.html", page.render(facts)),
    ):
        files.create(files.join(place, name), text.encode())
    levels = [g["level"] for g in judged]
    said = {"gates": f"{levels.count('pass')} pass, {levels.count('warn')} warn, {levels.count('fail')} fail"}
    manifest = versions.seal_files(conf.root, t.manifest(tables.REPORT, version, facts={"told": said}))
    copies.place(conf.root, manifest)
    return manifest


def _people(conf: Config, made: Mapping[str, Manifest], told: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Example users of test, where a list can be held against what came next."""
    ours, theirs = gathered.rivals(conf, told["test"], int(told["k"]))
    if ours is None or not conf.report.users:
        return []
    lists, catalogue = made[tables.RECOMMENDATIONS.name], made[tables.ENCODED_ITEMS.name]
    chosen = lookup.some_users(conf.root, ours, "test", conf.report.users, lists)
    found = lookup.lists_of(conf.root, chosen, "test", [n for n in (ours, theirs) if n], lists, catalogue)
    did = lookup.events_of(conf.root, chosen, made[tables.SPLIT.name])
    known = lookup.titles(conf.root, (e["item_id"] for events in did.values() for e in events), catalogue)
    out: list[dict[str, Any]] = []
    for place, user in enumerate(chosen, 1):
        rows = [e for e in did[user] if e["role"] in tables.HISTORY["test"]]
        later = [e["item_id"] for e in did[user] if e["role"] == "test"]
        name = people.named(user, place, conf.report.ids, conf.seed)
        past, mine = lookup.titled(conf.root, rows, known=known), found[user]
        out.append(people.person(name, past, later, mine[ours], mine.get(theirs or "")))
    return out


def _map(conf: Config, made: Mapping[str, Manifest]) -> dict[str, Any]:
    """The item map, of items of most train events."""
    rows = lookup.frequent(conf.root, itemmap.MOST, made[tables.ENCODED_ITEMS.name], made[tables.ITEM_VECTORS.name])
    return itemmap.facts(rows, lookup.tags(conf.root, made[tables.VOCABULARY.name]))


def main(argv: Sequence[str] | None = None) -> int:
    """What spark-submit calls."""
    return door.main(sys.modules[__name__], argv)
