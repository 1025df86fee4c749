"""The bundle whose weights a training begins with (`train.init_from`): found, checked, pinned. No torch: the job's skip
key asks."""

from __future__ import annotations

from lstmrec import files, rows, versions
from lstmrec.config.load import validate
from lstmrec.config.run import Config
from lstmrec.config.split import instant_us
from lstmrec.contracts import manifest as manifests
from lstmrec.contracts import tables
from lstmrec.contracts.errors import ConfigError
from lstmrec.training import teachers
from lstmrec.training.teachers import PARTS, Bundle

KEY = "train.init_from"


def found(conf: Config) -> Bundle | None:
    """The bundle that the config names, None where it names none.

    ConfigError C661 where a root has none over the items that these were grown from, C662 where the one named is over
    others, C663 where it has seen what this run holds out; what `teachers.one` raises where it is not there.
    """
    entry = conf.train.init_from
    if entry is None:
        return None
    if "#" not in entry and not files.exists(files.join(entry, PARTS[1])):
        entry = f"{entry}#{_newest(entry, conf)}"
    bundle = teachers.one(entry, conf.flow)
    if bundle.items and bundle.items not in bases(conf):
        raise ConfigError("C662", "its items are neither this run's nor what they were grown from", f"{KEY}: {entry}",
                          "--set normalise.grow_from=ITS_ROOT keeps every known item's id")  # fmt: skip
    _unseen(conf, bundle)
    return bundle


def pinned(conf: Config) -> Config:
    """The config with the bundle named by its version: a root may get a newer one while the ranks start."""
    bundle = found(conf)
    if bundle is None:
        return conf
    data = conf.model_dump(mode="json")
    data["train"]["init_from"] = bundle.said
    return validate(data)


def sources(conf: Config) -> dict[str, str]:
    """What a training depends on besides its tables and config: the weights it begins with. (As `teachers.sources`.)"""
    bundle = found(conf)
    return {} if bundle is None else {"init_from": bundle.fingerprint}


def bases(conf: Config) -> list[str]:
    """Fingerprints of the ENCODED_ITEMS whose items have the ids that they have here: these, and what they were grown
    from."""
    items = versions.current(conf.root, tables.ENCODED_ITEMS)
    grown = items.facts.get("grown_from", {}).get(f"grown:{tables.ENCODED_ITEMS.name}")
    return [items.fingerprint, *([grown] if grown else [])]


def _newest(root: str, conf: Config) -> str:
    wanted = bases(conf)
    for bundle in versions.newest(root, tables.BUNDLE):
        if bundle.facts.get("items") in wanted:
            return bundle.version
    raise ConfigError("C661", "no bundle there is over these items, or over what they were grown from",
                      f"{KEY}: {root}", "--set normalise.grow_from to the same root, whose newest items must be those "
                      "of one of its bundles")  # fmt: skip


def _unseen(conf: Config, bundle: Bundle) -> None:
    """Refuse a bundle that was trained on what comes later than this run's training: a refit knows all events up to its
    as_of, an evaluated bundle those before its own hold-out. (A folder of two files does not say.)"""
    told = files.whole_json(files.join(bundle.folder, manifests.NAME)) or {}
    if not told.get("as_of"):
        return
    knows, ends, name = instant_us(told["as_of"]), conf.as_of_us, "as_of"
    if conf.flow == "evaluate" and told.get("facts", {}).get("flow") == "refit":
        cuts = rows.select(conf.root, versions.current(conf.root, tables.CUTS), ["role", "time"])
        end = next((r["time"] for r in cuts if r["role"] == "train"), None)
        ends, name = (-1 if end is None else int(end)), "the end of train"
    if knows > ends:
        raise ConfigError("C663", f"this bundle knows events up to {told['as_of']}, later than {name}", bundle.said,
                          "begin with one of an earlier as_of; in flow evaluate with an evaluated one")  # fmt: skip
