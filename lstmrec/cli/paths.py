"""`lstmrec doctor --config`: every path of a config, tried."""

from __future__ import annotations

from lstmrec.cli.local_spark import Sessions
from lstmrec.cli.machine import Finding
from lstmrec.config.run import Config


def check_paths(conf: Config) -> list[Finding]:
    """What was done at each path, by whom, and what failed. Starts Spark."""
    from lstmrec.store import reach

    out = []
    with Sessions() as sessions:
        for r in reach.probes(sessions.get(), conf):
            found = f"{r.path} ({r.who})" + (f": {r.failed}" if r.failed else "")
            hint = f"{r.by} cannot {r.act} there: check the path and the rights of {r.who}" if r.failed else ""
            out.append(Finding(f"{r.key}: {r.by}, {r.act}", "fail" if r.failed else "ok", found, hint))
    return out
