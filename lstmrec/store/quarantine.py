"""Judged rows on the desk: how many came, how many were refused and why, and whether that is still bearable."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from lstmrec.config.clean import CleanConfig, Source
from lstmrec.config.run import Config
from lstmrec.contracts.errors import DataError
from lstmrec.contracts.tables import CHOSEN, EVENTS, Table
from lstmrec.frames import clean, core, outliers, repeats, verdicts
from lstmrec.store import collect, iterate, layout
from lstmrec.store.commit import Staged, Ticket, stage
from lstmrec.store.source import readable
from lstmrec.store.work import Desk

_VERDICT = "`reject_reason` string, `reject_value` string, `_row` string, `_source` string, `_rejected` boolean"
_TIMES = ("too_early", "future", "bad_timestamp")
_UNITS = {"s": 1_000_000.0, "ms": 1_000.0, "us": 1.0, "ns": 0.001}


@dataclass(frozen=True)
class Judged:
    """Rows with their verdict, read back. rows: rows of the source. refused: reason -> rows. staged: where these lie
    as EVENTS that are not sealed yet. accepted: the accepted ones, where a plainer plan than `frame` gives them.
    source: its rows, where refused ones are to be looked up again. erased: rows left out, of users to be forgotten."""

    frame: DataFrame
    rows: int
    refused: dict[str, int]
    staged: Staged | None = None
    accepted: DataFrame | None = None
    source: DataFrame | None = None
    erased: int = 0

    @property
    def lost(self) -> int:
        return sum(self.refused.values())


@dataclass(frozen=True)
class Known:
    """CORE as it was fitted, on events before an instant (microseconds; null: all, or none is known)."""

    core: DataFrame
    before: int | None


def judged(source: Source, key: str, rows: DataFrame, verdict: DataFrame, desk: Desk) -> Judged:
    """Write the verdict once, accepted and refused rows in folders of their own, and count from read-back; the source
    is counted apart, so that a row lost or doubled on the way shows at the commit. Files that cannot be read are
    errors of the source (its config key)."""
    with readable(source, key):
        frame = desk.materialise(verdict, key.rpartition(".")[2], "_rejected")
        return Judged(frame, collect.count(rows), _reasons(frame))


def judged_events(source: Source, key: str, rows: DataFrame, verdict: Callable[[int], DataFrame],
                  ticket: Ticket, counted: DataFrame | None = None) -> Judged:  # fmt: skip
    """As `judged`, written as EVENTS right away, refused rows apart from it. verdict: of how many buckets. counted:
    the rows of the source that are looked at, where these are not all."""
    with readable(source, key):
        rows_in = collect.count(rows if counted is None else counted)
        many = layout.buckets(rows.sparkSession, rows_in)
        staged = stage(verdict(many), ticket, EVENTS, apart="_rejected", buckets=many)
        return Judged(staged.whole, rows_in, _reasons(staged.whole), staged, source=rows)


def staged(first: Judged, settled: Judged, ticket: Ticket) -> Staged:
    """EVENTS as they were settled: the version that was staged first where nothing has changed, else a new one."""
    assert first.staged is not None
    if settled.frame is first.frame:
        return first.staged
    frame = verdicts.accepted(settled.frame if settled.accepted is None else settled.accepted, EVENTS)
    return stage(frame, ticket, EVENTS, buckets=layout.buckets(frame.sparkSession, first.rows))


def rejects(events: Judged, others: Sequence[Judged], desk: Desk) -> DataFrame:
    """REJECTS rows of events and others, each with its source row. Events that a rule over many rows refused are looked
    up in the source once more (errors of which meet whoever writes these rows): all events would otherwise have had to
    travel with their source row."""
    frame = events.frame.where(F.col("_rejected"))
    late = frame.where(F.col("_row").isNull()).select("_tie")
    if events.source is not None and not collect.empty(late):
        ties = desk.materialise(late.distinct(), "ties")  # in files of their own, whose size tells how to join them
        frame = verdicts.with_rows(frame, ties, events.source)
    out = verdicts.rejects(frame)
    for other in others:
        out = out.union(verdicts.rejects(other.frame))
    return out


def nothing(spark: SparkSession, contract: Table) -> Judged:
    """What a source that is not configured gives."""
    return Judged(spark.createDataFrame([], f"{contract.ddl}, {_VERDICT}"), 0, {})


def settled(events: Judged, conf: Config, desk: Desk, known: Known | None = None
            ) -> tuple[Judged, iterate.Fitted]:  # fmt: skip
    """The verdict that wants the whole log: users set aside for their many events, then bots and the core.

    Both are rare, and neither reads the log where it is not asked for. What is fitted is a table, so that later events
    can be judged by it without looking at the log again: `known` is what was fitted on an earlier day. Sessions are
    numbered among the events that stay: all that a later day knows of.
    """
    c, spark = conf.clean, events.frame.sparkSession
    before = known.before if known else core.fit_before_us(c, conf.split, conf.as_of_us)
    fitted = iterate.nobody(spark)
    if "over_cap" in events.refused:
        aside = F.coalesce(F.col("reject_reason") == "over_cap", F.lit(False))
        cap = outliers.capped(c.bots.max_events, before, c.fit_before == core.ALL)
        hot = desk.materialise(events.frame.where(F.col("_rejected") & aside).transform(cap), "hot", "_rejected")
        frame = events.frame.where(~aside).unionByName(hot)
        events = replace(events, frame=frame, refused=_reasons(frame))
        fitted = replace(fitted, frame=outliers.as_fitted(hot))
    if core.asks(c) or known:
        if known:
            more = iterate.Fitted(known.core, known.core.where(~F.col("kept")))
        else:
            more = iterate.fit(events.frame.where(~F.col("_rejected")), c, before, desk)
        if known and collect.empty(more.out):
            return events, more
        fitted = more if known else replace(more, frame=fitted.frame.unionByName(more.frame))
        accepted, refused = events.frame.where(~F.col("_rejected")), events.frame.where(F.col("_rejected"))
        late = accepted.transform(core.refuse_outside(more.out)).where(F.col("_rejected")).drop("_rejected")
        late = desk.materialise(late, "outside").withColumn("_rejected", F.lit(True))
        stay = accepted.transform(core.inside(more.out))
        if c.session_gap_minutes:
            stay = stay.transform(repeats.with_sessions(c.session_gap_minutes))
        frame = stay.unionByName(refused).unionByName(late)
        events = replace(events, frame=frame, refused=_reasons(refused.unionByName(late)), accepted=stay)
    return events, fitted


def bearable(events: Judged, conf: CleanConfig, as_of_us: int, least: int = 1) -> None:
    """DataError D310 where a larger share of the event rows is refused than the config bears (what it chose to leave
    out, duplicates among it, is no fault of the rows), D311 where fewer than `least` are left."""
    faults = {reason: n for reason, n in events.refused.items() if reason not in CHOSEN}
    top = ", ".join(f"{reason} {n:,}" for reason, n in list(faults.items())[:5])
    refused = sum(faults.values())
    rate, share = refused / max(events.rows, 1), conf.max_reject_share
    if rate > share:
        raise DataError("D310", f"quarantine rate {rate:.1%} > {share:.1%}: {refused:,} of {events.rows:,} event rows "
                        "refused", f"clean.events · {top}", _unit_hint(events, conf, as_of_us) or
                        "mend the source or the rule, or raise clean.max_reject_share")  # fmt: skip
    if events.rows - events.lost < least:
        top = ", ".join(f"{reason} {n:,}" for reason, n in list(events.refused.items())[:5])
        raise DataError("D311", f"no event is left of {events.rows:,} rows",
                        f"clean.events · {top or 'the source is empty'}", "see clean.events.where")  # fmt: skip


def told(events: Judged, users: int) -> dict[str, str]:
    """What the job's line says."""
    top = ", ".join(f"{reason} {n:,}" for reason, n in list(events.refused.items())[:3])
    return {
        "of": f"{events.rows:,}",
        "rejected": f"{events.lost:,}" + (f" ({top})" if top else ""),
        "users": f"{users:,}",
    }


