"""What a bundle was fitted with, by digest: the tables that days apply and never fit again."""

from __future__ import annotations

from dataclasses import dataclass

from lstmrec import versions
from lstmrec.contracts import tables
from lstmrec.contracts.errors import DataError
from lstmrec.contracts.manifest import Manifest
from lstmrec.contracts.tables import Table

#: Tables of a bundle's own run that later runs apply.
APPLIED = (tables.EVENTS, tables.CORE, tables.VOCABULARY, tables.SCALERS, tables.ENCODED_USERS, tables.ENCODED_ITEMS,
           tables.USER_PROFILES)  # fmt: skip


@dataclass(frozen=True)
class Fitted:
    """A bundle and the tables of its run, by name."""

    bundle: Manifest
    tables: dict[str, Manifest]

    def __getitem__(self, contract: Table) -> Manifest:
        return self.tables[contract.name]

    @property
    def digests(self) -> dict[str, str]:
        """name -> fingerprint."""
        return {name: m.fingerprint for name, m in sorted(self.tables.items())}


def served(root: str) -> Manifest:
    """The bundle that days go on with: the live one, where none is the newest. DataError D105 where there is none."""
    return versions.current(root, tables.BUNDLE, "live" if versions.log(root, tables.BUNDLE.name, "live") else "head")


def of(root: str, bundle: Manifest | None = None) -> Fitted:
    """A bundle (`served`, unless given) with what it was fitted with. DataError D351 where a part of it is gone."""
    bundle = bundle or served(root)
    found = {}
    for contract in APPLIED:
        version = bundle.facts.get("fitted", {}).get(contract.name)
        if version is None or not versions.stands(
            root, contract.name, versions.instead_of(root, contract, str(version))
        ):
            raise DataError("D351", f"{contract.name} that the bundle was fitted with is not there",
                            f"bundle {bundle.version}", "train again: lstmrec run")  # fmt: skip
        found[contract.name] = versions.fitted(root, contract, str(version))
    return Fitted(bundle, found)


def now(root: str) -> dict[str, str]:
    """name -> version, of what a bundle that is trained now is fitted with: by the fingerprints of its parents, and of
    theirs, up to the events. Empty where an older run's tables were pruned."""
    sequences = versions.current(root, tables.SEQUENCES)
    items = versions.current(root, tables.ENCODED_ITEMS)
    split = _made(root, tables.SPLIT, sequences.parents.get("split", ""))
    events = _made(root, tables.EVENTS, split.parents.get("events", "")) if split else None
    profiles = _made(root, tables.USER_PROFILES, sequences.parents.get("user_profiles", ""))
    if events is None or profiles is None:
        return {}
    out = {"events": events.version, "user_profiles": profiles.version, "encoded_items": items.version}
    for contract, of in ((tables.CORE, events), (tables.VOCABULARY, items), (tables.SCALERS, items),
                         (tables.ENCODED_USERS, items)):  # fmt: skip
        beside = versions.find(root, contract, of.skip_key)
        if beside is None:
            return {}
        out[contract.name] = beside.version
    return out


def _made(root: str, contract: Table, fingerprint: str) -> Manifest | None:
    return next((m for m in versions.newest(root, contract) if m.fingerprint == fingerprint), None)
