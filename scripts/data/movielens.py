"""MovieLens-1M as three Parquet files: ratings, movies, users.

    python scripts/data/movielens.py --from ml-1m.zip --out runs/movielens-1m-source

Reads GroupLens's ml-1m.zip, its unpacked folder (ratings.dat), or the ordered form: a folder with
ratings_ordered.csv.gz (user_id, movie_id, rating, order_in_user; no timestamps), users.dat and movies.dat.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import io
import os
import re
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

_ACCEPTED = (
    "give --from one of: GroupLens's ml-1m.zip; the folder it unpacks to (ratings.dat, movies.dat, users.dat); "
    "a folder with ratings_ordered.csv.gz, movies.dat, users.dat"
)
Opened = Callable[[str], bytes]


def main(argv: list[str] | None = None) -> int:
    """Write OUT/ratings.parquet, movies.parquet, users.parquet; exit code 2 where the source is neither form."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--from", dest="source", default=os.environ.get("LSTMREC_ML1M"), help="default: $LSTMREC_ML1M")
    parser.add_argument("--out", default="runs/movielens-1m-source")
    args = parser.parse_args(argv)
    if not args.source:
        print(f"no source: set LSTMREC_ML1M or {_ACCEPTED}", file=sys.stderr)
        return 2
    try:
        names, opened = source(Path(args.source))
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    ratings = ordered(opened) if "ratings_ordered.csv.gz" in names else timed(opened)
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    for name, table in (("ratings", ratings), ("movies", movies(opened)), ("users", users(opened))):
        write(table, out / f"{name}.parquet")
        print(f"{out / name}.parquet: {table.num_rows:,} rows")
    return 0


def source(place: Path) -> tuple[set[str], Opened]:
    """File names there and how to read one; ValueError saying what is accepted where it is neither form."""
    if place.is_dir():
        names = {p.name for p in place.iterdir()}

        def opened(name: str) -> bytes:
            return (place / name).read_bytes()

    elif zipfile.is_zipfile(place):
        inside = {Path(n).name: n for n in zipfile.ZipFile(place).namelist()}
        names = set(inside)

        def opened(name: str) -> bytes:
            with zipfile.ZipFile(place) as packed:
                return packed.read(inside[name])

    else:
        raise ValueError(f"{place} is neither a folder nor a zip file: {_ACCEPTED}")
    if not {"movies.dat", "users.dat"} <= names or not names & {"ratings.dat", "ratings_ordered.csv.gz"}:
        raise ValueError(f"{place} does not hold MovieLens-1M (found {sorted(names)[:8]}): {_ACCEPTED}")
    return names, opened


def timed(opened: Opened) -> pa.Table:
    """Ratings of ratings.dat: `timestamp` in seconds, `position` by time, equal times in the order of the file."""
    rows = [(int(u), int(m), int(r), int(t)) for u, m, r, t in fields(opened("ratings.dat"))]
    rows.sort(key=lambda row: (row[0], row[3]))
    position, before = [], None
    for user, *_ in rows:
        position.append(0 if user != before else position[-1] + 1)
        before = user
    return _ratings(rows, [row[3] for row in rows], position)


def ordered(opened: Opened) -> pa.Table:
    """Ratings of the ordered form: no timestamp; no position for ratings whose order was not kept."""
    text = io.StringIO(gzip.decompress(opened("ratings_ordered.csv.gz")).decode())
    read = list(csv.DictReader(text))
    rows = [(int(r["user_id"]), int(r["movie_id"]), int(r["rating"])) for r in read]
    return _ratings(rows, [None] * len(rows), [int(r["order_in_user"]) if r["order_in_user"] else None for r in read])


def movies(opened: Opened) -> pa.Table:
    """movie_id, title without its year, year, genres."""
    rows = []
    for movie, title, genres in fields(opened("movies.dat")):
        year = re.search(r"\s*\((\d{4})\)\s*$", title)
        rows.append(
            (int(movie), title[: year.start()] if year else title, int(year[1]) if year else None, genres.split("|"))
        )
    columns = list(zip(*rows, strict=True))
    schema = pa.schema(
        {"movie_id": pa.int32(), "title": pa.string(), "year": pa.int32(), "genres": pa.list_(pa.string())}
    )
    return pa.table([pa.array(c, f.type) for c, f in zip(columns, schema, strict=True)], schema=schema)


def users(opened: Opened) -> pa.Table:
    """user_id, gender, age (the lower end of its bracket), occupation (a code)."""
    rows = [(int(u), gender, int(age), int(job)) for u, gender, age, job, _ in fields(opened("users.dat"))]
    columns = list(zip(*rows, strict=True))
    schema = pa.schema({"user_id": pa.int32(), "gender": pa.string(), "age": pa.int32(), "occupation": pa.int32()})
    return pa.table([pa.array(c, f.type) for c, f in zip(columns, schema, strict=True)], schema=schema)


def fields(data: bytes) -> Iterator[list[str]]:
    """Rows of a `::` file, ISO-8859-1 as GroupLens writes it."""
    for line in data.decode("iso-8859-1").split("\n"):
        if line.strip():
            yield line.rstrip("\r").split("::")


def write(table: pa.Table, path: Path) -> None:
    """Whole or not at all; the same bytes for the same rows."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    pq.write_table(table, temporary)
    os.replace(temporary, path)


def _ratings(rows: list[tuple[int, ...]], timestamp: list[int | None], position: list[int | None]) -> pa.Table:
    user, movie, rating = (pa.array([row[n] for row in rows], pa.int32()) for n in range(3))
    names = ["user_id", "movie_id", "rating", "timestamp", "position"]
    return pa.table([user, movie, rating, pa.array(timestamp, pa.int64()), pa.array(position, pa.int32())], names)


if __name__ == "__main__":
    sys.exit(main())
