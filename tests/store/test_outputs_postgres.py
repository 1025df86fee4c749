"""Copies into a PostgreSQL server of the test's own: its driver comes by Spark's conf, as for whoever submits a job."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.store.lists import world

JAR = next((p for p in map(Path, (os.environ.get("LSTMREC_POSTGRES_JAR", ""), "/usr/share/java/postgresql.jar"))
            if p.is_file()), None)  # fmt: skip
BIN = max(Path("/usr/lib/postgresql").glob("*/bin"), default=None)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BIN is None, reason="no server: apt-get install postgresql"),
    pytest.mark.skipif(JAR is None, reason="no JDBC driver: apt-get install libpostgresql-jdbc-java"),
]
ROOT = Path(__file__).resolve().parents[2]
#: What a process that copies does: a first version by Spark's own table, then whatever is owed.
COPY = """
import json, sys
from pathlib import Path
from pyspark.sql import SparkSession
from lstmrec import files
from lstmrec.contracts import tables
from lstmrec.contracts.errors import LstmrecError
from lstmrec.store import outputs
from lstmrec.config.load import validate
from lstmrec import versions

conf = validate(json.loads(sys.argv[1]))
manifest = versions.current(conf.root, tables.RECOMMENDATIONS)
spark = SparkSession.builder.master("local[2]").getOrCreate()
for verb in sys.stdin:
    try:
        if verb == "older\\n":
            lists = outputs.read_version(spark, conf.root, tables.RECOMMENDATIONS, manifest)
            rows = outputs.copied(lists, conf.score.output, "older")
            outputs._jdbc(spark, rows, conf.score.output.jdbc, "older")
        if verb == "again\\n":
            files.remove(files.join(conf.root, "_copies"))
        if verb in ("write\\n", "again\\n"):
            outputs.write(spark, conf, manifest)
        print("done", outputs.owed(conf, manifest), flush=True)
    except LstmrecError as error:
        print(error.code, str(error).replace("\\n", " "), flush=True)
