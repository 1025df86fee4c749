"""Rows a second of the two readers of the trainer, against plain pyarrow reading the same files into numpy.

    python scripts/bench/feed.py [--quick] [--conf FILE] [--json PATH]

Files as s5 writes them (one row group, zstd, page checksums), just written and so in the page cache: this measures
decoding and hand-over, not a disk. The readers take turns, and each is given its best of several rounds. Beside them
petastorm's own BatchedDataLoader, on stand-ins for what today's pyarrow has dropped and otherwise as it ships, in a
process of its own; it may lose rows, which are counted. With --conf also the train files of one epoch, and the
columns, that a trainer with this config reads. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lstmrec import files, versions
from lstmrec.config.load import load
from lstmrec.contracts import tables
from lstmrec.training.arrow_feed import ArrowFeed
from lstmrec.training.batches import COLUMNS
from lstmrec.training.feed import VERIFIES_PAGES, Columns, FileRead, open_parquet
from lstmrec.training.petastorm_compat import LocalFiles, needs_stand_ins, put_stand_ins
from lstmrec.training.petastorm_feed import PetastormFeed
from lstmrec.training.plan import make_plan

SYNTHETIC = ("user", "items", "gap")


@dataclass(frozen=True)
class Took:
    """Rows that came, seconds until the first of them, seconds in all."""

    rows: int
    first: float
    seconds: float


Reader = Callable[[list[FileRead], Sequence[str]], Took]


def timed(items: Iterable[Any]) -> Took:
    """Use a stream of columns up."""
    began, first, rows = time.perf_counter(), 0.0, 0
    for item in items:
        first = first or time.perf_counter() - began
        rows += len(item["user"])
    return Took(rows, first, time.perf_counter() - began)


def plain(found: list[FileRead], columns: Sequence[str], verify: bool) -> Iterable[Columns]:
    """The floor: pyarrow and a reshape, in one thread, nothing checked and nothing read ahead."""
    for file in found:
        with open_parquet(file.path) if verify else pq.ParquetFile(file.path) as opened:
            table = opened.read(columns=list(columns), use_threads=False)
        out = {}
        for name in columns:
            column = table[name].combine_chunks()
            is_list = pa.types.is_list(column.type)
            out[name] = column.flatten().to_numpy().reshape(len(column), -1) if is_list else column.to_numpy()
        yield out


def own_loader(found: list[FileRead], columns: Sequence[str]) -> Took:
    """petastorm's BatchedDataLoader; only in a process where nothing has mended petastorm."""
    put_stand_ins()
    from petastorm import make_batch_reader
    from petastorm.pytorch import BatchedDataLoader

    def items() -> Iterable[Any]:
        reader = make_batch_reader(
            ["file://" + file.path for file in found], schema_fields=[f"{name}$" for name in columns], workers_count=1,
            shuffle_row_groups=False, num_epochs=1, filesystem=LocalFiles() if needs_stand_ins() else None,
        )  # fmt: skip
        try:
            yield from BatchedDataLoader(reader, batch_size=1024)
        finally:
            reader.stop()
            reader.join()

    return timed(items())


def measure(found: list[FileRead], columns: Sequence[str], rounds: int, own: bool) -> dict[str, Took]:
    """The best of several rounds of each reader."""
    readers: dict[str, Reader] = {
        "plain": lambda f, c: timed(plain(f, c, verify=False)),
        "plain_verified": lambda f, c: timed(plain(f, c, verify=True)),
        "arrow": lambda f, c: timed(ArrowFeed().read(f, c)),
        "petastorm": lambda f, c: timed(PetastormFeed(1).read(f, c)),
        "petastorm_2_workers": lambda f, c: timed(PetastormFeed(2).read(f, c)),
    }
    total = sum(file.rows for file in found)
    best: dict[str, Took] = {}
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as aside:
        if own:
            readers["petastorm_own_loader"] = lambda f, c: aside.submit(own_loader, f, c).result()
        for _ in range(rounds):
            for name, read in readers.items():
                took = read(found, columns)
                if took.rows != total and name != "petastorm_own_loader":
                    raise SystemExit(f"{name} returned {took.rows:,} of {total:,} rows")
                if name not in best or took.rows / took.seconds > best[name].rows / best[name].seconds:
                    best[name] = took
    return best


def write(folder: Path, count: int, rows: int, length: int) -> list[FileRead]:
    rng = np.random.default_rng(0)
    offsets = pa.array(np.arange(rows + 1, dtype=np.int32) * length)
    found = []
    for i in range(count):
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


def trained_on(path: str) -> list[FileRead]:
    """The files of a config's first epoch, in the order in which one rank reads them."""
    conf = load([path])
    sequences = versions.current(conf.root, tables.SEQUENCES)
    place = str(files.local(files.join(versions.folder(conf.root, sequences.table, sequences.version), "data")))
    plan = make_plan(sequences.files, seed=conf.seed, epoch=0, shards=conf.train.shards, batch=conf.train.batch)
    return [FileRead(files.join(place, plan.files[i].path), plan.files[i].rows)
            for i in plan.reads(range(conf.train.shards))]  # fmt: skip


def told(best: dict[str, Took], found: list[FileRead], title: str) -> dict[str, float]:
    """Print a table, and the same as facts."""
    total = sum(file.rows for file in found)
    print(f"{title}: {len(found)} files, {total:,} rows")
    print(f"{'reader':<22}{'rows/s':>12}{'of plain':>10}{'first, ms':>11}{'lost':>7}")
    rates = {name: took.rows / took.seconds for name, took in best.items()}
    for name, took in best.items():
        print(f"{name:<22}{rates[name]:>12,.0f}{rates[name] / rates['plain']:>10.2f}{took.first * 1000:>11.1f}"
              f"{total - took.rows:>7}")  # fmt: skip
    facts: dict[str, float] = {"rows": total, **{f"{name}_rows_per_s": round(rate) for name, rate in rates.items()}}
    facts |= {f"{name}_first_s": round(took.first, 5) for name, took in best.items()}
    if "petastorm_own_loader" in rates:
        facts["ratio_petastorm_own_loader"] = round(rates["petastorm"] / rates["petastorm_own_loader"], 3)
    return facts | {
        "ratio_petastorm_arrow": round(rates["petastorm"] / rates["arrow"], 3),
        "ratio_petastorm_plain": round(rates["petastorm"] / rates["plain"], 3),
        "ratio_arrow_plain": round(rates["arrow"] / rates["plain"], 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a few seconds")
    parser.add_argument("--conf", help="a config whose sequences exist: their train files too")
    parser.add_argument("--json", type=Path, help="write the figures there too")
    parser.add_argument("--length", type=int, default=50, help="list length")
    args = parser.parse_args()
    count, rows, rounds = (8, 5_000, 3) if args.quick else (40, 10_000, 7)
    with tempfile.TemporaryDirectory() as folder:
        found = write(Path(folder), count, rows, args.length)
        title = f"synthetic, {args.length} int32 and {args.length} float32 a row, best of {rounds}"
        facts: dict[str, Any] = {"length": args.length, **told(measure(found, SYNTHETIC, rounds, True), found, title)}
    if args.conf:
        found = trained_on(args.conf)
        facts["trained"] = told(measure(found, COLUMNS, rounds, False), found, f"{args.conf}, best of {rounds}")
    line = json.dumps(facts)
    if args.json:
        args.json.write_text(line + "\n", encoding="utf-8")
    print(line)


if __name__ == "__main__":
    main()
