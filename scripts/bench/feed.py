"""Rows a second of the two readers of the trainer, against plain pyarrow reading the same files into numpy.

    python scripts/bench/feed.py [--quick] [--json PATH]

Files as s5 writes them (one row group, zstd, page checksums), just written and so in the page cache: this measures
decoding and hand-over, not a disk. The readers take turns, and each is given its best of several rounds.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lstmrec.training.arrow_feed import ArrowFeed
from lstmrec.training.feed import VERIFIES_PAGES, Columns, FileRead, open_parquet
from lstmrec.training.petastorm_feed import PetastormFeed

COLUMNS = ["user", "items", "gap"]


def write(folder: Path, files: int, rows: int, length: int) -> list[FileRead]:
    rng = np.random.default_rng(0)
    offsets = pa.array(np.arange(rows + 1, dtype=np.int32) * length)
    found = []
    for i in range(files):
        items = (3000 * rng.random(rows * length) ** 2).astype(np.int32)
        gap = rng.integers(0, 500, rows * length).astype(np.float32)
        table = pa.table(
            {
                "user": pa.array(rng.permutation(rows).astype(np.int32)),
                "items": pa.ListArray.from_arrays(offsets, pa.array(items)),
                "gap": pa.ListArray.from_arrays(offsets, pa.array(gap)),
            }
        )
        path = folder / f"part-{i:05}.parquet"
        checksums = {"write_page_checksum": True} if VERIFIES_PAGES else {}
        pq.write_table(table, path, compression="zstd", **checksums)
        found.append(FileRead(str(path), rows))
    return found


def plain(files: list[FileRead], length: int, verify: bool) -> int:
    """The floor: pyarrow and a reshape, in one thread, nothing checked and nothing read ahead."""
    rows = 0
    for file in files:
        with open_parquet(file.path) if verify else pq.ParquetFile(file.path) as opened:
            table = opened.read(columns=COLUMNS, use_threads=False)
        columns: Columns = {"user": table["user"].to_numpy()}
        for name in COLUMNS[1:]:
            columns[name] = table[name].combine_chunks().flatten().to_numpy().reshape(-1, length)
        rows += len(columns["user"])
    return rows


def through(feed: ArrowFeed | PetastormFeed, files: list[FileRead]) -> int:
    return sum(len(item["user"]) for item in feed.read(files, COLUMNS))


def measure(folder: Path, files: int, rows: int, length: int, rounds: int) -> dict[str, float]:
    found = write(folder, files, rows, length)
    readers: dict[str, Callable[[], int]] = {
        "plain": lambda: plain(found, length, verify=False),
        "plain_verified": lambda: plain(found, length, verify=True),
        "arrow": lambda: through(ArrowFeed(), found),
        "petastorm": lambda: through(PetastormFeed(1), found),
        "petastorm_2_workers": lambda: through(PetastormFeed(2), found),
    }
    best = dict.fromkeys(readers, 0.0)
    for _ in range(rounds):
        for name, read in readers.items():
            start = time.perf_counter()
            count = read()
            seconds = time.perf_counter() - start
            if count != files * rows:
                raise SystemExit(f"{name} returned {count:,} of {files * rows:,} rows")
            best[name] = max(best[name], count / seconds)
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a few seconds")
    parser.add_argument("--json", type=Path, help="write the figures there too")
    parser.add_argument("--length", type=int, default=50, help="list length")
    args = parser.parse_args()
    files, rows, rounds = (8, 5_000, 3) if args.quick else (40, 10_000, 7)
    with tempfile.TemporaryDirectory() as folder:
        best = measure(Path(folder), files, rows, args.length, rounds)
    print(f"{files} files of {rows:,} rows, {args.length} int32 and {args.length} float32 a row, best of {rounds}")
    print(f"{'reader':<22}{'rows/s':>12}{'of plain':>10}")
    for name, rate in best.items():
        print(f"{name:<22}{rate:>12,.0f}{rate / best['plain']:>10.2f}")
    facts = {
        "rows": files * rows,
        "length": args.length,
        **{f"{name}_rows_per_s": round(rate) for name, rate in best.items()},
        "ratio_petastorm_arrow": round(best["petastorm"] / best["arrow"], 3),
        "ratio_petastorm_plain": round(best["petastorm"] / best["plain"], 3),
        "ratio_arrow_plain": round(best["arrow"] / best["plain"], 3),
    }
    line = json.dumps(facts)
    if args.json:
        args.json.write_text(line + "\n", encoding="utf-8")
    print(line)


if __name__ == "__main__":
    main()
