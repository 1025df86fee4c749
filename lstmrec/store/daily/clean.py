"""s1 of a day: the source's rows since the last as_of, and so long before it as events may be late, judged beside what
is known of their users. Whose events moved has all of them in the new version; everybody else's stay where they lie.

Rules over many rows look back, so they are told the user's known events along with the new rows: what was accepted once
is judged again only by what came since. A row that is read twice is the known one, and of a user who brings no other
nothing is looked at.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from lstmrec import versions
from lstmrec.config.clean import CleanConfig
from lstmrec.config.run import Config
from lstmrec.config.split import instant_us
from lstmrec.contracts import tables
from lstmrec.contracts.errors import DataError
from lstmrec.contracts.manifest import Manifest, digest
from lstmrec.contracts.units import DAY_US
from lstmrec.frames import clean, core, in_order, verdicts
from lstmrec.store import collect, quarantine, sourced
from lstmrec.store.commit import Ticket, commit
from lstmrec.store.daily import fitted, links
from lstmrec.store.daily.fitted import Fitted
from lstmrec.store.erased import Gone
from lstmrec.store.quarantine import Judged, Known
from lstmrec.store.read import read_version
from lstmrec.store.source import opened, readable
from lstmrec.store.work import Desk

#: Of a burst of clicks the first stays, and each is told by the one before: those before the instant that is looked
#: back to are read once more from this long before, or from so many times `double_click_s`, and count for nothing else.
_BURST_US, _BURSTS = 3_600_000_000, 100
#: Rows without a time cannot be dated: those that are refused for it are counted against those of the day before.
_UNDATED = ("malformed", "bad_timestamp", "no_order")
#: Keys of clean.events that say where rows lie, or stop: none changes a row that is read.
_WHERE = ("path", "options", "on_corrupt_file", "success_file")


@dataclass(frozen=True)
class Yesterday:
    """events: the version to go on from; users: USERS of the same run; since: rows of the source from this instant
    (microseconds) on are looked at."""

    events: Manifest
    users: Manifest
    since: int


def sources(conf: Config) -> dict[str, str]:
    """What a day's EVENTS depend on besides the source."""
    pinned = fitted.of(conf.root)
    found = yesterday(conf, pinned)
    return {"bundle": pinned.bundle.fingerprint, "core": pinned[tables.CORE].fingerprint,
            "fit_before": pinned[tables.EVENTS].parents.get("fit_before", "None"),
            "before": found.events.fingerprint if found else ""}  # fmt: skip


def known(spark: SparkSession, conf: Config, pinned: Fitted, gone: Gone) -> Known:
    """CORE as the bundle's run fitted it."""
    before = pinned[tables.EVENTS].parents.get("fit_before", "None")
    rows = read_version(spark, conf.root, tables.CORE, pinned[tables.CORE])
    return Known(gone.core(rows), None if before == "None" else int(before))


def yesterday(conf: Config, pinned: Fitted) -> Yesterday | None:
    """What to go on from; None where all events are to be cleaned: on a first day, under other rules than before, or
    where a rule looks at rows that EVENTS has not, or at registers that change."""
    c = conf.clean
    looks_far = c.cancellations == "undo" or c.unique_event_id or "reject" in (c.unknown_items, c.unknown_users)
    looks_far |= c.consecutive_repeats == "reject" and bool(core.asks(c))  # what CORE refused may lie between two
    if conf.daily.whole or not conf.has_clock or looks_far:
        return None

    def like(m: Manifest) -> bool:
        if "like" in m.facts:
            return bool(m.facts["like"] == _like(conf, pinned))
        return m.version == pinned[tables.EVENTS].version and _rules(m.config.get("clean")) == _own(c)

    found = links.before(conf.root, tables.EVENTS, conf.as_of_us, like)
    users = None if found is None else versions.find(conf.root, tables.USERS, found.skip_key)
    if found is None or users is None:
        return None
    return Yesterday(found, users, instant_us(found.as_of) - conf.daily.horizon_days * DAY_US)


def facts(spark: SparkSession, conf: Config, pinned: Fitted, settled: int | None = None) -> dict[str, Any]:
    """What tomorrow needs to know of today's EVENTS: by which rules and bundle, and how many rows of the source lie
    before the instant that tomorrow looks back to (settled; None: they are counted here)."""
    until = _until(conf)
    if settled is None:
        _, frame = sourced.conformed(opened(spark, conf.clean.events, "clean.events"), conf)
        with readable(conf.clean.events, "clean.events"):
            settled = collect.count(frame.where(F.col("time") <= until))
    return {"like": _like(conf, pinned), "settled": {"us": until, "rows": settled}}