"""


class Server:
    """A server with one user, `shop`, whose password is asked for."""

    def __init__(self, port: int) -> None:
        self.url, self._port = f"jdbc:postgresql://127.0.0.1:{port}/postgres", port

    def sql(self, text: str) -> list[list[str]]:
        done = subprocess.run(
            ["psql", "-h", "127.0.0.1", "-p", str(self._port), "-U", "shop", "-d", "postgres", "-At", "-v",
             "ON_ERROR_STOP=1", "-c", text], env={**os.environ, "PGPASSWORD": "s3cret"}, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return [line.split("|") for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    assert BIN is not None
    folder = Path(tempfile.mkdtemp(prefix="pg"))  # pytest's own folders are closed to other users
    who: dict[str, Any] = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.getuid() == 0 else {}
    if who:
        shutil.chown(folder, "postgres", "postgres")
    secret = folder / "password"
    secret.write_text("s3cret")
    secret.chmod(0o644)
    asked = [
        "-D",
        str(folder / "data"),
        "-U",
        "shop",
        "-A",
        "scram-sha-256",
        "--pwfile",
        str(secret),
        "-N",
        "-E",
        "UTF8",
    ]
    subprocess.run([BIN / "initdb", *asked], cwd="/", check=True, capture_output=True, **who)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = ("listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off", f"port={port}")
    command = [BIN / "postgres", "-D", str(folder / "data"), *(x for s in settings for x in ("-c", s))]
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen(command, cwd="/", stdout=log, stderr=log, **who)
    try:
        ready = [BIN / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)]
        while subprocess.run(ready, check=False).returncode:
            assert process.poll() is None, (folder / "log").read_text()
            time.sleep(0.1)
        yield Server(port)
    finally:
        process.send_signal(signal.SIGINT)  # to servers: end now, in order
        process.wait()
        shutil.rmtree(folder)


@contextmanager
def copier(conf: Any) -> Iterator[Any]:
    """A process of its own, to be told what to do line by line; killed at the end, whatever it is at."""
    given = {
        "PYSPARK_SUBMIT_ARGS": f"--conf spark.jars={JAR} --conf spark.ui.enabled=false --conf spark.log.level=OFF "
        "--conf spark.sql.shuffle.partitions=4 --conf spark.sql.adaptive.enabled=false "
        "--conf spark.driver.memory=512m pyspark-shell",
        "SHOP_PASSWORD": "s3cret", "PYTHONPATH": str(ROOT),
    }  # fmt: skip
    asked = json.dumps(conf.model_dump(mode="json"))
    process = subprocess.Popen([sys.executable, "-c", COPY, asked], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               env={**os.environ, **given}, text=True, start_new_session=True)  # fmt: skip
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def told(process: Any, verb: str) -> str:
    process.stdin.write(verb + "\n")
    process.stdin.flush()
    return str(process.stdout.readline()).strip()


def jdbc(server: Server, table: str, **more: Any) -> dict[str, Any]:
    return {"url": server.url, "table": table, "user": "shop", "password_env": "SHOP_PASSWORD", **more}


def test_a_killed_copy_is_completed_and_no_row_is_there_twice(server: Server, tmp_path: Path) -> None:
    conf, manifest = world(tmp_path / "root", jdbc=jdbc(server, "lists"), explode=True)
    version = manifest.version
    want = sorted(
        [name, f"u{u}", str(r + 1), f"i{u + r}"] for name in ("model", "knn") for u in range(5) for r in range(u)
    )

    def there(whose: str) -> list[list[str]]:
        return sorted(server.sql(f"SELECT recommender, user_id, rank, item_id FROM lists WHERE version = '{whose}'"))

    with copier(conf) as first:
        assert told(first, "older") == "done ['jdbc']"
        assert there("older") == want
        assert told(first, "older") == "done ['jdbc']" and there("older") == want
        # One row never ends: its task hangs in a transaction, the others commit theirs.
        server.sql("CREATE FUNCTION hang() RETURNS trigger LANGUAGE plpgsql AS "
                   "$$ BEGIN PERFORM pg_sleep(3600); RETURN NEW; END $$")  # fmt: skip
        server.sql("CREATE TRIGGER hang BEFORE INSERT ON lists FOR EACH ROW WHEN (NEW.recommender = 'knn' AND "
                   "NEW.user_id = 'u4' AND NEW.rank = 4) EXECUTE FUNCTION hang()")  # fmt: skip
        first.stdin.write("write\n")
        first.stdin.flush()
        while not there(version) or not server.sql("SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'"):
            assert first.poll() is None
            time.sleep(0.2)
        os.killpg(first.pid, signal.SIGKILL)
    server.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'")
    server.sql("DROP TRIGGER hang ON lists")
    half = there(version)
    assert 0 < len(half) < len(want)
    with copier(conf) as second:
        assert told(second, "write") == "done []" and there(version) == want
        assert told(second, "again") == "done []" and there(version) == want
        assert there("older") == want
        server.sql("DELETE FROM lists WHERE user_id = 'u3'; ALTER TABLE lists ADD CHECK (user_id <> 'u3')")
        refused = told(second, "again")
        assert refused.startswith("R721") and "check constraint" in refused


def test_a_table_of_ones_own_with_a_key_and_json(server: Server, tmp_path: Path) -> None:
    server.sql("""CREATE SCHEMA shop; CREATE TABLE shop.lists (
        version text, recommender text, role text, user_id text, reason text, history int, model text, as_of bigint,
        items jsonb, PRIMARY KEY (version, recommender, role, user_id))""")
    url = server.url + "?stringtype=unspecified"  # text may become jsonb
    conf, _ = world(tmp_path / "root", jdbc={**jdbc(server, "shop.lists"), "url": url})
    with copier(conf) as one:
        assert told(one, "write") == "done []"
        assert told(one, "again") == "done []"
    found = server.sql(
        "SELECT recommender, user_id, jsonb_array_length(items), items -> 0 ->> 'item_id' FROM shop.lists"
    )
    assert sorted(found) == sorted(
        [name, f"u{u}", str(u), f"i{u}" if u else ""] for name in ("model", "knn") for u in range(5)
    )


def test_a_wrong_password_is_said_so(server: Server, tmp_path: Path) -> None:
    conf, _ = world(tmp_path / "root", jdbc={**jdbc(server, "more"), "user": "nobody"})
    with copier(conf) as one:
        refused = told(one, "write")
    assert refused.startswith("R721") and "password" in refused and "s3cret" not in refused
