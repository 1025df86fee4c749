"""Lists of another run's root: read by contract, and only where both runs asked the same of the same users."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from lstmrec import versions
from lstmrec.config import blends
from lstmrec.config.recommenders import Table
from lstmrec.config.run import Config
from lstmrec.contracts import tables
from lstmrec.contracts.errors import DataError
from lstmrec.contracts.manifest import Manifest
from lstmrec.store.read import read_version


def sources(conf: Config) -> dict[str, str]:
    """What identifies the lists of other runs."""
    return {f"source:lists.{e.name}": manifest(e).fingerprint for e in blends.tables(conf.score.recommenders)}


def manifest(entry: Table) -> Manifest:
    """That of the other run's RECOMMENDATIONS; DataError D104 or D105 where there are none."""
    if entry.version is None:
        return versions.current(entry.root, tables.RECOMMENDATIONS)
    return versions.load(entry.root, tables.RECOMMENDATIONS, entry.version)


@dataclass(frozen=True)
class Another:
    """Calling it reads."""

    spark: SparkSession
    conf: Config

    def __call__(self, entry: Table) -> DataFrame:
        """role, user_id, items, reason of the roles that are scored here.

        DataError D740 where the other run's now or its cuts (with whom and how much they leave to each role) are not
        this run's, so that its lists may have seen what is judged here; D741 where it has no such lists.
        """
        found, roles = manifest(entry), self.conf.score.roles
        where = f"score.recommenders: {entry.name} · {entry.root} {found.version}"
        cuts = versions.current(self.conf.root, tables.CUTS).fingerprint
        theirs, ours = {"as_of": found.as_of}, {"as_of": self.conf.as_of}
        if set(roles) - {"serve"}:
            theirs, ours = theirs | {"cuts": found.parents.get("cuts", "none")}, ours | {"cuts": cuts}
        if wrong := [f"{key} is {theirs[key]}, here {ours[key]}" for key in ours if theirs[key] != ours[key]]:
            raise DataError("D740", f"lists of another split: {'; '.join(wrong)}", where,
                            "score that run with the same clean and split sections, and the same as_of")  # fmt: skip
        there = {(f.partition["recommender"], f.partition["role"]) for f in found.files}
        if lost := [role for role in roles if (entry.recommender, role) not in there]:
            known = ", ".join(sorted(f"{name} {role}" for name, role in there))
            raise DataError("D741", f"no lists of {entry.recommender} for {', '.join(lost)}", where, f"it has {known}")
        rows = read_version(self.spark, entry.root, tables.RECOMMENDATIONS, found,
                            where={"recommender": entry.recommender})  # fmt: skip
        return rows.where(F.col("role").isin(list(roles))).select("role", "user_id", "items", "reason")
