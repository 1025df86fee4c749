"""What a run tells machines: JSON lines (`operate.log`) and OpenLineage events (`operate.lineage`).

Told, never in the way: where a file or a server does not take them, one warning, and the run goes on.
"""

from __future__ import annotations

import json
import os
import sys
import urllib.request
import warnings
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import lstmrec
from lstmrec import files, versions
from lstmrec.config.run import Config
from lstmrec.contracts.errors import ConfigError, LstmrecError
from lstmrec.contracts.manifest import Manifest
from lstmrec.store import lineage
from lstmrec.training import teachers

_TIMEOUT_S = 5.0
Sink = Callable[[Mapping[str, Any]], None]


class Observer:
    """Tells of one run. run: its number, or the id of a job that was submitted alone."""

    def __init__(self, conf: Config, run: str) -> None:
        """ConfigError C036 where `operate.lineage_key_env` names a variable that is not set."""
        self.conf, self.run = conf, run
        o = conf.operate
        key = os.environ.get(o.lineage_key_env, "") if o.lineage_key_env else ""
        if o.lineage and o.lineage_key_env and not key:
            raise ConfigError("C036", f"environment variable {o.lineage_key_env} is not set", "operate.lineage_key_env")
        self._log = _forgiving(_sink(o.log), "operate.log")
        self._lineage = _forgiving(_sink(o.lineage, key), "operate.lineage")

    def tell(self, event: str, job: str = "", version: str = "", **more: Any) -> None:
        """A line of the log: time, lstmrec, run, job, version (of the table), event, and `more`."""
        self._log({"time": datetime.now(UTC).isoformat(), "lstmrec": lstmrec.__version__, "run": self.run, "job": job,
                   "version": version, "event": event, "as_of": self.conf.as_of, **more})  # fmt: skip

    def run_began(self) -> None:
        """The whole run begins."""
        self.tell("run_start", seed=self.conf.seed)
        self._lineage(lineage.event(self.conf, self.run, "", "start"))

    def run_ended(self, seconds: float, error: BaseException | None = None) -> None:
        """The whole run ends."""
        state = "fail" if error else "ok"
        more = {"error": code(error), "what": said(error)} if error else {}
        self.tell("run_end", state=state, seconds=round(seconds, 3), **more)
        self._lineage(
            lineage.event(self.conf, self.run, "", state, error=f"{code(error)}: {said(error)}" if error else "")
        )

    def began(self, name: str, job: Any) -> None:
        """A job begins."""
        self.tell("job_start", name, job_version=job.VERSION)
        self._event(name, job, "start")

    def ended(self, name: str, job: Any, state: str, seconds: float, made: Manifest | None = None,
              error: BaseException | None = None) -> None:  # fmt: skip
        """A job ends. state: ok, skip or fail."""
        more: dict[str, Any] = {"state": state, "seconds": round(seconds, 3), "job_version": job.VERSION}
        if made is not None:
            more |= {"table": made.table, "rows_in": made.rows_in, "rows": made.rows_out,
                     "rejected": made.rows_rejected, "bytes": sum(f.bytes for f in made.files)}  # fmt: skip
        if error is not None:
            more |= {"error": code(error), "what": said(error)}
        self.tell("job_end", name, made.version if made else "", **more)
        self._event(name, job, state, error)

    def _event(self, name: str, job: Any, state: str, error: BaseException | None = None) -> None:
        if self.conf.operate.lineage is None:
            return
        made: list[Manifest] = []
        if state in ("ok", "skip"):  # then `head` of what it gives is where it left it
            made = [versions.current(self.conf.root, t) for t in job.GIVES if versions.log(self.conf.root, t.name)]
        c = self.conf.clean
        sources = [p for part in (c.events, c.items, c.users) if part for p in part.path] if name == "clean" else []
        sources += [place for m in made for place in teachers.places(m)]
        self._lineage(lineage.event(self.conf, self.run, name, state, needs=job.NEEDS, sources=sources, made=made,
                                    error=f"{code(error)}: {said(error)}" if error else ""))  # fmt: skip


def code(error: BaseException) -> str:
    """The stable code of an error, or its class."""
    return error.code if isinstance(error, LstmrecError) else type(error).__name__


def said(error: BaseException) -> str:
    """One sentence about an error: never rows, a trace or an id of somebody."""
    return error.what if isinstance(error, LstmrecError) else type(error).__name__


def _sink(place: str | None, key: str = "") -> Sink | None:
    if place is None:
        return None
    if place == "stderr":
        return lambda line: print(json.dumps(line, ensure_ascii=False), file=sys.stderr, flush=True)
    if place.startswith(("http://", "https://")):
        return lambda event: _post(place, event, key)
    return lambda line: _added(place, line)


def _added(place: str, line: Mapping[str, Any]) -> None:
    path = files.local(place)
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "ab", buffering=0) as f:  # one write a line: lines of two runs do not run into each other
        f.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")


def _post(url: str, event: Mapping[str, Any], key: str) -> None:
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
    request = urllib.request.Request(url, json.dumps(event).encode(), headers, method="POST")
    with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:
        answer.read()


def _forgiving(sink: Sink | None, key: str) -> Sink:
    """The sink, which is left alone after the first failure."""
    broken = sink is None

    def tell(line: Mapping[str, Any]) -> None:
        nonlocal broken
        if broken or sink is None:
            return
        try:
            sink(line)
        except (OSError, ValueError) as error:
            broken = True
            warnings.warn(f"{key} takes nothing ({error}): the run goes on without", stacklevel=2)

    return tell
