"""The bundle that serves, held against the tables it is to serve over: its ids mean the items and words of its own
training and of no other. No Spark."""

from __future__ import annotations

from lstmrec import rows, versions
from lstmrec.contracts import tables
from lstmrec.contracts.errors import DataError
from lstmrec.contracts.manifest import Manifest

_HINT = "lstmrec run --from train (s6_train, then on) trains on it; of a day run normalise again, then on"


def bundle(root: str) -> Manifest:
    """The newest bundle. DataError D714 where the newest catalogue is not what it was trained on (nor, of a day, what
    was made for it), D715 where a value of the vocabulary has another id, or came or went."""
    found = versions.current(root, tables.BUNDLE)
    over(root, found, versions.current(root, tables.ENCODED_ITEMS))
    _said(root, found)
    return found


def over(root: str, bundle: Manifest, items: Manifest) -> None:
    """DataError D714 unless a version of ENCODED_ITEMS is what the bundle was trained on, or a day's that keeps its
    places. A bundle that does not say what that was (none of ours) passes."""
    wanted = bundle.facts.get("items") or bundle.parents.get(tables.ENCODED_ITEMS.name)
    if wanted in (None, items.fingerprint) or items.facts.get("bundle") == bundle.fingerprint:
        return
    known = bundle.facts.get("fitted", {}).get(tables.ENCODED_ITEMS.name, f"another, of fingerprint {wanted}")
    raise DataError("D714", f"the bundle was trained on another catalogue: encoded_items {known}, now {items.version}",
                    f"bundle {bundle.version}", _HINT)  # fmt: skip


def vectors(root: str, bundle: Manifest) -> Manifest:
    """The newest ITEM_VECTORS. DataError D716 where another bundle made them."""
    found = versions.current(root, tables.ITEM_VECTORS)
    if found.parents.get(tables.BUNDLE.name, bundle.fingerprint) != bundle.fingerprint:
        raise DataError("D716", f"item_vectors {found.version} are another bundle's", f"bundle {bundle.version}",
                        "run score (s7_score) again first")  # fmt: skip
    return found


def exported(root: str, bundle: Manifest, vectors: Manifest) -> None:
    """D714 as above, of the catalogue that the vectors were made from, where it is still there to tell."""
    if (items := versions.parent(root, tables.ENCODED_ITEMS, vectors)) is not None:
        over(root, bundle, items)


def _said(root: str, bundle: Manifest) -> None:
    """By ids: another count of the same words is no other vocabulary, and train would not run for it."""
    version = bundle.facts.get("fitted", {}).get(tables.VOCABULARY.name)
    if version is None or not versions.stands(
        root, tables.VOCABULARY.name, versions.instead_of(root, tables.VOCABULARY, str(version))
    ):
        return
    now, then = versions.current(root, tables.VOCABULARY), versions.fitted(root, tables.VOCABULARY, str(version))
    if now.fingerprint == then.fingerprint:
        return
    if differ := _ids(root, now) ^ _ids(root, then):
        feature, value, _ = min(differ)
        raise DataError("D715", f"the bundle was trained on another vocabulary: {then.version}, now {now.version}, "
                        f"which differ in {feature} {value!r}", f"bundle {bundle.version}", _HINT)  # fmt: skip


def _ids(root: str, words: Manifest) -> set[tuple[str, str, int]]:
    return {(r["feature"], r["value"], r["id"]) for r in rows.select(root, words, ["feature", "value", "id"])}
