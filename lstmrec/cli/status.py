"""`lstmrec status`: which jobs are done, which would run again and why; starts no Spark."""

from __future__ import annotations

import importlib
import json
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from lstmrec import versions
from lstmrec.cli import flows
from lstmrec.cli.options import ConfigFiles, Json, Overrides, config_of
from lstmrec.config.run import Config
from lstmrec.contracts.errors import ConfigError, DataError
from lstmrec.contracts.manifest import Manifest

STYLES = {"done": "green", "stale": "yellow", "never": "dim"}


@dataclass(frozen=True)
class State:
    """A job: done, stale (it would run again) or never (it has not run), why, and its newest version."""

    job: str
    state: str
    why: str
    version: str = ""


def status(
    config: ConfigFiles,
    set_: Overrides = None,
    json_: Json = False,
) -> None:
    """Print each job's state."""
    conf = config_of(config, set_)
    found = states(conf, [importlib.import_module(f"lstmrec.jobs.{name}") for name in flows.jobs(conf)])
    if json_:
        print(json.dumps({"root": conf.root, "jobs": [asdict(s) for s in found]}, ensure_ascii=False))
        return
    table = Table("job", "state", "why", "version", box=None, pad_edge=False)
    for s in found:
        table.add_row(s.job, Text(s.state, style=STYLES[s.state]), Text(s.why), s.version)
    Console(highlight=False, soft_wrap=True).print(table)


def states(conf: Config, jobs: list[Any]) -> list[State]:
    """The state of each job, in order; a job after a stale one is stale too."""
    from lstmrec.store import door

    out: list[State] = []
    waiting: str | None = None
    for job in jobs:
        name = door.name(job)
        made = _newest(conf, job)
        if made is None:
            state = State(name, "never", f"after {waiting}" if waiting else "has not run")
        elif why := _changed(conf, job, made, door):
            state = State(name, "stale", why, made.version)
        elif waiting:
            state = State(name, "stale", f"after {waiting}", made.version)
        else:
            state = State(name, "done", "", made.version)
        waiting = waiting or (name if state.state != "done" else None)
        out.append(state)
    return out


def _newest(conf: Config, job: Any) -> Manifest | None:
    try:
        return versions.current(conf.root, job.GIVES[-1])
    except DataError as error:
        if error.code in ("D104", "D105"):
            return None
        raise


def _changed(conf: Config, job: Any, made: Manifest, door: Any) -> str:
    """What differs from how the newest version was made: version, config, input; empty where nothing does."""
    try:
        ticket = door.ticket(job, conf)
    except (ConfigError, DataError) as error:  # e.g. train.init_from, before its items are grown
        return error.what
    if ticket.skip_key == made.skip_key:
        return ""
    if made.job_version != job.VERSION:
        return f"version {made.job_version} -> {job.VERSION}"
    keys = differing(dict(made.config), dict(ticket.config))
    if keys:
        return f"config: {', '.join(keys[:4])}{' ...' if len(keys) > 4 else ''}"
    inputs = sorted(k for k in {*made.parents, *ticket.parents} if made.parents.get(k) != ticket.parents.get(k))
    return f"input: {', '.join(inputs)}" if inputs else "contract"


def differing(old: Any, new: Any, path: str = "") -> list[str]:
    """Dotted keys whose values differ."""
    if isinstance(old, dict) and isinstance(new, dict):
        return [k for key in sorted({*old, *new}) for k in differing(old.get(key), new.get(key), f"{path}{key}.")]
    return [path.rstrip(".")] if old != new else []
