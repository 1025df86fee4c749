"""An S3 server on loopback: files, versions, names, leases, lists and a training, and writers who race for one name.

The server takes one request at a time, so that a race is decided by its answer and not by a gap of the server's own.
What Spark itself reads and writes there needs the cluster's S3A connector and is not played here.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest

from lstmrec import files, lookup, versions
from lstmrec.cli import lock
from lstmrec.contracts import tables
from lstmrec.contracts.errors import ConfigError, DataError, ResourceError
from lstmrec.store import places
from lstmrec.training.arrow_feed import ArrowFeed
from lstmrec.training.comm import Solo
from lstmrec.training.loop import train
from tests import made
from tests.training.tables import config, write_all

s3fs = pytest.importorskip("s3fs")
pytest.importorskip("moto")
BUCKET = "s3://lake"
IGNORES = [False]


@pytest.fixture(scope="module", autouse=True)
def server() -> Iterator[None]:
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Quiet(WSGIRequestHandler):
        def log(self, *_: object, **__: object) -> None:
            pass

    app = DomainDispatcherApplication(create_backend_app)

    def answer(environ: Any, start: Any) -> Any:
        if IGNORES[0]:
            environ.pop("HTTP_IF_NONE_MATCH", None)
        return app(environ, start)

    running = make_server("127.0.0.1", 0, answer, threaded=False, request_handler=Quiet)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{running.server_port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "a")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "b")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        s3fs.S3FileSystem.clear_instance_cache()
        fsspec.filesystem("s3").mkdir("lake")
        yield
        s3fs.S3FileSystem.clear_instance_cache()
    running.shutdown()


def upload(folder: Path, url: str) -> str:
    fs = fsspec.filesystem("s3")
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        fs.put_file(str(path), files.join(url, str(path.relative_to(folder))))
    return url


def race(racers: int, act: Any) -> list[Any]:
    """What each of so many threads got, all let go at once."""
    gate, got = threading.Barrier(racers), []

    def one(n: int) -> None:
        gate.wait()
        got.append((n, act(n)))

    threads = [threading.Thread(target=one, args=(n,)) for n in range(racers)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return sorted(got)


def test_create_is_only_where_nothing_is() -> None:
    assert files.create(f"{BUCKET}/c/x", b"first") and not files.create(f"{BUCKET}/c/x", b"second")
    assert files.read_text(f"{BUCKET}/c/x") == "first" and files.exists(f"{BUCKET}/c/x")
    assert files.create(f"{BUCKET}/c0/x", b"") and not files.create(f"{BUCKET}/c0/x", b""), "not even where it is empty"
    assert files.names(f"{BUCKET}/c") == ["x"] and files.walk(f"{BUCKET}/c") == {"x": 5}
    assert files.sha256(f"{BUCKET}/c/x").startswith("a7937b64b8")
    assert files.names(f"{BUCKET}/none") == [] and files.whole_json(f"{BUCKET}/c/none") is None
    files.remove(f"{BUCKET}/c")
    assert not files.exists(f"{BUCKET}/c/x")


def test_an_unfinished_folder_is_told_until_it_is_finished() -> None:
    other = s3fs.S3FileSystem(skip_instance_cache=True)  # another process: what it writes is in no listing of ours
    other.pipe_file("lake/days/1/a.parquet", b"x")
    folders = (f"{BUCKET}/days/1", f"{BUCKET}/days/*", "s3a://lake/days/1/")
    for path in folders:
        with pytest.raises(DataError, match="D313"):
            places.finished(path, path, "clean.events")
    other.pipe_file("lake/days/1/_SUCCESS", b"")
    for path in (*folders, f"{BUCKET}/days/1/a.parquet"):
        places.finished(path, path, "clean.events")
    with pytest.raises(ConfigError, match="C309"):
        places.finished("abfs://y/z", "abfs://y/z", "clean.events")


def test_of_two_writers_who_race_one_wins_each_time() -> None:
    for n in range(20):
        place = f"{BUCKET}/race/{n}"
        won = [i for i, ok in race(2, lambda i, place=place: files.create(place, b"%d" % i)) if ok]
        assert len(won) == 1 and files.read_text(place) == str(won[0])


def test_a_version_is_sealed_once_and_no_entry_of_a_name_is_lost() -> None:
    root = f"{BUCKET}/versions"

    def seal(_: int) -> str:
        try:
            return versions.seal(root, made.manifest(tables.EVENTS, "v1")).version
        except ResourceError as error:
            return error.code

    assert sorted(got for _, got in race(3, seal)) == ["R102", "R102", "v1"]
    race(6, lambda n: versions.append(root, "events", f"w{n}", "live"))
    assert sorted(versions.log(root, "events", "live")) == [f"w{n}" for n in range(6)]
    assert versions.current(root, tables.EVENTS).version == "v1"


@pytest.mark.timeout(120)
def test_one_run_a_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "BEAT_S", 0.2)
    with lock.locked(f"{BUCKET}/lease", "1"):
        with pytest.raises(ResourceError, match="locked by run 1") as caught, lock.locked(f"{BUCKET}/lease", "2"):
            pass
        assert caught.value.code == "R105"
    with lock.locked(f"{BUCKET}/lease", "3"):
        assert files.names(f"{BUCKET}/lease/_lease") == ["000000", "000001"]


def test_a_store_that_does_not_keep_what_is_there_is_refused() -> None:
    IGNORES[0] = True
    try:
        with pytest.raises(ConfigError, match="overwrites") as caught, lock.locked(f"{BUCKET}/careless", "1"):
            pass
    finally:
        IGNORES[0] = False
    assert caught.value.code == "C035"


def test_rows_are_read_where_they_lie(tmp_path: Path) -> None:
    local = made.put(tmp_path, tables.SPLIT, made.SPLIT)
    root = upload(tmp_path, f"{BUCKET}/rows")
    assert versions.current(root, tables.SPLIT) == local and versions.lies_there(root, tables.SPLIT, local)
    assert lookup.select(root, local, tables.SPLIT.names) == lookup.select(str(tmp_path), local, tables.SPLIT.names)


def test_a_training_reads_it_and_leaves_the_same_bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LSTMREC_CACHE", str(tmp_path / "cache"))
    write_all(tmp_path / "root", rows=8, validation=4, phases=1, files=1)
    root, few = upload(tmp_path / "root", f"{BUCKET}/training"), {"epochs": 2, "checkpoint_steps": 2}
    here = train(config(tmp_path / "root", **few), Solo(), ArrowFeed(), str(tmp_path / "work"))
    there = train(config(root, **few), Solo(), ArrowFeed(), f"{BUCKET}/work")  # type: ignore[arg-type]
    assert (there.ndcg, there.steps) == (here.ndcg, here.steps)
    weights = tmp_path / "work" / "export" / "weights.safetensors"
    assert files.sha256(f"{BUCKET}/work/export/weights.safetensors") == files.sha256(str(weights))


def test_a_damaged_bundle_is_named(tmp_path: Path) -> None:
    root = f"{BUCKET}/bundle"
    files.create(f"{root}/bundle/v1/model.json", json.dumps({"a": 1}).encode())
    sealed = versions.seal_files(root, made.manifest(tables.BUNDLE, "v1"))
    assert versions.verify_files(root, sealed) == f"{root}/bundle/v1"
    fsspec.filesystem("s3").pipe_file(f"{root}/bundle/v1/model.json", b'{"a": 2}')
    with pytest.raises(DataError, match="D106"):
        versions.verify_files(root, sealed)
