"""Flow refit: the config of the run that was evaluated, on every event, for as many steps as its best epoch took."""

from __future__ import annotations

from typing import Any

from lstmrec import versions
from lstmrec.config.load import validate
from lstmrec.config.run import Config
from lstmrec.contracts import tables
from lstmrec.contracts.errors import ConfigError, DataError
from lstmrec.contracts.manifest import Manifest

#: Keys whose values a refit changes itself.
_OWN = ("steps", "epochs", "schedule_epochs")


def evaluated(conf: Config) -> Manifest:
    """The newest bundle of flow evaluate. DataError D660 where there is none, ConfigError C660 where it is of another
    config: what is served must be what was judged."""
    for found in versions.newest(conf.root, tables.BUNDLE):
        if found.facts.get("flow", "evaluate") != "evaluate":
            continue
        mine = _kept(conf.section(*found.config))
        theirs = _kept(dict(found.config))
        differs = sorted(k for k in mine if mine[k] != theirs.get(k))
        if conf.train.teacher.asked() != _teacher(found).get("asked", {}):
            differs.append("train.teacher")
        if bool(conf.train.init_from) != ("init_from" in found.facts):  # other weights to begin with want other steps
            differs.append("train.init_from")
        if differs:
            raise ConfigError("C660", f"another config than the bundle that was evaluated: {', '.join(differs)}",
                              f"bundle {found.version}", "lstmrec run --flow evaluate, then refit")  # fmt: skip
        return found
    raise DataError("D660", "no bundle was evaluated here", conf.root, "lstmrec run --flow evaluate, then refit")


def frozen(conf: Config, bundle: Manifest) -> Config:
    """The config with the steps of a bundle's best epoch, at the rates that it was trained with; teachers teach as
    long as they did."""
    t, best = conf.train, int(bundle.facts["best_epoch"])
    steps, schedule = int(bundle.facts["steps"]), t.schedule_epochs or t.epochs
    own: dict[str, Any] = {"steps": steps, "epochs": best, "schedule_epochs": schedule}
    data = conf.model_dump(mode="json")
    if t.teacher.bundles:
        own["teacher"] = data["train"]["teacher"] | {"steps": _teacher(bundle).get("until")}
    return validate(data | {"train": data["train"] | own})


def sources(conf: Config) -> dict[str, str]:
    """What a training depends on besides its tables and config."""
    if conf.flow == "refit":
        bundle = evaluated(conf)
        return {"refit": bundle.fingerprint, "steps": str(bundle.facts["steps"])}
    return {"steps": str(conf.train.steps)} if conf.train.steps else {}


def _teacher(bundle: Manifest) -> dict[str, Any]:
    return dict(bundle.facts.get("teacher") or {})


def _kept(config: dict[str, Any]) -> dict[str, Any]:
    """A bundle's config without what the flow makes of it."""
    out = {k: v for k, v in config.items() if k not in {f"train.{own}" for own in _OWN}}
    if isinstance(out.get("sequence"), dict):
        out["sequence"] = {k: v for k, v in out["sequence"].items() if k != "roles"}
    return out
