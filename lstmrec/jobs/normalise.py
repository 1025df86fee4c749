"""s3_normalise: ids and scalers fitted on train rows, and the catalogue and everybody as numbers."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from pyspark.sql import SparkSession

from lstmrec.config.run import Config
from lstmrec.contracts import tables
from lstmrec.contracts.ids import FIRST
from lstmrec.contracts.manifest import Manifest
from lstmrec.frames import normalise
from lstmrec.store import collect, door
from lstmrec.store.commit import commit
from lstmrec.store.read import read
from lstmrec.store.work import desk

NEEDS = (tables.SPLIT, tables.ITEMS, tables.USERS)
GIVES = (tables.VOCABULARY, tables.SCALERS, tables.ENCODED_USERS, tables.ENCODED_ITEMS)
SECTIONS = ("seed", "normalise", "clean.items", "clean.users")
VERSION = 1
SPARK = True


def run(spark: SparkSession, conf: Config) -> Manifest:
    """Commits VOCABULARY, SCALERS, ENCODED_USERS, ENCODED_ITEMS; their facts hold the sizes of the model's inputs."""
    t = door.ticket(sys.modules[__name__], conf)
    c = conf.normalise
    attributes = conf.clean.users.attributes if conf.clean.users else []
    names = [*(conf.clean.items.numeric if conf.clean.items else {}), *([normalise.PRICE] if c.price else [])]
    split, users = (read(spark, conf.root, table) for table in (tables.SPLIT, tables.USERS))
    with desk(t) as d:
        fitted = normalise.fit_catalogue(split, read(spark, conf.root, tables.ITEMS), c, conf.seed)
        catalogue = d.materialise(fitted, "catalogue")
        words = d.materialise(
            normalise.fit_vocabulary(split, catalogue, users, attributes, c.min_tag_count), "vocabulary"
        )
        sizes = collect.counts(words, "feature")
        scalers = normalise.fit_scalers(
            [r.asDict() for r in collect.rows(normalise.moments(catalogue, names, c.log_numeric))], names, c.log_numeric
        )
        static = [FIRST + sizes.get(f"user:{a}", 0) for a in attributes]
        commit(words, t, tables.VOCABULARY, facts={"types": FIRST + sizes.get("event_type", 0)})
        commit(spark.createDataFrame(scalers, tables.SCALERS.ddl).coalesce(1), t, tables.SCALERS)
        commit(normalise.apply_users(users, words, attributes), t, tables.ENCODED_USERS,
               facts={"static": static, "static_names": attributes})  # fmt: skip
        encoded = d.materialise(normalise.apply_items(catalogue, words, scalers, c), "encoded")
        items, trained = collect.count(encoded), collect.count(encoded.where("id > 1"))
        facts = {
            "catalogue": FIRST + items,
            "trained": FIRST + trained,
            "tags": FIRST + sizes["tag"] if "tag" in sizes else 0,
            "text": FIRST + c.text_buckets if c.text_buckets else 0,
            "numeric": 2 * len(names),
            "numeric_names": [*names, *(f"{n} missing" for n in names)],
            "told": {"trained": f"{trained:,}", "tags": f"{sizes.get('tag', 0):,}"},
        }
        return commit(encoded, t, tables.ENCODED_ITEMS, facts=facts)


def main(argv: Sequence[str] | None = None) -> int:
    """What spark-submit calls."""
    return door.main(sys.modules[__name__], argv)
