"""A day of an experiment as facts of JUDGED: each variant's figure, what it is ahead of the first, and whether that is
decided (plain numbers)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lstmrec.config.evaluate import SequentialConfig
from lstmrec.config.variants import Variants
from lstmrec.frames import sequential
from lstmrec.frames.sequential import State
from lstmrec.frames.variants import SLICE

#: Days that the history looks back.
DAYS = 30
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Asked:
    """variants: that the lists were shown in; key: what must be the same for days to be one experiment; day: as_of of
    this one; k: of the NDCG; before: these facts of the day before, empty on the first."""

    variants: Variants
    key: str
    day: str
    k: int
    test: SequentialConfig
    before: Mapping[str, Any] = field(default_factory=dict)


def facts(asked: Asked, lines: Iterable[Row], drawn: Iterable[Row]) -> dict[str, Any]:
    """key, salt, metric, first (the variant that the others are held against), figures (variant -> recommender, share,
    users, value, low, high), today (variant -> its difference to the first: value, low, high), so_far (variant -> days,
    users, estimate, low, high, decided: of all days), history (the last `DAYS` days, this one the last: day, today,
    so_far), states (what the next day goes on from).

    lines: rows of METRICS; drawn: of `frames.variants.own`. A variant none of whose users was judged has no figure.
    """
    first, *others = asked.variants.of
    of = {(r["recommender"], r["slice"]): r for r in lines if (r["metric"], r["k"]) == ("ndcg", asked.k)}
    sides, known = _sides(drawn), asked.before.get("states", {})
    figures, today, states = {}, {}, {}
    many: dict[str, int] = {}
    for v in asked.variants.of:
        row = of.get((v.recommender, SLICE + v.name), {})
        many[v.name] = int(row.get("users", 0))
        figures[v.name] = {"recommender": v.recommender, "share": v.share, "users": many[v.name],
                           **{end: row.get(end) for end in ("value", "low", "high")}}  # fmt: skip
    alpha = asked.test.alpha / len(others)
    for v in others:
        state = State.parse(known[v.name]) if v.name in known else State()
        gap, resampled = _gaps(sides.get(v.name, {}), sides.get(first.name, {}))
        if gap is not None:
            users = (many[v.name], many[first.name])
            state = sequential.after(state, asked.day, users, gap, resampled, alpha, asked.test.effect)
            today[v.name] = {"value": gap, **_bounds(gap, resampled)}
        states[v.name] = state.plain()
    so_far = {n: {key: s[key] for key in ("days", "users", "estimate", "low", "high", "decided")}
              for n, s in states.items()}  # fmt: skip
    history = [*asked.before.get("history", []), {"day": asked.day, "today": today, "so_far": so_far}][-DAYS:]
    return {"key": asked.key, "salt": asked.variants.salt, "metric": f"ndcg_{asked.k}", "first": first.name,
            "figures": figures, "today": today, "so_far": so_far, "history": history, "states": states}  # fmt: skip


def told(found: Mapping[str, Any]) -> dict[str, str]:
    """For the job's line: what each variant is ahead of the first, by all days."""
    out = {}
    for name, s in found["so_far"].items():
        said = "no day yet" if s["estimate"] is None else f"{s['estimate']:+.4f}"
        said += "" if s["low"] is None else f" ({s['low']:+.4f} to {s['high']:+.4f})"
        verdict = f"decided {s['decided']}" if s["decided"] else f"open, {s['days']} days"
        out[f"{name} - {found['first']}"] = f"{said}, {verdict}"
    return out


def _sides(drawn: Iterable[Row]) -> dict[str, dict[int, float | None]]:
    """variant -> resample -> its mean."""
    out: dict[str, dict[int, float | None]] = {}
    for r in drawn:
        out.setdefault(r["variant"], {})[int(r["resample"])] = r["value"]
    return out


def _gaps(ours: Mapping[int, float | None], first: Mapping[int, float | None]
          ) -> tuple[float | None, list[float | None]]:  # fmt: skip
    """(the difference, that of each resample: a user weighs the same in it on every day)."""
    plain, base = ours.get(0), first.get(0)
    if plain is None or base is None:
        return None, []
    pairs = [(ours.get(n), first.get(n)) for n in range(1, max(len(ours), len(first)))]
    return plain - base, [None if a is None or b is None else a - b for a, b in pairs]


def _bounds(gap: float, resampled: Sequence[float | None]) -> dict[str, float]:
    """2.5 % and 97.5 % of the resamples that have users on both sides; the difference where none has."""
    known = [d for d in resampled if d is not None] or [gap]
    low, high = np.percentile(known, [2.5, 97.5])
    return {"low": float(low), "high": float(high)}
