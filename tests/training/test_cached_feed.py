from __future__ import annotations

import threading
import time
import uuid
from pathlib import Path

import fsspec
import pytest

from lstmrec.contracts.errors import DataError
from lstmrec.training.arrow_feed import ArrowFeed
from lstmrec.training.cache import Cache
from lstmrec.training.cached_feed import CachedFeed
from lstmrec.training.comm import Solo
from lstmrec.training.feed import Feed, FileRead
from lstmrec.training.loop import train
from lstmrec.training.petastorm_feed import PetastormFeed
from tests.training.parts import COLUMNS, same, write_parts
from tests.training.tables import config, write_all


def upload(folder: Path) -> str:
    """The folder's URL in a file system in memory, where it was copied."""
    url = f"memory://{uuid.uuid4().hex}"
    fs, inner = fsspec.core.url_to_fs(url)
    fs.put(f"{folder}/", inner, recursive=True)
    return url


def feeds(folder: Path) -> list[tuple[Feed, int]]:
    return [(ArrowFeed(rank=2), 10**9), (PetastormFeed(rank=2), 10**9), (ArrowFeed(rank=2), 10_000)]


@pytest.mark.parametrize("kind", [0, 1, 2])
def test_remote_files_read_like_local_ones(tmp_path: Path, kind: int) -> None:
    (tmp_path / "x").mkdir()
    files, wanted = write_parts(tmp_path / "x", 40)
    url = upload(tmp_path / "x")
    inner, limit = feeds(tmp_path)[kind]
    cache = Cache(tmp_path / "cache", limit)
    feed = CachedFeed(inner, cache, rank=2)
    before = threading.active_count()
    order = [*range(40), 3, 3, 0]
    for _ in range(2):
        reads = [FileRead(f"{url}/part-{i:03}.parquet", files[i].rows) for i in order]
        got = list(feed.read(reads, COLUMNS))
        assert len(got) == len(order) and all(same(g, wanted[i]) for g, i in zip(got, order, strict=True))
    assert sum(p.stat().st_size for p in cache.folder.rglob("*.parquet")) <= limit
    assert threading.active_count() <= before + 1  # the one that fetches


def test_errors_name_the_remote_file_and_a_damaged_copy_goes(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    files, _ = write_parts(tmp_path / "x", 3)
    url = upload(tmp_path / "x")
    feed = CachedFeed(ArrowFeed(rank=2), Cache(tmp_path / "cache", 10**9), rank=2)
    reads = [FileRead(f"{url}/part-{i:03}.parquet", f.rows) for i, f in enumerate(files)]
    assert len(list(feed.read(reads, COLUMNS))) == 3
    feed.cache.find(reads[1].path).place.write_bytes(b"PAR1 no more")
    with pytest.raises(DataError) as error:
        list(feed.read(reads, COLUMNS))
    assert error.value.code == "D612" and error.value.where == f"rank 2 · {reads[1].path}"
    assert len(list(feed.read(reads, COLUMNS))) == 3  # fetched anew
    with pytest.raises(DataError, match="missing") as error:
        list(feed.read([FileRead(f"{url}/none.parquet", 1)], COLUMNS))
    assert error.value.where == f"rank 2 · {url}/none.parquet"


def test_what_is_wanted_later_comes_in_the_background(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    write_parts(tmp_path / "x", 4)
    url = upload(tmp_path / "x")
    cache = Cache(tmp_path / "cache", 10**9)
    feed = CachedFeed(ArrowFeed(), cache)
    feed.ahead([f"{url}/none.parquet", f"{url}/part-001.parquet"], [f"{url}/part-000.parquet"])
    deadline = time.monotonic() + 60
    while not cache.find(f"{url}/part-001.parquet").place.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_training_on_a_remote_root_is_training_on_a_local_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LSTMREC_CACHE", str(tmp_path / "cache"))
    write_all(tmp_path / "root", rows=40, files=4)
    url = upload(tmp_path / "root")
    local = train(config(tmp_path / "root"), Solo(), ArrowFeed(), str(tmp_path / "local"))
    work = f"memory://{uuid.uuid4().hex}"
    remote = train(config(url), Solo(), ArrowFeed(), work)  # type: ignore[arg-type]
    with fsspec.open(f"{work}/export/weights.safetensors", "rb") as f:
        assert f.read() == (tmp_path / "local" / "export" / "weights.safetensors").read_bytes()
    assert (remote.ndcg, remote.steps) == (local.ndcg, local.steps)
    assert len(list((tmp_path / "cache" / "files").rglob("*.parquet"))) == 24  # 2 phases and validation, 8 each