def extend(spark: SparkSession, conf: Config, t: Ticket, d: Desk, last: Yesterday, pinned: Fitted, gone: Gone
           ) -> Manifest:  # fmt: skip
    """Commits REJECTS (of the rows looked at), CORE, ITEMS, USERS, EVENTS. DataError D310 as a whole run, D352 where
    rows are lost or doubled. gone: users to be forgotten; where yesterday's tables have some of them, EVENTS are
    written whole, and so is what comes after: no version that they are in is built upon."""
    c = conf.clean
    items, users = sourced.register(spark, conf, d, "items"), sourced.register(spark, conf, d, "users", gone)
    source = opened(spark, c.events, "clean.events")
    burst = max(_BURST_US, _BURSTS * c.double_click_s * 1_000_000) if c.double_click_s else 0
    back = last.since - burst
    undated, near = "(time IS NULL AND (_time IS NOT NULL OR position IS NULL))", f"time IS NULL OR time > {last.since}"
    every, (rows, frame) = sourced.conformed(source, conf)[1], sourced.conformed(source, conf, back)
    looked = sourced.happened(frame, conf).where(f"time > {back} OR {undated}")
    with readable(c.events, "clean.events"):
        left_out = gone.met(looked.where(near))
        (counted,) = collect.rows(sourced.happened(every, conf).agg(
            F.count_if(F.expr(f"time > {last.since} OR {undated}")).alias("read"),
            F.count_if(F.col("time") <= last.since).alias("before"),
            F.count_if(F.col("time") <= _until(conf)).alias("settled")))  # fmt: skip
        read = int(counted["read"]) - left_out
        alone = sourced.alone(gone.without(looked), conf, items, users)
        there = links.lately(spark, conf.root, tables.EVENTS, last.events,
                             lambda m: clean.latest_us(c, instant_us(m.as_of)), back)  # fmt: skip
        looked = d.materialise(_told_apart(alone, there.where(f"time > {back}")), "alone")
    judged, new = looked.where(near), looked.where("NOT _same").drop("_same")
    who = d.materialise(new.where(near).where("reject_reason IS NULL").select("user_id").distinct(), "who")
    before = d.materialise(links.had(spark, conf.root, tables.EVENTS, last.events, who), "before")
    beside = d.materialise(_beside(new, before), "beside")
    verdict = verdicts.verdict(beside.transform(in_order.over_users(c, last.events.buckets or 1)), "events", True)
    frame = d.materialise(verdict.where(f"_old OR {near}"), "verdict", "_rejected")
    events, _ = quarantine.settled(_judged(frame, read, rows), conf, d, known(spark, conf, pinned, gone))
    fresh = events.frame.where("NOT _old")
    mine = replace(events, frame=fresh, refused=collect.counts(fresh.where("_rejected"), "reject_reason"))
    again, came = collect.count(judged.where("_same")), collect.count(fresh.where("NOT _rejected"))
    if read != again + came + mine.lost:
        raise DataError("D352", f"{read} rows read, {again} known, {came} new and {mine.lost} refused: some are lost "
                        "or doubled", "table events", "please report it")  # fmt: skip
    told = _told(int(counted["before"]), last, mine, came)
    today = _of_today(mine, last, told)
    quarantine.bearable(today, c, conf.as_of_us, least=0)
    told["today"] = {"rows": today.rows, "faults": sum(n for r, n in today.refused.items() if r not in tables.CHOSEN)}
    with readable(c.events, "clean.events"):
        refused = quarantine.rejects(mine, (items, users), d)
        commit(refused, t, tables.REJECTS, rows_in=mine.lost + items.lost + users.lost, facts=gone.facts)
    links.again(spark, t, tables.CORE, pinned[tables.CORE], gone)
    commit(verdicts.accepted(items.frame, tables.ITEMS), t, tables.ITEMS, rows_in=items.rows, rows_rejected=items.lost,
           facts={"rejected": items.refused, **quarantine.cut(items)})  # fmt: skip
    were = read_version(spark, conf.root, tables.USERS, last.users)
    people = commit(_everybody(conf, gone.without(were), users, judged), t, tables.USERS,
                    facts={"source": users.rows} | gone.left_out(users.erased))  # fmt: skip
    moved = events.frame.groupBy("user_id").agg(
        F.bool_or(F.expr("_old = _rejected")).alias("_moved"), F.count_if(F.expr("NOT _rejected")).alias("_left")
    )
    moved = d.materialise(moved.where("_moved").drop("_moved"), "moved")
    stay = events.frame.where("NOT _rejected").join(moved, "user_id", "left_semi")
    (left,) = collect.rows(moved.agg(F.count("*").alias("moved"), F.count_if(F.expr("_left = 0")).alias("emptied")))
    anew, told["moved"] = gone.frame if gone.met(were) else None, left["moved"]
    facts_ = facts(spark, conf, pinned, int(counted["settled"])) | told | {
        "rejected": mine.refused, "conflicts": mine.refused.get("conflicting_event_id", 0),
        "rules": in_order.ledger(c, read, mine.refused), "corrupt_files": list(source.corrupt_files),
        "told": {"read": f"{read:,}", "new": f"{came:,}", "late beyond the horizon": f"{told['late'] or 0:,}",
                 "users moved": f"{told['moved']:,}", "users": f"{people.rows_out:,}"},
    }  # fmt: skip
    moved = moved.select("user_id") if anew is None else moved.select("user_id").unionByName(anew)
    # Who has no row in the new link is read from the old ones: without any row left they are in no link.
    longest = conf.daily.compact if anew is None and not left["emptied"] else 0
    return links.extend(spark, t, tables.EVENTS, last.events, moved, stay.select(*tables.EVENTS.names), longest,
                        facts=facts_ | gone.left_out(left_out), were=before, rows_in=read,
                        rows_rejected=mine.lost)  # fmt: skip


