"""Distillation within a training: teachers loaded, judged by the validation that judges the student, and silenced when
it finds the student no worse than they are."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from lstmrec import files
from lstmrec.config.run import Config
from lstmrec.contracts.errors import DataError
from lstmrec.contracts.tables import ENCODED_ITEMS
from lstmrec.model.batch import Catalogue
from lstmrec.model.build import load
from lstmrec.model.distill import How, Teach, Teachers
from lstmrec.model.net import Net
from lstmrec.model.spec import NetSpec
from lstmrec.training.inputs import Inputs, read_catalogue
from lstmrec.training.state import State
from lstmrec.training.teachers import PARTS, Bundle, found
from lstmrec.training.validate import Judged, Validation


class Lesson:
    """The teachers of one training. until: the step at which they fall silent; None: not decided."""

    def __init__(self, conf: Config, bundles: list[Bundle], teachers: Teachers) -> None:
        asked = conf.train.teacher
        self.bundles, self.teachers, self.asked = bundles, teachers, asked.asked()
        self.how = How(asked.weight, asked.temperature, asked.top)
        self.until = asked.steps

    def at(self, step: int) -> Teach | None:
        """What to learn from in a step, besides the labels."""
        if not self.how.weight or (self.until is not None and step >= self.until):
            return None
        return lambda batch, row, at: self.teachers.soft(batch, row, at, self.how)

    def begin(self, state: State, validation: Validation | None, catalogue: Catalogue, beat: Callable[[], None]) -> str:
        """Take over what `state` knows, judging the teachers where it does not know them yet (a collective); a line."""
        if state.taught_until is not None:
            self.until = state.taught_until
        if validation is not None and state.teachers is None:
            many = len(self.bundles) + 1
            judged = validation.measure(self.teachers.scores, many, catalogue, beat=beat)
            state.teachers = [asdict(j) for j in judged]
        found = [b.said for b in self.bundles]
        if state.teachers is None:
            return f"taught by {', '.join(found)}"
        each = ", ".join(f"{s} {j['ndcg']:.4f}" for s, j in zip(found, state.teachers[:-1], strict=True))
        return f"taught by {each} · together ndcg@10 {state.teachers[-1]['ndcg']:.4f}"

    def passed(self, state: State, judged: Judged | None) -> str | None:
        """At an epoch's end: silence the teachers, for good, where the student is no worse; the line that says so.

        Students lean on teachers that are better than they are, and are held back by others."""
        if judged is None or state.teachers is None or self.at(state.step) is None:
            return None
        if judged.ndcg < state.teachers[-1]["ndcg"]:
            return None
        self.until = state.taught_until = state.step
        return f"ndcg@10 {judged.ndcg:.4f} is no worse than the teachers': labels alone from step {state.step} on"

    def share(self, step: int) -> float:
        """The weight of the teachers in a step."""
        return self.how.weight if self.at(step) is not None else 0.0

    def facts(self, state: State) -> dict[str, Any]:
        """What the bundle's manifest tells: who taught, what they are worth on validation, for how many steps."""
        worth = state.teachers or [{}] * (len(self.bundles) + 1)
        each = [{"bundle": b.said, "fingerprint": b.fingerprint, "ndcg_10": j.get("ndcg"), "hr_10": j.get("hr")}
                for b, j in zip(self.bundles, worth[:-1], strict=True)]  # fmt: skip
        return {"asked": self.asked, "bundles": each, "ndcg_10": worth[-1].get("ndcg"), "hr_10": worth[-1].get("hr"),
                "until": self.until}  # fmt: skip


def lesson(conf: Config, inputs: Inputs, catalogue: Catalogue) -> Lesson | None:
    """The teachers that the config names, on the device of `catalogue`; None where it names none.

    DataError D672 naming a teacher over another catalogue or of another history term, D673 one whose files are not
    those that were committed, and what `teachers.found` and `model.build.load` raise.
    """
    bundles = found(conf)
    if not bundles:
        return None
    device = catalogue.ids.device
    nets = []
    for bundle in bundles:
        net = loaded(bundle, device)
        _check(bundle, net.spec, inputs)
        nets.append(net)
    if any("vectors" in net.spec.inputs for net in nets) and "vectors" not in inputs.spec.inputs:
        wide = sum(1 + n for n in inputs.spec.vectors)
        catalogue = read_catalogue(conf.root, inputs.items, wide).to(device)
    return Lesson(conf, bundles, Teachers(nets, catalogue))


def loaded(bundle: Bundle, device: torch.device) -> Net:
    """The net of a bundle; DataError D673 for files that are not those that were committed."""
    with tempfile.TemporaryDirectory() as temporary:
        for name in PARTS:
            place = files.join(bundle.folder, name)
            with files.open_read(place) as f:
                data = f.read()
            if hashlib.sha256(data).hexdigest() != bundle.digests[name]:
                raise DataError("D673", f"{name} is not the file that was committed", place,
                                "restore it, or train it again")  # fmt: skip
            Path(temporary, name).write_bytes(data)
        return load(temporary, device)


def _check(bundle: Bundle, spec: NetSpec, inputs: Inputs) -> None:
    """Refuse a teacher that does not mean what the student means by an item or a user."""
    where = f"train.teacher.bundles: {bundle.said}"
    ours = inputs.items.fingerprint
    if bundle.items and bundle.items != ours:
        raise DataError("D672", f"a teacher over another catalogue: {bundle.items[:12]}, here {ours[:12]}", where,
                        f"train it on the same {ENCODED_ITEMS.name}: the same events, clean, split and normalise "
                        "sections; in flow refit name a refit's bundle")  # fmt: skip
    theirs, mine = _reads(spec, spec), _reads(inputs.spec, spec)
    if wrong := [f"{name} is {theirs[name]}, here {mine[name]}" for name in theirs if theirs[name] != mine[name]]:
        raise DataError("D672", f"a teacher of other tables: {'; '.join(wrong)}", where,
                        "train it on this run's tables, with the same sequence.history")  # fmt: skip


def _reads(sizes: NetSpec, net: NetSpec) -> dict[str, Any]:
    """Of `sizes`, what a net of spec `net` reads of the tables."""
    names = ["history", "trained", *(n for n in ("tags", "text", "numeric", "vectors") if n in net.inputs)]
    names += [n for n, used in (("types", net.use_types), ("static", net.use_static), ("profile", net.use_profile),
                                ("half_lives", net.history == "learn")) if used]  # fmt: skip
    return {name: getattr(sizes, name) for name in names}