def cut(items: Judged) -> dict[str, int]:
    """Accepted items whose tags or text were cut, or of whose vectors one could not be used."""
    flags = [c for c in ("_cut_tags", "_cut_text", "_bad_vector") if c in items.frame.columns]
    if not flags:
        return {}
    (row,) = collect.rows(items.frame.where(~F.col("_rejected")).agg(*[F.count_if(c).alias(c[1:]) for c in flags]))
    return {name: n for name, n in row.asDict().items() if n}


def _reasons(frame: DataFrame) -> dict[str, int]:
    return collect.counts(frame.where("_rejected"), "reject_reason")


def _unit_hint(events: Judged, conf: CleanConfig, as_of_us: int) -> str:
    """Where most refused times are numbers that would do in another unit: how to say so."""
    faults = sum(events.refused.get(reason, 0) for reason in _TIMES)
    if not faults or conf.events.time is None:
        return ""
    number = F.expr("try_cast(reject_value as double)")
    earliest, latest = clean.earliest_us(conf), clean.latest_us(conf, as_of_us)
    fits = [F.count_if((number * step).between(earliest, latest)).alias(unit) for unit, step in _UNITS.items()]
    (row,) = collect.rows(events.frame.where("_rejected").where(F.col("reject_reason").isin(*_TIMES)).agg(*fits))
    unit, most = max(row.asDict().items(), key=lambda pair: int(pair[1]))
    if most * 2 <= faults:
        return ""
    return f"these times look like {unit}: --set clean.events.time_unit={unit}"
