"""Files that are empty, cut, flipped or gone: named, or made again, and never taken for good ones."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lstmrec import lookup, versions
from lstmrec.contracts import tables
from lstmrec.contracts.errors import DataError
from tests import made
from tests.faults import scenes
from tests.faults.tally import Tally

Record = Callable[[str, Any], None]
HARMS = ("empty", "cut", "gone")


def harm(path: Path, how: str) -> None:
    data = bytearray(path.read_bytes())
    if how == "gone":
        path.unlink()
        return
    if how == "flip":
        data[len(data) // 2] ^= 1
    path.write_bytes(data[: {"empty": 0, "cut": len(data) // 2}.get(how, len(data))])


def files_of(root: Path, table: str) -> dict[str, Path]:
    """What a table's newest version is made of: its files, its manifest, the entry of `head`."""
    version = versions.log(str(root), table)[-1]
    listed = {p.name: p for p in sorted((root / table / version).rglob("*")) if p.is_file() and p.name[0] != "."}
    name = sorted((root / table / "_names" / "head").glob("*.json"))[-1]
    return {n: p for n, p in listed.items() if n != "_SUCCESS"} | {"the name": name}


def broken(root: Path, place: Path, table: str) -> Iterator[tuple[str, str]]:
    """Each file in turn damaged in each way, from a fresh copy of `root` at `place`: (what, how)."""
    for what in files_of(root, table):
        for how in HARMS:
            shutil.rmtree(place, ignore_errors=True)
            shutil.copytree(root, place)
            harm(files_of(place, table)[what], how)
            yield what, how


def told_or_good(seen: Callable[[str], Any], root: str, good: tuple[Any, ...]) -> str:
    """A reader gets what was good once, or an error of ours; in words what else it gets."""
    try:
        found = seen(root)
    except DataError:
        return ""
    return "" if found in good else f"a reader finds {found}"


def test_a_damaged_table_is_made_again(tmp_path: Path, record_property: Record) -> None:
    root, place, tally = tmp_path / "root", tmp_path / "broken", Tally()
    scenes.pair(str(root), 1)
    scenes.pair(str(root), 2)
    new = scenes.pair_seen(str(root))
    for table in ("users", "rejects"):
        for what, how in broken(root, place, table):
            scenes.pair(str(place), 2)
            seen = scenes.pair_seen(str(place))
            tally.count(f"damaged: {kind(what)}", "" if seen == new else f"{what} of {table} {how}: {seen}")
    tally.told(record_property)


def kind(what: str) -> str:
    return {"the name": "name", "_MANIFEST.json": "manifest"}.get(what, "data file")


def test_a_damaged_bundle_is_named_and_made_again(tmp_path: Path, record_property: Record) -> None:
    root, place, tally = tmp_path / "root", tmp_path / "broken", Tally()
    scenes.bundle_old(str(root))
    old = scenes.bundle_seen(str(root))
    scenes.bundle(str(root), 2)
    new = scenes.bundle_seen(str(root))
    for what, how in broken(root, place, "bundle"):
        wrong = told_or_good(scenes.bundle_seen, str(place), (old, new))
        scenes.bundle(str(place), 2)
        wrong = wrong or ("" if scenes.bundle_seen(str(place)) == new else "another bundle")
        tally.count(f"damaged: {kind(what)}", wrong and f"{what} of the bundle {how}: {wrong}")
    tally.told(record_property)


def test_a_flipped_bit_of_a_bundle_is_named(tmp_path: Path) -> None:
    scenes.bundle_old(str(tmp_path))
    harm(files_of(tmp_path, "bundle")["weights.safetensors"], "flip")
    with pytest.raises(DataError, match=r"(?s)D106.*weights\.safetensors"):
        scenes.bundle_seen(str(tmp_path))


def test_damaged_publications(tmp_path: Path, record_property: Record) -> None:
    root, place, tally = tmp_path / "root", tmp_path / "broken", Tally()
    scenes.published(str(root))
    scenes.publishes(str(root))
    entries = [sorted((root / "_published").glob("*.json"))[-1],
               *(sorted((root / t.name / "_names" / "live").glob("*.json"))[-1] for t in scenes.THREE)]  # fmt: skip
    for entry in entries:
        for how in HARMS:
            shutil.rmtree(place, ignore_errors=True)
            shutil.copytree(root, place)
            harm(place / entry.relative_to(root), how)
            wrong = (
                "" if set(scenes.live(str(place)).values()) <= {"v1", "v2"} else "live is nothing that was published"
            )
            scenes.publishes(str(place))
            wrong = wrong or (
                "" if set(scenes.live(str(place)).values()) == {"v2"} else "publishing again does not help"
            )
            tally.count("damaged: name", wrong and f"{entry} {how}: {wrong}")
    tally.told(record_property)


@pytest.mark.parametrize("how", [*HARMS, "flip"])
def test_a_damaged_file_is_named_to_who_looks_a_user_up(tmp_path: Path, how: str) -> None:
    manifest = made.put(tmp_path, tables.SPLIT, made.SPLIT)
    path = tmp_path / "split" / "v1" / "data" / "part-0.parquet"
    pq.write_table(pa.concat_tables([pq.read_table(path)] * 400), path, write_page_checksum=True, compression="none",
                   use_dictionary=False)  # fmt: skip
    assert len(lookup.select(str(tmp_path), manifest, ["user_id"])) == 400 * len(made.SPLIT)
    harm(path, how)
    with pytest.raises(DataError, match=r"(?s)D825.*part-0\.parquet"):
        lookup.select(str(tmp_path), manifest, tables.SPLIT.names)
