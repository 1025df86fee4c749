"""What a run tells machines: lines and events, whatever becomes of the place they go to."""

from __future__ import annotations

import json
import threading
import uuid
from datetime import datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lstmrec.contracts import tables
from lstmrec.contracts.errors import ConfigError, DataError
from lstmrec.store.observe import Observer
from tests import made

JOB = SimpleNamespace(__name__="lstmrec.jobs.split", NEEDS=(tables.EVENTS,), GIVES=(tables.SPLIT,), VERSION=3)
CLEAN = SimpleNamespace(__name__="lstmrec.jobs.clean", NEEDS=(), GIVES=(tables.EVENTS,), VERSION=2)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def a_run(observer: Observer, root: Path) -> None:
    """split is made, clean fails."""
    observer.run_began()
    observer.began("split", JOB)
    observer.ended("split", JOB, "ok", 1.5, made.put(root, tables.SPLIT, made.SPLIT, rows_in=9))
    observer.began("clean", CLEAN)
    error = DataError("D012", "column price is text", "item A-991 of mary@example.org")
    observer.ended("clean", CLEAN, "fail", 0.5, error=error)
    observer.run_ended(2.0, error)


def test_every_line_has_run_job_version_and_event(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "run.jsonl"
    a_run(Observer(made.config(tmp_path / "root", operate={"log": str(log)}), "000007"), tmp_path / "root")
    told = lines(log)
    assert [(x["event"], x["job"], x["version"]) for x in told] == [
        ("run_start", "", ""), ("job_start", "split", ""), ("job_end", "split", "v1"), ("job_start", "clean", ""),
        ("job_end", "clean", ""), ("run_end", "", "")]  # fmt: skip
    assert {x["run"] for x in told} == {"000007"} and all(datetime.fromisoformat(x["time"]).tzinfo for x in told)
    assert (told[2]["state"], told[2]["rows_in"], told[2]["rows"]) == ("ok", 9, len(made.SPLIT))
    assert (told[4]["error"], told[5]["error"], told[5]["state"]) == ("D012", "D012", "fail")
    assert "mary" not in log.read_text(), "where an error was may be an id of somebody"


def test_two_runs_add_to_one_file(tmp_path: Path) -> None:
    conf = made.config(tmp_path, operate={"log": f"file://{tmp_path}/run.jsonl"})
    observers = [Observer(conf, str(n)) for n in range(4)]
    threads = [threading.Thread(target=lambda o=o: [o.tell("beat", what="x" * 3000) for _ in range(50)])
               for o in observers]  # fmt: skip
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(lines(tmp_path / "run.jsonl")) == 200


def test_stderr(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Observer(made.config(tmp_path, operate={"log": "stderr"}), "1").tell("published")
    out, err = capsys.readouterr()
    assert out == "" and json.loads(err)["event"] == "published"


def test_lineage_has_what_the_specification_requires(tmp_path: Path) -> None:
    conf = made.config(tmp_path / "root", operate={"lineage": str(tmp_path / "ol.jsonl"), "lineage_namespace": "shop"})
    a_run(Observer(conf, "000007"), tmp_path / "root")
    events = lines(tmp_path / "ol.jsonl")
    assert [(e["eventType"], e["job"]["name"]) for e in events] == [
        ("START", "run"), ("START", "split"), ("COMPLETE", "split"), ("START", "clean"), ("FAIL", "clean"),
        ("FAIL", "run")]  # fmt: skip
    for e in events:
        assert e["schemaURL"].startswith("https://openlineage.io/spec/2-") and e["producer"].startswith("urn:")
        assert datetime.fromisoformat(e["eventTime"]).tzinfo and e["job"]["namespace"] == "shop"
        uuid.UUID(e["run"]["runId"])
        data = [*e["inputs"], *e["outputs"]]
        assert all(d["namespace"] and d["name"] for d in data)
        facets = [*e["run"]["facets"].values(), *e["job"]["facets"].values(), *(f for d in data for f in [
            *d.get("facets", {}).values(), *d.get("outputFacets", {}).values()])]  # fmt: skip
        assert all(f["_producer"] and f["_schemaURL"].startswith("https://openlineage.io/") for f in facets)
    begins, ends = events[1], events[2]
    assert begins["run"]["runId"] == ends["run"]["runId"] != events[3]["run"]["runId"]
    assert ends["run"]["facets"]["parent"]["run"]["runId"] == events[0]["run"]["runId"]
    assert ends["inputs"] == [{"namespace": "file", "name": str(tmp_path / "root" / "events")}]
    (output,) = ends["outputs"]
    assert output["name"].endswith("/split") and output["facets"]["version"]["datasetVersion"] == "v1"
    assert output["outputFacets"]["outputStatistics"]["rowCount"] == len(made.SPLIT)
    assert events[4]["run"]["facets"]["errorMessage"]["message"] == "D012: column price is text"
    assert [d["name"].rsplit("/", 1)[-1] for d in events[3]["inputs"]] == ["none.parquet"]


def test_remote_tables_are_named_by_bucket_and_key(tmp_path: Path) -> None:
    conf = made.config(tmp_path, operate={"lineage": str(tmp_path / "ol.jsonl")})
    Observer(conf.model_copy(update={"root": "s3://lake/shop/run"}), "1").began("split", JOB)
    assert lines(tmp_path / "ol.jsonl")[0]["inputs"] == [{"namespace": "s3://lake", "name": "shop/run/events"}]


class Server(HTTPServer):
    """Keeps what is posted; answers with `status`."""

    status = 201

    def __init__(self) -> None:
        self.got: list[tuple[str, str, Any]] = []
        super().__init__(("127.0.0.1", 0), Handler)


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.got.append((self.path, self.headers.get("Authorization", ""), body))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Any:
    with Server() as s:
        threading.Thread(target=s.serve_forever, daemon=True).start()
        yield s
        s.shutdown()


def test_a_server_gets_each_event_with_its_key(tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"http://127.0.0.1:{server.server_port}/api/v1/lineage"
    conf = made.config(tmp_path, operate={"lineage": url, "lineage_key_env": "SHOP_LINEAGE_KEY"})
    with pytest.raises(ConfigError, match="SHOP_LINEAGE_KEY is not set"):
        Observer(conf, "1")
    monkeypatch.setenv("SHOP_LINEAGE_KEY", "secret")
    Observer(conf, "1").run_began()
    ((path, key, event),) = server.got
    assert (path, key, event["eventType"]) == ("/api/v1/lineage", "Bearer secret", "START")
    assert "secret" not in conf.model_dump_json()


@pytest.mark.parametrize("status", [500, None])
def test_a_server_that_takes_nothing_stops_nobody(tmp_path: Path, server: Server, status: int | None) -> None:
    port = server.server_port if status else 1
    server.status = status or 201
    observer = Observer(made.config(tmp_path, operate={"lineage": f"http://127.0.0.1:{port}/"}), "1")
    with pytest.warns(UserWarning, match=r"operate.lineage takes nothing .*: the run goes on without") as caught:
        observer.run_began()
        observer.run_ended(1.0)
    assert len(caught) == 1 and len(server.got) == (1 if status else 0)


@pytest.mark.parametrize(("key", "value", "said"), [
    ("log", "s3://bucket/log", "cannot be added to"), ("log", "https://x/log", "stderr"),
    ("lineage", "ftp://x/y", "cannot be added to"), ("lineage", "https://me:secret@x/y", "no password in a URL"),
])  # fmt: skip
def test_places_that_cannot_be(tmp_path: Path, key: str, value: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        made.config(tmp_path, operate={key: value})


def test_without_either_nothing_is_read(tmp_path: Path) -> None:
    a_run(Observer(made.config(tmp_path), "1"), tmp_path)
    assert not list(tmp_path.glob("*.jsonl"))
