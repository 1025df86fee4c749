"""Where the cuts of a split lie that the config gives as shares of the events: a look at how many there are an hour."""

from __future__ import annotations

from pyspark.sql import DataFrame

from lstmrec.config.split import SplitConfig
from lstmrec.contracts.errors import DataError
from lstmrec.frames import holdout, split
from lstmrec.store import collect


def find(events: DataFrame, conf: SplitConfig, as_of_us: int) -> split.Cuts:
    """The cuts of the config over EVENTS. Shares are exact to the second, without a sort: two small histograms each.

    DataError D323 where no event has a time.
    """
    if conf.by != "time" or not (conf.test_share or conf.validation_share):
        return split.cuts(conf, as_of_us)
    hours = _histogram(events, None)
    total = sum(n for _, n in hours)
    if not total:
        raise DataError("D323", "no event has a time: there is no share to cut", "split.test_share")
    test = None
    if conf.test_share:
        test = _latest(events, None, hours, holdout.needed(conf.test_share, total))
    at = split.cuts(conf, as_of_us, test)
    if not conf.validation_share:
        return at
    until = at.end("test")  # not its start: validation's share is of what the gap leaves
    validation = _latest(events, until, _histogram(events, until), holdout.needed(conf.validation_share, total))
    return split.cuts(conf, as_of_us, test, validation)


def _histogram(events: DataFrame, until_us: int | None) -> list[tuple[int, int]]:
    found = collect.rows(holdout.counts(events, until_us, holdout.HOUR_US))
    return [(int(r["start"]), int(r["n"])) for r in found]


def _latest(events: DataFrame, until_us: int | None, hours: list[tuple[int, int]], need: int) -> int:
    """The latest second from which on `need` events lie before until_us."""
    hour, after = holdout.latest(hours, need)
    seconds = collect.rows(holdout.counts(events, until_us, holdout.SECOND_US, hour))
    return holdout.latest([(int(r["start"]), int(r["n"])) for r in seconds], need - after)[0]
