"""Rows of an evaluation -> the facts of METRICS: headline figures, what differs, which lists lack (plain numbers)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lstmrec.config.run import Config
from lstmrec.contracts.manifest import Manifest
from lstmrec.report import summary


def scored(conf: Config, lists: Manifest) -> tuple[list[tuple[str, str]], str | None]:
    """(recommender, role) of the lists of validation and test, and the name of the popularity lists among them: what is
    no surprise to `serendipity`. lists: the manifest of RECOMMENDATIONS."""
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
