"""Who teaches (`train.teacher.bundles`): found, told apart by digest, pinned. No torch: the job's skip key asks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lstmrec import files, versions
from lstmrec.config.load import validate
from lstmrec.config.run import Config
from lstmrec.contracts import manifest as manifests
from lstmrec.contracts import tables
from lstmrec.contracts.errors import DataError
from lstmrec.contracts.manifest import Manifest, digest

PARTS = ("model.json", "weights.safetensors")
_RESULT = "result.json"  # of a training's export


@dataclass(frozen=True)
class Bundle:
    """A teacher. said: ROOT#VERSION, or the folder as configured; folder: where its PARTS are; digests: their sha256;
    items: fingerprint of the ENCODED_ITEMS it was trained over, empty where nobody wrote it down."""

    said: str
    folder: str
    digests: Mapping[str, str]
    items: str

    @property
    def fingerprint(self) -> str:
        """The same for the same net, wherever it lies."""
        return digest([self.digests[name] for name in PARTS])


def found(conf: Config) -> list[Bundle]:
    """The teachers, in the order of the config. DataError D671 where one is not there, and what `versions.load` raises
    for a version that is not whole."""
    return [one(entry, conf.flow) for entry in conf.train.teacher.bundles]


def pinned(conf: Config) -> Config:
    """The config with every teacher named by its version: a root may get a newer bundle while the ranks start."""
    if not conf.train.teacher.bundles:
        return conf
    data = conf.model_dump(mode="json")
    data["train"]["teacher"]["bundles"] = [bundle.said for bundle in found(conf)]
    return validate(data)


def sources(conf: Config) -> dict[str, str]:
    """What a training depends on besides its tables and config: who teaches, and how. (Here and not among the config's
    sections, so that a bundle without teachers keeps its key.)"""
    asked = conf.train.teacher
    if not asked.bundles:
        return {}
    of = {f"teacher.{n}": bundle.fingerprint for n, bundle in enumerate(found(conf), 1)}
    return {"teacher": digest(asked.model_dump(mode="json", exclude={"bundles"}, exclude_defaults=True)), **of}


def places(bundle: Manifest) -> list[str]:
    """Where those lay that taught a bundle, or it began with, as lineage names them: a root's table, or a folder."""
    facts = bundle.facts if bundle.table == tables.BUNDLE.name else {}
    read = [*(facts.get("teacher") or {}).get("bundles", ()), *([facts["init_from"]] if "init_from" in facts else [])]
    said = [str(b["bundle"]).partition("#") for b in read]
    return [files.join(place, tables.BUNDLE.name) if version else place for place, _, version in said]


def one(entry: str, flow: str) -> Bundle:
    """The bundle that an entry names: ROOT (its newest of this flow), ROOT#VERSION, or a folder; raises as `found`."""
    if files.exists(files.join(entry, PARTS[1])):
        return _of_folder(entry)
    root, _, version = entry.partition("#")
    manifest = versions.load(root, tables.BUNDLE, version) if version else _newest(root, flow)
    place = versions.folder(root, tables.BUNDLE.name, manifest.version)
    digests = {f.path: f.sha256 for f in manifest.files if f.path in PARTS}
    if len(digests) < len(PARTS):
        raise DataError("D671", "no whole model in this bundle", place, f"it lists {', '.join(digests) or 'nothing'}")
    return Bundle(f"{root}#{manifest.version}", place, digests, str(manifest.facts.get("items", "")))


def _newest(root: str, flow: str) -> Manifest:
    """Of the same flow: a refit's catalogue is of all events, and so must be its teacher's."""
    wanted = "refit" if flow == "refit" else "evaluate"
    for manifest in versions.newest(root, tables.BUNDLE):
        if manifest.facts.get("flow", "evaluate") == wanted:
            return manifest
    raise DataError("D671", f"no bundle of flow {wanted} to learn from", f"train.teacher.bundles: {root}",
                    f"lstmrec run --flow {wanted} there first; or name a folder of {' and '.join(PARTS)}")  # fmt: skip


def _of_folder(folder: str) -> Bundle:
    """A folder of a version, of a training's export, or of two files alone."""
    try:
        digests = {name: files.sha256(files.join(folder, name)) for name in PARTS}
    except FileNotFoundError as error:
        raise DataError("D671", f"no whole model: {error}", f"train.teacher.bundles: {folder}") from error
    manifest = files.whole_json(files.join(folder, manifests.NAME)) or {}
    result = files.whole_json(files.join(folder, _RESULT)) or {}
    items = manifest.get("facts", {}).get("items") or result.get("items") or ""
    return Bundle(folder, folder, digests, str(items))