def _told_apart(rows: DataFrame, there: DataFrame) -> DataFrame:
    """Rows judged alone, with `_same`: among the events that are `there`."""
    known_ = there.select("user_id", "row_hash").withColumn("_same", F.lit(True))
    same = F.coalesce("_same", F.lit(False)) & F.col("reject_reason").isNull()
    return rows.join(known_, ["user_id", "row_hash"], "left").withColumn("_same", same)


def _beside(new: DataFrame, before: DataFrame) -> DataFrame:
    """Judged rows that are not known yet, and all known events of their users (`before`), told apart by `_old`."""
    made = {"_tie": F.col("row_hash"), "_known_user": F.lit(True)}
    nothing = [F.lit(None).cast(f.dataType).alias(f.name) for f in new.schema.fields
               if f.name not in (*tables.EVENTS.names, *made)]  # fmt: skip
    old = before.select(*tables.EVENTS.names, *[column.alias(name) for name, column in made.items()], *nothing)
    return new.withColumn("_old", F.lit(False)).unionByName(old.withColumn("_old", F.lit(True)))


def _judged(frame: DataFrame, rows_in: int, source: DataFrame) -> Judged:
    return Judged(frame, rows_in, collect.counts(frame.where("_rejected"), "reject_reason"), source=source)


def _of_today(mine: Judged, last: Yesterday, told: dict[str, Any]) -> Judged:
    """Refusals without the undated ones that were refused yesterday too."""
    old = last.events.facts.get("undated", sum(last.events.facts["rejected"].get(r, 0) for r in _UNDATED))
    refused = dict(mine.refused)
    for reason in _UNDATED:
        gone = min(old, refused.get(reason, 0))
        refused[reason], old = refused.get(reason, 0) - gone, old - gone
    return replace(mine, refused={r: n for r, n in refused.items() if n},
                   rows=max(mine.rows - told["undated"], 0) + sum(refused.get(r, 0) for r in _UNDATED))  # fmt: skip


def _told(before: int, last: Yesterday, mine: Judged, new: int) -> dict[str, Any]:
    """read, new, undated, and late: rows that came too late to be taken in (null where nobody counted before). before:
    rows of the source until the instant that is looked back to."""
    settled, late = last.events.facts.get("settled"), None
    if settled is not None and settled["us"] == last.since:
        late = max(before - settled["rows"], 0)
    return {"read": mine.rows, "new": new, "late": late,
            "undated": sum(mine.refused.get(reason, 0) for reason in _UNDATED)}  # fmt: skip


def _until(conf: Config) -> int:
    """The instant that tomorrow looks back to."""
    return conf.as_of_us - conf.daily.horizon_days * DAY_US


def _everybody(conf: Config, were: DataFrame, users: Judged, judged: DataFrame) -> DataFrame:
    """USERS: the register, whoever was there yesterday, whoever left a trace today."""
    c = conf.clean
    only_known = c.users is not None and c.unknown_users == "reject"
    known_ = were.select("user_id", F.lit(True).alias("_known_user"))
    traces = judged.select("user_id", "_known_user").unionByName(known_)
    return verdicts.everybody(verdicts.accepted(users.frame, tables.USERS), traces, only_known)


def _own(c: CleanConfig) -> str:
    return _rules(c.model_dump(mode="json"))


def _rules(clean: Any) -> str:
    """What EVENTS are cleaned by: all of the section but where the sources lie and what is only said."""
    kept = {k: v for k, v in (clean or {}).items() if k not in ("items", "users", "max_reject_share", "fit_before")}
    if isinstance(kept.get("events"), dict):
        kept["events"] = {k: v for k, v in kept["events"].items() if k not in _WHERE}
    return digest(kept)


def _like(conf: Config, pinned: Fitted) -> dict[str, str]:
    return {"rules": _own(conf.clean), "core": pinned[tables.CORE].fingerprint}
