"""What travels from the driver to the workers: names and numbers, no arrays. Standard library only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Options:
    """root and the versions of bundle and item vectors to load; k items a list; rows a batch is padded to; items a
    block of the top-K; the folder of the rules about items (none: every item may be shown), and how many items of each
    capped tag a list may hold. least: in carry modes, entries without which a list has to be made again. because:
    (events named, newest events left out in turn) for reasons, (0, 0) for none."""

    root: str
    bundle: str
    items: str = ""
    k: int = 10
    rows: int = 256
    block: int = 4096
    rules: str = ""
    most: tuple[int, ...] = ()
    least: int = 0
    because: tuple[int, int] = (0, 0)


#: Items a pass of the item tower. A chunk is [0, CHUNK), [CHUNK, 2 CHUNK) ... of the catalogue however Spark cuts it,
#: and every pass has the same number of rows, so that vectors do not depend on partitions.
CHUNK = 1024
#: Columns of ENCODED_ITEMS that the item tower looks at.
ENCODED = ("item", "item_id", "id", "count", "tags", "text", "numeric", "vectors")
#: Columns of ITEM_VECTORS that the item tower makes.
VECTORS = ("item", "item_id", "vector", "bias")
#: Columns of SEQUENCES that scoring looks at.
COLUMNS = (
    "user_id", "user", "length", "before", "n", "items", "types", "times", "ends", "before_items", "before_counts",
    "before_times", "before_decayed", "cut", "static", "profile",
)  # fmt: skip
#: Columns that `score.filters` adds to them: the user's segment (where rules depend on it), and the items hidden from
#: the user (where it is not the net's own history term that says so).
SEGMENT, HIDDEN = "segment", "hidden"
#: Columns of the rules about items: `frames.filters` makes them, `scoring.shown` reads them.
RULES = ("item", "everybody", "segments", "pin", "caps")


def looked_at(switches: Mapping[str, Any]) -> list[str]:
    """The columns of COLUMNS that a net of these switches (its model.json) looks at when it scores: what it does not
    need is not read, and not sent to Python."""
    learn = switches["history"] == "learn"
    needs = {
        "user": False, "ends": False, "types": switches["use_types"], "times": switches["use_time"] or learn,
        "before_items": switches["history"] != "ignore", "before_counts": learn, "before_times": learn,
        "before_decayed": learn, "cut": learn, "static": switches["use_static"], "profile": switches["use_profile"],
    }  # fmt: skip
    return [name for name in COLUMNS if needs.get(name, True)]


#: Moves with the code that reads events: states and tables of another number have other last bits.
READING = 2
_TABLE_BYTES = 512 << 20  # what a host's page cache has for a table beside the matrix and the executors


def tabled(switches: Mapping[str, Any], items: int) -> bool:
    """Whether a net of these switches (its model.json) reads events with a table (`model.cell.table`) of so many items:
    the input's product is at least half of a step's, and the table is small enough to stay in memory. A net with
    attention is read in another way."""
    narrow = switches["units"] <= switches["dim"] and not switches["attention"]
    return bool(narrow and items * 4 * switches["units"] * 4 <= _TABLE_BYTES)


LISTS_DDL = "user_id string, items array<struct<item_id:string,score:float,rank:int>>, known boolean"
_REASONS = "array<array<struct<item_id:string,influence:float>>>"
#: Lists with their reasons (aligned with items), and the seconds of a core that list and reasons took.
REASONED_DDL = f"{LISTS_DDL}, because array<string>, reasons {_REASONS}, list_s double, because_s double"
LABELLED_DDL = "user_id string, offset int, rank int, surprise double"
#: What `worker_faithful` says of a user: sums over items.
FAITHFUL_DDL = ("key bigint, items int, curves array<double>, reasoned int, newest int, chance double, same int, "
                "pairs int, agreement double")  # fmt: skip
PLACES_DDL = ("key bigint, ranker string, among string, targets int, candidates int, percentile double, "
              "recall_10 double, recall_100 double")  # fmt: skip
VECTORS_DDL = "item int, item_id string, vector array<float>, bias float"
_DEEP = "items array<struct<item_id:string,score:double>>, complete boolean"
#: What users did since their states (and these), or a `query` to rank again (and its state); `known`: what USER_STATES
#: says of their events and demographics, which goes through the worker as it is. What the worker makes of it is
#: USER_STATES.
FED = ("user_id", "items", "types", "times", "last", "had", "static", "profile", "state", "query", "known")
KNOWN = ("events", "last", "fed", "static")
ADVANCED_DDL = ("user_id string, events int, last bigint, fed bigint, static bigint, state binary, "
                f"query binary, {_DEEP}")  # fmt: skip
#: What becomes of a list when the catalogue moves: it is as it was, it has moved, or too little is left of it.
KEPT, MOVED, SPENT = "kept", "moved", "spent"
MERGED_DDL = f"user_id string, {_DEEP}, became string"
MOVABLE_DDL = "user_id string"
