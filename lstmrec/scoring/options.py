"""What travels from the driver to the workers: names and numbers, no arrays. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Options:
    """root and the versions of bundle and item vectors to load; k items a list; rows a batch is padded to; items a
    block of the top-K."""

    root: str
    bundle: str
    items: str = ""
    k: int = 10
    rows: int = 64
    block: int = 16384


#: Items a pass of the item tower. A chunk is [0, CHUNK), [CHUNK, 2 CHUNK) ... of the catalogue however Spark cuts it,
#: and every pass has the same number of rows, so that vectors do not depend on partitions.
CHUNK = 1024
#: Columns of ENCODED_ITEMS that the item tower looks at.
ENCODED = ("item", "item_id", "id", "count", "tags", "text", "numeric")
#: Columns of SEQUENCES that scoring looks at.
COLUMNS = (
    "user_id", "user", "length", "before", "n", "items", "types", "times", "ends", "before_items", "before_counts",
    "before_times", "before_decayed", "cut", "static", "profile",
)  # fmt: skip
LISTS_DDL = "user_id string, items array<struct<item_id:string,score:float,rank:int>>, known boolean"
