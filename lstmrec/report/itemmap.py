"""Item vectors in two dimensions, coloured by the tag that parts them best: an SVG whose points name themselves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from markupsafe import escape
from numpy.typing import NDArray

#: Items on a map: as many points as a page can hold, and an eye.
MOST = 1500
#: Tags with a colour of their own; the others are `other`.
COLOURED = 8
OTHER, NONE = "other", "no tag"
_TITLE = 80
#: Of the drawing, and how wide it may become: on a phone points are then still to be seen.
_SIDE, _MARGIN, _WIDEST = 480, 8, 640
#: Four shapes besides the colours, as paths from their middle on.
_SHAPES = ("m-3.2 0a3.2 3.2 0 1 0 6.4 0a3.2 3.2 0 1 0-6.4 0", "m-2.9-2.9h5.8v5.8h-5.8z", "m0-3.8l3.6 6.7h-7.2z",
           "m0-4l4 4l-4 4l-4-4z")  # fmt: skip


def plane(vectors: Sequence[Sequence[float]]) -> tuple[NDArray[np.float64], float]:
    """(points [n, 2], the share of the variance that they hold): the two principal axes of the vectors at unit length,
    so that near is what `lstmrec similar` calls near. Each axis points where its largest loading is positive."""
    x = np.array(vectors, np.float64)
    x /= np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-30)
    x -= x.mean(axis=0)
    _, sizes, axes = np.linalg.svd(x, full_matrices=False)
    axes = axes[:2] * np.sign(axes[:2][np.arange(2), np.abs(axes[:2]).argmax(axis=1)])[:, None]
    whole = float((sizes**2).sum())
    return x @ axes.T, float((sizes[:2] ** 2).sum() / whole) if whole else 0.0


def groups(tags: Sequence[Sequence[str]]) -> dict[str, list[str]]:
    """Name of a tag (`department` of `department=MEAT`; `` of a plain one) -> each item's group by its first such tag:
    one of the COLOURED most frequent values, OTHER, or NONE."""
    firsts: dict[str, list[str | None]] = {}
    for place, each in enumerate(tags):
        for tag in each:
            name, _, value = tag.partition("=") if "=" in tag else ("", "", tag)
            mine = firsts.setdefault(name, [None] * len(tags))
            mine[place] = mine[place] or value
    out = {}
    for name, found in sorted(firsts.items()):
        counts = Counter(v for v in found if v is not None)
        top = {v for v, _ in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:COLOURED]}
        out[name] = [NONE if v is None else v if v in top else OTHER for v in found]
    return out


def told(points: NDArray[np.float64], labels: Sequence[str]) -> float:
    """The share of the points' spread that is between groups (correlation ratio, eta squared)."""
    whole = float(((points - points.mean(axis=0)) ** 2).sum())
    names = np.array(labels)
    inside = sum(float(((p - p.mean(axis=0)) ** 2).sum()) for p in (points[names == n] for n in sorted(set(labels))))
    return 1 - inside / whole if whole else 0.0


def facts(rows: Sequence[Mapping[str, Any]], tags: Mapping[int, str]) -> dict[str, Any]:
    """The map of rows of item_id, title, tags (ids; those that `tags` does not name are left out) and vector.

    variance: share that the two axes hold; by: the tag's name that parts the points best, told: how well; points:
    x and y from 0 to 1, group, title, item. {} where there are fewer than three items, or vectors of one number.
    """
    if len(rows) < 3 or len(rows[0]["vector"]) < 2:
        return {}
    points, variance = plane([r["vector"] for r in rows])
    parted = {n: g for n, g in groups([[tags[t] for t in r["tags"] if t in tags] for r in rows]).items()
              if len(set(g)) > 1}  # fmt: skip
    by = max(sorted(parted), key=lambda n: told(points, parted[n]), default=None)
    labels = [""] * len(rows) if by is None else parted[by]
    low, size = points.min(axis=0), float((points.max(axis=0) - points.min(axis=0)).max()) or 1.0
    flat = (points - low) / size
    listed = [
        {"x": round(float(x), 4), "y": round(float(y), 4), "group": g, "title": (r["title"] or r["item_id"])[:_TITLE],
         "item": r["item_id"]}
        for (x, y), g, r in zip(flat, labels, rows, strict=True)
    ]  # fmt: skip
    return {"variance": round(variance, 4), "by": by, "told": 0.0 if by is None else round(told(points, labels), 4),
            "points": listed}  # fmt: skip


def legend(found: Mapping[str, Any]) -> dict[str, str]:
    """Group -> CSS variable, the most frequent first; OTHER and NONE last, without a colour."""
    counts = Counter(p["group"] for p in found["points"])
    named = [g for g, _ in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])) if g not in (OTHER, NONE, "")]
    out = {g: f"--g{n + 1}" for n, g in enumerate(named)}
    return out | {g: "--muted" for g in (OTHER, NONE) if g in counts}


def draw(found: Mapping[str, Any]) -> str:
    """The points; each says its title and group when pointed at. Colours come with shapes."""
    order = legend(found)
    ordinal = {g: n for n, g in enumerate(order)}
    height = max((p["y"] for p in found["points"]), default=0)
    inner = _SIDE - 2 * _MARGIN
    parts = []
    for group in sorted({p["group"] for p in found["points"]}, key=lambda g: -ordinal.get(g, 99)):
        shape = ordinal.get(group, 0) % len(_SHAPES) if order.get(group) not in (None, "--muted") else 0
        parts.append(f'<g style="fill:var({order.get(group, "--ours")});fill-opacity:.75">')
        for p in (p for p in found["points"] if p["group"] == group):
            x, y = _MARGIN + p["x"] * inner, _MARGIN + (height - p["y"]) * inner
            said = p["title"] + (f" · {group}" if group else "")
            parts.append(f'<path d="M{x:.1f} {y:.1f}{_SHAPES[shape]}"><title>{escape(said)}</title></path>')
        parts.append("</g>")
    tall = height * inner + 2 * _MARGIN
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_SIDE} {tall:.0f}" '
            f'style="width:100%;max-width:{_WIDEST}px;height:auto">{"".join(parts)}</svg>')  # fmt: skip
