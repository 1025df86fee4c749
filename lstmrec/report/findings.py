"""Titles of the page's figures: what each shows, in a sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lstmrec.report import lineage
from lstmrec.said import span

Facts = Mapping[str, Any]
Rows = Sequence[Mapping[str, Any]]


def findings(facts: Facts) -> dict[str, str]:
    """Figure -> its finding."""
    drawn = facts["pictures"]
    out = {
        "leaderboard": f"{facts['leaderboard'][0]['recommender']} leads on test" if facts["leaderboard"] else
        "Nothing was judged",
        "differences": apart(facts["differences"]), "funnel": refused(facts["funnel"]),
        "drift": drifting(facts["drift"]), "timeline": timed(drawn.get("timeline", []), drawn.get("days")),
        "histories": long(drawn.get("histories", [])), "gaps": paused(drawn.get("gaps", [])),
        **trained(facts["training"]), "slices": leading(facts), "tail": popular(drawn.get("tail", []), facts["ours"]),
        "covered": covered(drawn.get("tail", []), facts["ours"], facts["rival"]),
        "ladder": reasoned(facts["ladder"], facts["ours"]), "probes": robust(facts["probes"], facts["k"]),
        "cold": placed(facts["cold"]), "map": parted(facts["map"]), "influence": facts["influence_said"],
        "because": grounded(facts["because"]), "pace": paced(facts["pace"]), "cost": spent(facts["cost"]),
        "lineage": lineage.found(facts["lineage"]),
    }  # fmt: skip
    return out


def apart(differences: Rows) -> str:
    """How many others the baseline differs from."""
    sure = [d for d in differences if d["p_holm"] is not None and d["p_holm"] < 0.05]
    base = differences[0]["base"] if differences else ""
    return f"{base} differs from {len(sure)} of {len(differences)} by more than chance"


def refused(funnel: Rows) -> str:
    """What s1 lost."""
    events = next((f for f in funnel if f["source"] == "events"), None)
    if events is None:
        return "No source"
    top = f", most as {events['reasons'][0][0]}" if events["reasons"] else ""
    return f"{events['rejected'] / max(events['in'], 1):.1%} of the event rows were refused{top}"


def drifting(drift: Facts) -> str:
    """How many features are not as in training."""
    rows = drift["rows"]
    over = {r["feature"] for r in rows if r["psi"] > drift["limit"]}
    if not rows:
        return "Drift was not measured"
    top = f"{rows[0]['feature']} of {rows[0]['role']} the most (PSI {rows[0]['psi']:.2f})"
    return f"{len(over)} of {len({r['feature'] for r in rows})} features drift; {top}"


def timed(rows: Rows, days: int | None) -> str:
    """How much of the events is whose."""
    every = sum(r["events"] for r in rows)
    parts = {role: sum(r["events"] for r in rows if r["role"] == role) for role in ("train", "validation", "test")}
    said = ", ".join(f"{role} {n / max(every, 1):.1%}" for role, n in parts.items())
    start = min((r["at"] for r in rows if r["role"] == "test"), default=None)
    return f"Of {every:,} events: {said}" + (f"; test begins in the bar of {start}" if days and start else "")


def long(rows: Rows) -> str:
    """The median user's history."""
    test = [r for r in rows if r["users"] == "test"]
    middle = _median([r["n"] for r in test])
    if middle is None:
        return "No user of test"
    n = test[middle]["events"]
    return f"The median user of test has {n} event{'' if n == '1' else 's'} before its cut"


def paused(rows: Rows) -> str:
    """The median time between two events."""
    middle = _median([r["events"] for r in rows])
    if middle is None:
        return "No time between events is known"
    together = rows[0]["events"] / sum(r["events"] for r in rows)
    apart_ = _median([0, *(r["events"] for r in rows[1:])])
    rest = "" if apart_ is None else f"; the median gap of the others is {rows[apart_]['gap']}"
    return f"{together:.0%} of the events come at the same moment as the one before{rest}"


def trained(log: Rows) -> dict[str, str]:
    """training: the whole; loss, ndcg, rate and starved: each curve."""
    judged = [r for r in log if r.get("ndcg_10") is not None]
    out = {"training": "No epoch was logged"}
    if not log:
        return out
    best = max(judged, key=lambda r: r["ndcg_10"]) if judged else None
    out["training"] = f"{len(log)} epochs" + (f"; validation was best at epoch {best['epoch']}" if best else "")
    losses = [r["loss"] for r in log if r.get("loss") is not None]
    if losses:
        out["loss"] = f"The loss went from {losses[0]:.3f} to {losses[-1]:.3f}"
    if best:
        out["ndcg"] = f"Validation NDCG@10 reached {best['ndcg_10']:.4f}"
    rates = [r["rate"] for r in log if r.get("rate") is not None]
    if rates:
        out["rate"] = f"The learning rate ended at {rates[-1]:.2g}"
    waits = [r["starved"] for r in log if r.get("starved") is not None]
    if waits:
        out["starved"] = f"The reader kept the net waiting {max(waits):.1%} of the time at most"
    return out


