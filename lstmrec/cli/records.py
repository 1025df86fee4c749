"""What each job of each run took and gave, kept below ROOT/_runs: one small JSON file a job, never changed again.

`spark.read.json("ROOT/_runs/*/[0-9]*.json")` is the table of all runs; `lstmrec runs` prints it.
"""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

import lstmrec
from lstmrec import files
from lstmrec.cli.options import ConfigFiles, Overrides, config_of
from lstmrec.config.run import Config
from lstmrec.contracts.manifest import Manifest


def record(conf: Config, run: str, place: int, job: str, state: str, seconds: float, made: Manifest | None,
           error: str = "") -> dict[str, Any]:  # fmt: skip
    """Keeps, and returns, a job's row: run, as_of, lstmrec (version), job, job_version, state (ok, skip, fail),
    seconds, table, version, rows_in, rows, rejected, bytes, peak_mb (of this process, and of its JVM where Linux
    tells), error (a code). Figures of the table are null where the job failed."""
    row: dict[str, Any] = {"run": run, "as_of": conf.as_of, "lstmrec": lstmrec.__version__, "job": job, "state": state,
                           "seconds": round(seconds, 3), "peak_mb": peak_mb(), "error": error}  # fmt: skip
    row |= {
        "job_version": made and made.job_version, "table": made and made.table, "version": made and made.version,
        "rows_in": made and made.rows_in, "rows": made and made.rows_out, "rejected": made and made.rows_rejected,
        "bytes": made and sum(f.bytes for f in made.files),
    }  # fmt: skip
    line = json.dumps(row, ensure_ascii=False).encode()
    files.create(files.join(conf.root, "_runs", run, f"{place}_{job}.json"), line)
    return row


def peak_mb() -> int:
    """The most memory that this process had at once, and the JVM below it, in MiB."""
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1 if sys.platform != "darwin" else 1024)
    most = 0
    for child in Path("/proc/self/task").glob("*/children"):
        try:
            for pid in child.read_text().split():
                status = Path(f"/proc/{pid}/status").read_text()
                found = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")]
                most = max(most, *(int(x) for x in found), 0)
        except OSError:  # it ended meanwhile
            continue
    return (own + most) // 1024


def rows(root: str) -> list[dict[str, Any]]:
    """Every job of every run, oldest first."""
    place = files.join(root, "_runs")
    return [
        json.loads(files.read_text(files.join(place, run, name)))
        for run in files.names(place)
        for name in files.names(files.join(place, run))
        if name[:1].isdigit() and name.endswith(".json")
    ]


def runs(
    config: ConfigFiles,
    set_: Overrides = None,
    last: Annotated[int, typer.Option(min=1, help="newest runs that are shown")] = 5,
    json_: Annotated[bool, typer.Option("--json", help="print a JSON object a line, of every run")] = False,
) -> None:
    """Print what the jobs of past runs took and gave."""
    found = rows(config_of(config, set_).root)
    if json_:
        for row in found:
            print(json.dumps(row, ensure_ascii=False))
        return
    shown = sorted({row["run"] for row in found})[-last:]
    table = Table("run", "as of", "job", "state", "seconds", "rows", "rejected", "MB", "peak MB", box=None,
                  pad_edge=False)  # fmt: skip
    for column in table.columns[4:]:
        column.justify = "right"
    for row in (r for r in found if r["run"] in shown):
        state = Text(row["state"] + (f" {row['error']}" if row["error"] else ""),
                     style={"ok": "green", "fail": "bold red"}.get(row["state"], "dim"))  # fmt: skip
        numbers = [row["rows"], row["rejected"], row["bytes"] and row["bytes"] // 1_000_000, row["peak_mb"]]
        table.add_row(row["run"], row["as_of"], row["job"], state, f"{row['seconds']:,.1f}",
                      *("" if n is None else f"{n:,}" for n in numbers))  # fmt: skip
    Console(highlight=False, soft_wrap=True).print(table if shown else "no run has ended a job yet")
