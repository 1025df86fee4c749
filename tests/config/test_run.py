"""Skip keys hold what differs from the defaults, so the defaults themselves are kept: tests/golden/defaults.json."""

from __future__ import annotations

import json
import pkgutil
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from pydantic_core import PydanticUndefined, to_jsonable_python

from lstmrec import config
from lstmrec.config.base import Section
from lstmrec.config.load import validate
from lstmrec.contracts.errors import ConfigError

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "defaults.json"
SMALL = {"root": "runs/x", "as_of": "2018-01-01T00:00:00Z", "clean": {"events": {"path": ["events"]}}}


def defaults() -> dict[str, Any]:
    """`Class.field` -> its default, of every section there is."""
    for module in pkgutil.iter_modules(config.__path__, "lstmrec.config."):
        import_module(module.name)
    found: dict[str, Any] = {}
    waiting: list[type[Section]] = [Section]
    while waiting:
        model = waiting.pop()
        waiting += [m for m in model.__subclasses__() if m.__module__.startswith("lstmrec.config.")]
        for name, field in model.model_fields.items():
            if field.get_default(call_default_factory=True, validated_data={}) is not PydanticUndefined:
                found[f"{model.__name__}.{name}"] = to_jsonable_python(
                    field.get_default(call_default_factory=True, validated_data={})
                )
    return dict(sorted(found.items()))


def test_no_default_moves_unseen() -> None:
    """A default that moves changes results under an unchanged skip key: raise the VERSION of the jobs that read it, and
    write the file anew (python -m tests.config.test_run). New fields need the file alone."""
    assert defaults() == json.loads(GOLDEN.read_text())


def test_what_stands_at_its_default_is_in_no_skip_key() -> None:
    plain = validate(SMALL)
    assert plain.chosen("seed", "split", "train.model") == {"seed": None, "split": None, "train.model": None}
    same = validate(SMALL | {"seed": plain.seed, "train": {"batch": plain.train.batch}})
    assert same.chosen("seed", "train") == plain.chosen("seed", "train")
    other = validate(SMALL | {"seed": 7, "train": {"model": {"dim": 8}}})
    assert other.chosen("seed", "train.model", "train.model.dim") == {
        "seed": 7, "train.model": {"dim": 8}, "train.model.dim": 8,
    }  # fmt: skip


def test_teachers_that_cannot_be() -> None:
    def taught(*bundles: str, **train: Any) -> Any:
        return validate(SMALL | {"train": {"teacher": {"bundles": list(bundles)}, **train}}).train.teacher

    assert taught("runs/x#v1", "runs/y").asked() == {"weight": 0.5, "temperature": 1.0, "top": 100, "teachers": 2}
    assert taught(loss="sce").asked() == {}
    with pytest.raises(ConfigError, match="ROOT#VERSION"):
        taught("runs/x/")
    with pytest.raises(ConfigError, match="loss softmax, not sce"):
        taught("runs/y", loss="sce")
    with pytest.raises(ConfigError, match="weight"):
        taught(teacher={"weight": 1.0})


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps(defaults(), indent=1) + "\n")
