"""s4 of a day: windows and profiles of users whose events moved, and of users who are new; scaled as was fitted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from lstmrec import versions
from lstmrec.config.run import Config
from lstmrec.contracts import tables
from lstmrec.contracts.manifest import Manifest
from lstmrec.frames import affinity, profiles, windows
from lstmrec.store.commit import Ticket, commit
from lstmrec.store.daily import fitted, links
from lstmrec.store.read import read, read_version
from lstmrec.store.work import Desk


def sources(conf: Config) -> dict[str, str]:
    """Whose scalers are applied."""
    pinned = fitted.of(conf.root)
    return {"scalers": pinned[tables.USER_PROFILES].fingerprint, "bundle": pinned.bundle.fingerprint}


def made(spark: SparkSession, conf: Config, t: Ticket, d: Desk, tags: dict[int, str]) -> Manifest:
    """Commits WINDOWS and USER_PROFILES of role serve, ITEM_PROFILES without a row. tags: of the config's affinities;
    with any everybody's profile is made anew, since an item of an old event may have others today."""
    pinned = fitted.of(conf.root)[tables.USER_PROFILES]
    users = read(spark, conf.root, tables.USERS)
    commit(spark.createDataFrame([], tables.ITEM_PROFILES.ddl), t, tables.ITEM_PROFILES)
    facts = {
        name: versions.current(conf.root, c).version for name, c in (("split", tables.SPLIT), ("users", tables.USERS))
    }
    like = {"fitted": pinned.fingerprint, "max_length": conf.sequence.max_length}
    last = None if tags else _yesterday(conf, like)
    since = None if last is None else _since(spark, conf, last[0].facts)
    if since is None:
        last, split = None, read(spark, conf.root, tables.SPLIT)
    else:
        split, new = since
        who = d.materialise(split.select("user_id").unionByName(new).distinct(), "moved")
        users = users.join(who, "user_id", "left_semi")
    placed = windows.windows(split, users, conf.sequence, conf.seed).drop("short")
    placed = d.materialise(placed, "windows")
    masks = affinity.masks(read(spark, conf.root, tables.ENCODED_ITEMS), list(tags)) if tags else None
    scalers = [profiles.Scaler(*s) for s in pinned.facts["scalers"]]
    known = profiles.encode(profiles.raw(split, placed, conf.profile, masks, len(tags)), scalers)
    made_, whole = facts | like, {"width": pinned.facts["width"], "scalers": pinned.facts["scalers"]}
    if last is None:
        commit(placed, t, tables.WINDOWS, facts=made_ | {"left_out": 0})
        return commit(known, t, tables.USER_PROFILES, facts=made_ | whole)
    of_windows, of_profiles = last
    links.extend(spark, t, tables.WINDOWS, of_windows, who, placed, conf.daily.compact, facts=made_ | {"left_out": 0})
    return links.extend(spark, t, tables.USER_PROFILES, of_profiles, who, known, conf.daily.compact,
                        facts=made_ | whole)  # fmt: skip


def _yesterday(conf: Config, like: dict[str, object]) -> tuple[Manifest, Manifest] | None:
    """(WINDOWS, USER_PROFILES) of one run, to go on from."""
    chain = versions.current(conf.root, tables.SPLIT).facts.get("chain", ())
    if conf.daily.whole or not chain:
        return None

    def fits(m: Manifest) -> bool:
        return m.facts.get("split") in chain and all(m.facts.get(k) == v for k, v in like.items())

    made = [links.before(conf.root, c, conf.as_of_us, fits) for c in (tables.WINDOWS, tables.USER_PROFILES)]
    if made[0] is None or made[1] is None or made[0].skip_key != made[1].skip_key:
        return None
    return made[0], made[1]


def _since(spark: SparkSession, conf: Config, facts: Mapping[str, Any]) -> tuple[DataFrame, DataFrame] | None:
    """(rows of SPLIT of users with other events than in tables of these facts, user_id of users who were not there);
    None where nobody knows."""
    split = versions.current(conf.root, tables.SPLIT)
    rows = links.since(spark, conf.root, tables.SPLIT, split, facts["split"])
    if rows is None or not versions.stands(conf.root, tables.USERS.name, facts["users"]):
        return None
    then = versions.load(conf.root, tables.USERS, facts["users"])
    was = read_version(spark, conf.root, tables.USERS, then).select("user_id")
    return rows, read(spark, conf.root, tables.USERS).select("user_id").join(was, "user_id", "left_anti")
