"""Rows of an evaluation -> the facts of METRICS: headline figures, what differs, which lists lack (plain numbers)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lstmrec.config.blends import FITTED, JUDGED
from lstmrec.config.recommenders import Blend
from lstmrec.config.run import Config
from lstmrec.contracts.errors import ConfigError
from lstmrec.contracts.manifest import Manifest
from lstmrec.report import summary


def scored(conf: Config, lists: Manifest) -> tuple[list[tuple[str, str]], str | None]:
    """(recommender, role) of the lists of validation and test, and the name of the popularity lists among them: what is
    no surprise to `serendipity`. lists: the manifest of RECOMMENDATIONS. ConfigError C801 where nothing is held out."""
    if conf.flow != "evaluate":
        raise ConfigError("C801", f"flow {conf.flow} holds nothing out to evaluate by", "job evaluate",
                          "a day's lists are judged by the job judge: lstmrec run --flow daily")  # fmt: skip
    found = sorted({(f.partition["recommender"], f.partition["role"]) for f in lists.files})
    names = [pair for pair in found if pair[1] in ("validation", "test")]
    popular = [r.name for r in conf.score.recommenders if r.kind == "popularity"]
    return names, next((p for p in popular if any(name == p for name, _ in names)), None)


def facts(conf: Config, k: int, rows: Sequence[Mapping[str, Any]], differences: Sequence[Mapping[str, Any]],
          missing: Iterable[Mapping[str, Any]]) -> dict[str, Any]:  # fmt: skip
    """k, test, validation (headline figures by recommender), differences, beyond, without_list, told and beats_*.

    rows: METRICS. differences: of `paired.holm`. missing: recommender, role, missing (users judged by an empty list).
    """
    test = summary.headline(rows, k)
    return {
        "k": k,
        "test": test,
        "validation": summary.headline(rows, k, "validation"),
        "differences": list(differences),
        "without_list": {f"{r['recommender']} {r['role']}": r["missing"] for r in missing if r["missing"]},
        "told": summary.told(test, k) | against(differences, test, k),
        **summary.beats(test, conf, k),
    }


def blended(blends: Sequence[Blend], k: int, rows: Iterable[Mapping[str, Any]],
            differences: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:  # fmt: skip
    """What fitting weights gained, of each blend: name, best (its part of the highest NDCG where weights were fitted,
    so that who is best is not chosen where it is judged), fitted and judged (NDCG at k of both on either half of the
    validation users), gain (blend minus best on the half that judges: value, low, high, p).

    rows: METRICS; differences: of `paired.differences` on that half.
    """
    of = {(r["recommender"], r["slice"]): r["value"] for r in rows
          if (r["role"], r["metric"], r["k"]) == ("validation", "ndcg", k)}  # fmt: skip
    gaps = {(d["base"], d["recommender"]): d for d in differences if d["role"] == "validation"}
    out = []
    for blend in blends:
        best = summary.best({n: {"ndcg": of[n, FITTED]} for n in blend.of if (n, FITTED) in of}, blend.of, "ndcg")
        if best is None or (gap := gaps.get((blend.name, best))) is None:
            continue
        halves = {part: {n: of[n, slice_] for n in (blend.name, best)}
                  for part, slice_ in (("fitted", FITTED), ("judged", JUDGED))}  # fmt: skip
        gain = {name: gap[name] for name in ("value", "low", "high", "p")}
        out.append({"name": blend.name, "best": best, **halves, "gain": gain})
    return out


def against(differences: Iterable[Mapping[str, Any]], test: Mapping[str, Mapping[str, float]], k: int
            ) -> dict[str, str]:  # fmt: skip
    """The baseline minus the best of the others on test, for the job's line."""
    mine = [d for d in differences if d["role"] == "test" and d["recommender"] in test]
    if not mine:
        return {}
    best = max(mine, key=lambda d: (test[d["recommender"]][f"ndcg_{k}"], d["recommender"]))
    return {f"{best['base']} - {best['recommender']}": f"{best['value']:+.4f}{chance(best)}"}


def chance(difference: Mapping[str, Any]) -> str:
    """` (p 0.012)` of a difference, corrected for how many were compared; empty where none was drawn."""
    p = difference.get("p_holm")
    return "" if p is None else f" (p {p:.3f})"
