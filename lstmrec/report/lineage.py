"""What was made of what: the tables of each job, their versions and durations, as rows and as a drawing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import escape

from lstmrec.contracts.manifest import Manifest

_WIDTH, _GUTTER, _LINE, _HEAD, _GAP = 420, 84, 17, 26, 12


def rows(manifests: Mapping[str, Manifest]) -> list[dict[str, Any]]:
    """Every table's version, what it was made of, the fingerprint of its rows, and seconds until it was whole.

    parents: tables and sources. stale: those parents that have a newer version, with other rows, than it was made of.
    """
    return [
        {"table": m.table, "version": m.version, "job": f"{m.job} v{m.job_version}", "rows": m.rows_out,
         "bytes": sum(f.bytes for f in m.files), "fingerprint": m.fingerprint, "parents": sorted(m.parents),
         "seconds": m.seconds, "stale": sorted(p for p, fingerprint in m.parents.items() if p in manifests
                                               and manifests[p].fingerprint != fingerprint)}
        for m in manifests.values()
    ]  # fmt: skip


def found(listed: Sequence[Mapping[str, Any]]) -> str:
    """The finding: whether everything is made of what is there."""
    late = [r for r in listed if r["stale"]]
    jobs = len({r["job"] for r in listed})
    if not late:
        return f"{len(listed)} tables of {jobs} jobs, each made of the versions that are there"
    named = ", ".join(f"{r['table']} ({', '.join(r['stale'])})" for r in late[:3])
    word = "is" if len(late) == 1 else "are"
    return f"{len(late)} of {len(listed)} tables {word} made of older versions than are there: {named}"


def edges(listed: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str], bool]:
    """(job, job that reads its tables) -> whether it read older versions of all it read."""
    made_by = {r["table"]: r["job"] for r in listed}
    out: dict[tuple[str, str], bool] = {}
    for r in listed:
        for parent in (p for p in r["parents"] if p in made_by and made_by[p] != r["job"]):
            key = (made_by[parent], r["job"])
            out[key] = out.get(key, False) or parent in r["stale"]
    return out


def draw(listed: Sequence[Mapping[str, Any]], spans: Mapping[str, str]) -> str:
    """Jobs from top to bottom, each a box with its tables; who reads whose tables goes along the left side.

    spans: job -> its duration in words.
    """
    jobs: dict[str, list[Mapping[str, Any]]] = {}
    for r in listed:
        jobs.setdefault(r["job"], []).append(r)
    middle: dict[str, float] = {}
    ends: dict[str, tuple[float, float]] = {}
    boxes, y = [], 4.0
    for job, tables in jobs.items():
        height = _HEAD + _LINE * len(tables)
        middle[job], ends[job] = y + height / 2, (y, y + height)
        boxes.append(_box(job, tables, spans.get(job, ""), y, height))
        y += height + _GAP
    order = list(jobs)
    lines = []
    for (above, below), stale in edges(listed).items():
        apart = order.index(below) - order.index(above)
        look = ' class="stale"' if stale else ""
        if apart == 1:
            d = f"M{_GUTTER + 40} {ends[above][1]:.0f}V{ends[below][0]:.0f}"
        else:
            x, top, low = _GUTTER - 9 * min(abs(apart), 9), f"{middle[above]:.0f}", f"{middle[below]:.0f}"
            d = f"M{_GUTTER} {top}C{x} {top} {x} {low} {_GUTTER} {low}"
        lines.append(f'<path d="{d}"{look} marker-end="url(#to)"/>')
    head = ('<defs><marker id="to" viewBox="0 0 6 6" refX="6" refY="3" markerWidth="6" markerHeight="6" orient="auto">'
            '<path d="M0 0L6 3L0 6z" style="fill:var(--muted)"/></marker></defs>')  # fmt: skip
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {y - _GAP + 4:.0f}" class="lineage" '
            f'style="width:100%;max-width:{_WIDTH}px;height:auto">'
            f'{head}{"".join(lines)}{"".join(boxes)}</svg>')  # fmt: skip


def _box(job: str, tables: Sequence[Mapping[str, Any]], span: str, y: float, height: float) -> str:
    x, right = _GUTTER + 8, _WIDTH - 8
    out = [f'<rect x="{_GUTTER}" y="{y:.0f}" width="{_WIDTH - _GUTTER - 1}" height="{height:.0f}" rx="5"/>',
           f'<text x="{x}" y="{y + 17:.0f}" class="job">{escape(job)}</text>',
           f'<text x="{right}" y="{y + 17:.0f}" text-anchor="end">{escape(span)}</text>']  # fmt: skip
    for n, t in enumerate(tables):
        at = y + _HEAD + 11 + n * _LINE
        size, version = f"{t['rows']:,}" if t["rows"] else "", escape(t["version"][:12])
        out += [f'<text x="{x}" y="{at:.0f}">{escape(t["table"])}</text>',
                f'<text x="{x + 212}" y="{at:.0f}" text-anchor="end">{size}</text>',
                f'<text x="{right}" y="{at:.0f}" text-anchor="end" class="id">{version}</text>']  # fmt: skip
    return "".join(out)
