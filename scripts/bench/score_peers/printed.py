"""What the scoring bench prints before its last line: two tables of ours by case, and a line each of the others."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

Cases = dict[Any, dict[str, Any]]  # score.Case -> its figures


def report(results: Cases, others: dict[str, dict[str, Any]]) -> None:
    """All of it."""
    console = Console(width=160)
    console.print(shown(results))
    console.print(spent(results))
    if day := others.get("update"):
        print(
            f"update, {day['users']:,} users, 5 % active, {day['items']:,} items: {day['update_s']:.1f} s of "
            f"{day['full_s']:.1f} s, {day['share']:.1%} (CPU {day['share_cpu']:.1%}); {day['differing']} lists differ"
        )
    for name, f in ((name, f) for name, f in others.items() if name != "update"):
        print(f"{name}: {f['items']:,} items: {f['users_s']:,.0f} users/s, {f['users_cpu_s']:,.0f} a CPU second, "
              f"{f['users_s'] * f['items'] / 1e6:,.1f} M pairs/s")  # fmt: skip


def shown(cases: Cases) -> Table:
    table = Table(title="ours, one core, from Parquet to Parquet")
    for name in ("", "users/s", "M pairs/s", "bare users/s", "of bare", "of bare, CPU", "core-h a M users",
                 "MFLOP a user", "session s", "worker s", "worker MiB"):  # fmt: skip
        table.add_column(name, justify="right" if name else "left")
    for case, f in cases.items():
        ours = f["ours"]
        table.add_row(case.name, f"{ours['users_s']:,.0f}", f"{ours['users_s'] * case.items / 1e6:,.1f}",
                      f"{f['bare']['users_s']:,.0f}", f"{f['ratio']:.2f}", f"{f['ratio_cpu']:.2f}",
                      f"{1e6 / ours['users_cpu_s'] / 3600:.3f}", f"{case.flops / 1e6:,.1f}", f"{ours['session_s']:.1f}",
                      f"{ours['worker_s']:.1f}", f"{ours['worker_anon_bytes'] / 2**20:,.0f}")  # fmt: skip
    return table


def spent(cases: Cases) -> Table:
    """Shares of the CPU time end to end: the JVM's, and the worker's by part."""
    table = Table(title="where the CPU time goes")
    table.add_column("")
    names = [*next(iter(cases.values()))["worker"]["parts"]]
    for name in ["JVM", *names]:
        table.add_column(name.replace("_", " "), justify="right")
    for case, f in cases.items():
        used = f["ours"]["cpu_seconds"]
        jvm = used.get("java", 0.0) / sum(used.values())
        parts = [f["worker"]["parts"][name] * (1 - jvm) for name in names]
        table.add_row(case.name, *(f"{share:.1%}" for share in (jvm, *parts)))
    return table
