"""Frames that write as Spark's committer does, and a job of two tables made of them: commits without Spark."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

from lstmrec import files, versions
from lstmrec.config.run import Config
from lstmrec.contracts import tables
from lstmrec.contracts.manifest import Manifest, digest
from lstmrec.store import buckets, checks, commit, door
from lstmrec.store.work import desk
from tests import made


def config(root: str, seed: int) -> Config:
    return made.config(Path("unused")).model_copy(update={"root": root, "seed": seed})


class Frame:
    """Two files of a few lines a folder: to `_temporary`, renamed from there when all are written."""

    sparkSession: Any = mock.MagicMock()
    schema = None

    def __init__(self, text: str, columns: list[str], folders: tuple[str, ...] = ("",)) -> None:
        self.text, self.columns, self.folders, self.write = text, columns, folders, self

    def mode(self, mode: str) -> Frame:
        assert mode == "errorifexists"
        return self

    def partitionBy(self, *columns: str) -> Frame:
        return self

    def option(self, name: str, value: Any) -> Frame:
        return self

    def parquet(self, place: str) -> None:
        assert not files.exists(place), place
        rows = {
            f"{folder}part-{n}.parquet": f"{self.text} {folder}{n}\n" * 9 for folder in self.folders for n in (0, 1)
        }
        if not files.is_local(place):
            for name, text in rows.items():
                files.create(files.join(place, name), text.encode())
            return
        aside = Path(place, "_temporary", "0")
        for name, text in rows.items():
            (aside / name).parent.mkdir(parents=True, exist_ok=True)
            with open(aside / name, "w") as f:
                f.write(text)
                os.fsync(f.fileno())  # Spark's own do not: what it wrote before a power cut is not for us to promise
        for name in rows:
            Path(place, name).parent.mkdir(parents=True, exist_ok=True)
            os.rename(aside / name, Path(place, name))
        shutil.rmtree(Path(place, "_temporary"))
        Path(place, "_SUCCESS").touch()


class Paths(list[str]):
    """A table read back."""

    sparkSession = Frame.sparkSession


class Reader:
    """What `buckets.kept` reads with: the texts of the files."""

    def __init__(self) -> None:
        self.read = self

    def schema(self, ddl: str) -> Reader:
        return self

    def parquet(self, *paths: str) -> list[str]:
        return [files.read_text(p) for p in paths]


def kept(root: str) -> list[str]:
    """Three buckets of two files each."""
    spark: Any = Reader()
    make: Any = lambda bucket, many: Frame(f"bucket {bucket}", [])  # noqa: E731
    return buckets.kept(spark, root, 3, make, "x int", "model-serve", 9)  # type: ignore[return-value]


@contextmanager
def without_spark() -> Iterator[None]:
    """`store.commit` over `Frame`: rows are lines, and a fingerprint is of their text. One bucket at a time."""

    def opened(spark: Any, place: str, paths: list[str], *_: Any) -> Any:
        return Paths(paths)

    def check(paths: list[str], contract: Any, *, keys: bool = True) -> checks.Checked:
        texts = [files.read_text(p) for p in paths]
        rows = {Path(p).as_uri(): text.count("\n") for p, text in zip(paths, texts, strict=True)}
        return checks.Checked(rows, digest(texts))

    with (
        mock.patch.object(commit, "opened", opened),
        mock.patch.object(checks, "check", check),
        mock.patch.object(commit.layout, "known", mock.MagicMock()),
        mock.patch.object(buckets, "AT_ONCE", 1),
    ):
        yield


def _run(spark: Any, conf: Config) -> Manifest:
    t = door.ticket(PAIR, conf)
    with desk(t) as d:
        Frame("sums", []).parquet(files.join(d.folder, "sums"))
        columns = list(tables.USERS.names)
        both: Any = Frame(f"users {conf.seed}", [*columns, "refused"], ("refused=false/", "refused=true/"))
        staged = commit.stage(both, t, tables.USERS, apart="refused")
        commit.seal(staged, t, tables.USERS, rows_in=36, rows_rejected=18)
        again: Any = Frame(f"rejects {conf.seed}", list(tables.REJECTS.names))
        return commit.commit(again, t, tables.REJECTS)


#: A job as `store.door` wants it: USERS with rows apart, then REJECTS.
PAIR = SimpleNamespace(__name__="jobs.pair", NEEDS=(), GIVES=(tables.USERS, tables.REJECTS), SECTIONS=("seed",),
                       VERSION=1, SPARK=True, run=_run)  # fmt: skip


def contents(root: str, manifest: Manifest) -> tuple[str, str]:
    """A version's fingerprint, and the digest of what its files hold now."""
    place = files.join(versions.folder(root, manifest.table, manifest.version), "data")
    held = "".join(files.read_text(files.join(place, f.path)) for f in manifest.files)
    return manifest.fingerprint, hashlib.sha256(held.encode()).hexdigest()
