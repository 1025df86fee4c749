"""Lists of 100 items and what users did next, in our tables' form and one row a pair.

    python prepare.py DATA --users 140000 --items 20000 --targets 10

About a third of the users have a target in their list. Nothing is made where it is there already.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

LENGTH, ROWS = 100, 20_000


def drawn(start: int, n: int, items: int, targets: int) -> tuple[np.ndarray, list[np.ndarray]]:
    """(n, LENGTH) distinct items best first, and each user's distinct targets."""
    rng = np.random.default_rng(start)
    step = rng.integers(1, items - 1, n) * 2 + 1
    step = np.where(np.gcd(step, items) == 1, step, 1)
    lists = (rng.integers(0, items, n)[:, None] + np.arange(LENGTH) * step[:, None]) % items
    later = []
    for mine in lists:
        often = mine[rng.permutation(LENGTH)[: rng.integers(0, 3)]] if rng.random() < 0.4 else mine[:0]
        later.append(np.unique(np.concatenate([often, rng.integers(0, items, rng.integers(1, targets - 1))]))[:targets])
    return lists, later


def text(items: np.ndarray) -> pa.Array:
    return pa.array(np.char.add("item-", items.astype(str)).astype(object), pa.string())


def make(data: Path, users: int, items: int, targets: int) -> None:
    mark = data / f"ready-{users}-{items}-{targets}"
    if mark.exists():
        return
    shutil.rmtree(data, ignore_errors=True)
    for name in ("recommendations", "split", "pairs", "truth"):
        (data / name).mkdir(parents=True)
    for part, start in enumerate(range(0, users, ROWS)):
        n = min(ROWS, users - start)
        lists, later = drawn(start, n, items, targets)
        who = np.arange(start, start + n)
        flat, score = lists.ravel(), np.tile(np.arange(LENGTH, 0, -1, dtype=np.float32), n)
        rank = pa.array(np.tile(np.arange(1, LENGTH + 1, dtype=np.int32), n))
        structs = pa.StructArray.from_arrays([text(flat), pa.array(score), rank], ["item_id", "score", "rank"])
        offsets = pa.array(np.arange(n + 1, dtype=np.int32) * LENGTH)
        user = pa.array([f"user-{u}" for u in who])
        name = f"part-{part}.parquet"
        pq.write_table(pa.table({"user_id": user, "items": pa.ListArray.from_arrays(offsets, structs)}),
                       data / "recommendations" / name)  # fmt: skip
        pq.write_table(pa.table({"user_id": np.repeat(who, LENGTH), "item_id": flat, "rating": score.astype(float)}),
                       data / "pairs" / name)  # fmt: skip
        owner = np.repeat(who, [len(x) for x in later])
        wanted = np.concatenate(later)
        pq.write_table(pa.table({"user_id": owner, "item_id": wanted}), data / "truth" / name)
        pq.write_table(pa.table({"user_id": pa.array([f"user-{u}" for u in owner]), "item_id": text(wanted)}),
                       data / "split" / name)  # fmt: skip
    mark.touch()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    for name, value in (("users", 140_000), ("items", 20_000), ("targets", 10)):
        parser.add_argument(f"--{name}", type=int, default=value)
    args = parser.parse_args()
    make(args.data, args.users, args.items, args.targets)


if __name__ == "__main__":
    main()
