"""Tables that a bundle was fitted with and that held users who were erased: the versions that stand in for them.

ROOT/TABLE/_names/instead/000001.json names a version whose `facts.instead` says for which one it stands.
"""

from __future__ import annotations

from dataclasses import replace

from lstmrec import versions
from lstmrec.contracts.manifest import Manifest
from lstmrec.contracts.tables import Table

NAME = "instead"


def of(root: str, contract: Table, version: str) -> str:
    """The version itself, or the newest that stands in for it."""
    stands = {}
    for made in versions.log(root, contract.name, NAME):
        if versions.stands(root, contract.name, made):
            stands[str(versions.load(root, contract, made).facts[NAME]["version"])] = made
    return stands.get(version, version)


def load(root: str, contract: Table, version: str) -> Manifest:
    """The manifest of `of`, with the fingerprint of what was fitted: nothing that was made by it is stale."""
    found = versions.load(root, contract, of(root, contract, version))
    return replace(found, fingerprint=found.facts.get(NAME, {}).get("fingerprint", found.fingerprint))