def leading(facts: Facts) -> str:
    """In how many groups the model is ahead."""
    names = {r["slice"] for r in facts["slices"]}
    wins = [s for s in names if _ahead(facts, s)]
    return f"The model leads in {len(wins)} of {len(names)} slices"


def popular(rows: Rows, ours: str | None) -> str:
    """How much of what is shown is of the most bought tenth."""
    tenth = {of: _share(rows, of) for of in ("train events", ours)}
    said = f"A tenth of the items has {tenth['train events']:.0%} of the train events"
    return said + (f" and {tenth[ours]:.0%} of what the model shows" if any(r["of"] == ours for r in rows) else "")


def covered(rows: Rows, ours: str | None, theirs: str | None) -> str:
    """How much of the catalogue is shown."""
    size = sum(r["items"] for r in rows if r["of"] == "train events")
    parts = [(n, sum(r["items"] for r in rows if r["of"] == n)) for n in (ours, theirs) if n]
    return "Of the catalogue " + ", ".join(f"{name} shows {n / max(size, 1):.1%}" for name, n in parts)


def reasoned(ladder: Facts, ours: str | None) -> str:
    """Where the model's lists come from."""
    mine = [r for r in ladder["rows"] if r["recommender"] == ours]
    if not mine:
        return "Why users have their lists"
    every = sum(r["users"] for r in mine)
    parts = [f"{r['users'] / every:.1%} by {r['reason'].replace('_', ' ')}" for r in mine]
    return f"Of {every:,} users the model serves {', '.join(parts)}"


def robust(probes: Rows, k: int) -> str:
    """What the most harmful disturbance leaves of the model's NDCG, and what it is worth for who has no event."""
    name = f"ndcg_{k}"
    base = next((p[name][0] for p in probes if p["probe"] == "as it is"), 0.0)
    dirt = [p for p in probes if str(p["against"]).startswith("model, as it is")]
    if not dirt or not base:
        return "How the model takes other histories"
    worst = min(dirt, key=lambda p: p[name][0])
    said = f"With {worst['probe']} the model keeps {worst[name][0] / base:.0%} of its NDCG@{k}"
    new = next((p["gap_profile"] for p in probes if p["probe"] == "first 0" and p.get("gap_profile")), None)
    return said + (f"; without an event it is {new[0]:+.4f} beside what users of the same profile have" if new else "")


def placed(rows: Rows) -> str:
    """Where items that were never trained on stand."""
    mine = {r["ranker"]: r["percentile"][0] for r in rows if r["among"] == "all"}
    if "model" not in mine:
        return "No user of the test took an item that training had not seen"
    beside = f", content alone {mine['content']:.1%}" if "content" in mine else ""
    return (f"Items never trained on stand at {mine['model']:.1%} of the ranking, where 0 % is the top and 50 % chance"
            f"{beside}")  # fmt: skip


def parted(found: Facts) -> str:
    """What near means on the item map."""
    if not found:
        return "No map of the items"
    size = len(found["points"])
    if found["by"] is None:
        return f"The {size:,} items of most events, near where the net holds them for alike"
    by = found["by"] or "their tag"
    word = "mostly " if found["told"] >= 0.5 else "partly " if found["told"] >= 0.1 else "hardly "
    return f"Items lie together {word}by {by}: it tells {found['told']:.0%} of where the {size:,} of most events stand"


def grounded(because: Facts) -> str:
    """Whether an item's reasons weigh more than other events of the history."""
    areas = [r for r in because.get("curves", []) if (r["curve"], r["step"]) == ("deletion", "area")]
    rivals = [r for r in areas if r["order"] != "influence"]
    if not rivals:
        return "Whether reasons are the model's was not measured"
    sure = [r for r in rivals if r["gap"][1] > 0]
    return f"Reasons outweigh {len(sure)} of {len(rivals)} other choices of events by more than chance"


def paced(pace: Facts) -> str:
    """What lists cost."""
    lists, seconds = pace["lists"], pace["seconds"]
    if not lists or not seconds:
        return "What lists cost was not measured"
    said = f"{lists:,} lists took {span(seconds)}"
    # Few lists are mostly Spark's start: nothing to reckon with.
    return said + (f"; at this pace a million take {span(1e6 * seconds / lists)}" if lists >= 100_000 else "")


def spent(cost: Rows) -> str:
    """Where the time went."""
    slowest = max(cost, key=lambda c: c["seconds"], default=None)
    return (
        f"{span(sum(c['seconds'] for c in cost))} in all, {slowest['job']} the longest" if slowest else "No job has run"
    )


def _share(rows: Rows, of: str | None) -> float:
    mine = [r for r in rows if r["of"] == of]
    return mine[0]["n"] / max(sum(r["n"] for r in mine), 1) if mine else 0.0


def _median(counts: Sequence[int]) -> int | None:
    """The bin that holds the middle one."""
    whole, below = sum(counts), 0
    for place, n in enumerate(counts):
        below += n
        if n and 2 * below >= whole:
            return place
    return None


def _ahead(facts: Facts, name: str) -> bool:
    values = {r["recommender"]: r["value"] for r in facts["slices"] if r["slice"] == name}
    return facts["ours"] in values and values[facts["ours"]] == max(values.values())
