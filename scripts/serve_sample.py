"""A service in one file: reads events as JSON lines, keeps a state a user, answers each with the user's list.

    lstmrec export --config C --out EXPORT
    python scripts/serve_sample.py EXPORT [--k 10] < events.jsonl > lists.jsonl

A line: {"user": "u1", "item": "i3", "type": "view", "time": 1700000000, "static": {"age": "25-34"}, "profile": [0.1]}.
`user` alone asks for a list. Needs numpy and onnxruntime, nothing of lstmrec; docs/serving.md says what each part is.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from onnxruntime import InferenceSession


class Service:
    """Lists that follow each event. `states` is all it knows of users: keep it where a restart does not lose it."""

    def __init__(self, folder: Path, k: int = 10) -> None:
        self.told, self.k = json.loads((folder / "manifest.json").read_text(encoding="utf-8")), k
        items, words = self.told["items"], self.told["vocabularies"]
        self.vectors, self.bias = np.load(folder / items["vectors"], mmap_mode="r"), np.load(folder / items["bias"])
        self.ids = json.loads((folder / items["ids"]).read_text(encoding="utf-8"))
        self.row = {item_id: i for i, item_id in enumerate(self.ids) if i >= items["first"]}
        self.words = json.loads((folder / words["file"]).read_text(encoding="utf-8")) if words else {}
        self.run = {name: InferenceSession(str(folder / g["onnx"])) for name, g in self.told["graphs"].items()}
        self.states: dict[str, dict[str, Any]] = {}

    def answer(self, line: dict[str, Any]) -> list[tuple[str, float]]:
        """The list after a line: (item id, score), best first."""
        if line["user"] not in self.states:
            self.states[line["user"]] = self._start(line)
        state = self.states[line["user"]]
        now = int(line.get("time", state["time"] or 0))
        if "item" in line:
            self._step(state, line, now)
        scores = (self.vectors @ state["user"] + self.bias).astype(np.float64)
        self._own(state, scores, now)
        scores[: self.told["items"]["first"]] = -np.inf
        best = np.argsort(-scores, kind="stable")[: self.k]
        return [(self.ids[i], float(scores[i])) for i in best if scores[i] > -np.inf]

    def _start(self, line: dict[str, Any]) -> dict[str, Any]:
        given, words = line.get("static", {}), self.told["vocabularies"]
        static = [self._id(self.words["static"][name], given.get(name)) for name in (words or {"static": []})["static"]]
        profile = line.get("profile") or (self.told["profile"] or {"no_event": []})["no_event"]
        kept = {"static": np.array([static], np.int64), "profile": np.array([profile], np.float32)}
        h, c, user = self._graph("start", {**kept, "users": np.zeros(1, np.int64)})
        return {**kept, "h": h, "c": c, "user": user[0], "time": None, "had": {}}

    def _step(self, state: dict[str, Any], line: dict[str, Any], now: int) -> None:
        if "profile" in line:
            state["profile"] = np.array([line["profile"]], np.float32)
        row = self.row.get(line["item"], self.told["items"]["unknown"])
        gap = -1 if state["time"] is None else max(now - state["time"], 0)
        kind = self.words.get("event_type", {}).get(line.get("type"), 1)
        numbers = {"type": kind, "time": now, "gap": gap}
        named = {**state, **{name: np.array([n], np.int64) for name, n in numbers.items()}}
        h, c, user = self._graph("step", {**named, "item": self.vectors[row : row + 1]})
        state |= {"h": h, "c": c, "user": user[0], "time": now}
        count, decayed, last = state["had"].get(row, (0, np.zeros(len(self._lives())), now))
        state["had"][row] = (count + 1, decayed * self._decay(now - last) + 1.0, max(now, last))

    def _own(self, state: dict[str, Any], scores: np.ndarray, now: int) -> None:
        """What the items of the history score instead."""
        had = [row for row in state["had"] if row >= self.told["items"]["first"]]
        setting = self.told["history"]["setting"]
        if setting == "filter":
            scores[had] = -np.inf
        elif setting == "learn" and had:
            count, decayed, last = (list(part) for part in zip(*[state["had"][row] for row in had], strict=True))
            since = np.maximum(now - np.array(last), 0)
            faded = np.array([d * self._decay(s) for d, s in zip(decayed, since, strict=True)])
            named = {"user": state["user"][None], "count": count, "decayed": faded, "days": since / 86400,
                     "base": scores[had], "distinct": [len(state["had"])]}  # fmt: skip
            named = {name: np.asarray(value, np.float32) for name, value in named.items()}
            scores[had] = self._graph("history", named)[0]

    def _graph(self, name: str, named: dict[str, np.ndarray]) -> list[np.ndarray]:
        inputs = {port["name"]: named[port["name"]] for port in self.told["graphs"][name]["inputs"]}
        return list(self.run[name].run(None, inputs))

    def _id(self, known: dict[str, int], value: str | None) -> int:
        if value is not None and value not in known and self.told["vocabularies"]["tail_buckets"]:
            raise ValueError(f"{value!r} has no id of its own: this sample has no xxhash64 for the tail buckets")
        return known.get(value or "", 1)

    def _lives(self) -> list[float]:
        return list(self.told["history"].get("half_lives_days", []))

    def _decay(self, seconds: float) -> np.ndarray:
        return np.exp2(-max(seconds, 0) / 86400 / np.array(self._lives()))


def main() -> None:
    """Answer every line of stdin."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("export", type=Path)
    parser.add_argument("--k", type=int, default=10)
    args = parser.parse_args()
    service = Service(args.export, args.k)
    for text in sys.stdin:
        line = json.loads(text)
        found = [{"item_id": item, "score": score} for item, score in service.answer(line)]
        print(json.dumps({"user": line["user"], "items": found}), flush=True)


if __name__ == "__main__":
    main()
