from __future__ import annotations

from pathlib import Path

from lstmrec import versions
from lstmrec.contracts import tables
from lstmrec.store import prune
from lstmrec.store.publish import _move
from tests import made


def names(found: list[prune.Old]) -> list[tuple[str, str]]:
    return [(o.table, o.version) for o in found]


def test_only_what_nothing_points_to_goes(tmp_path: Path) -> None:
    for n in range(1, 6):
        made.put(tmp_path, tables.RECOMMENDATIONS, [made.listed("model", "serve", "718", ["a"])], version=f"v{n}")
        made.put(tmp_path, tables.SPLIT, made.SPLIT, version=f"v{n}")
    (tmp_path / "split" / "notes").mkdir()
    (tmp_path / "split" / "_mine").mkdir()
    _move(str(tmp_path), {"recommendations": "v1", "split": "v1"})
    _move(str(tmp_path), {"recommendations": "v2", "split": "v2"})
    _move(str(tmp_path), {"recommendations": "v3", "split": "v3"})
    found = prune.old(str(tmp_path), keep=1)
    assert names(found) == [("split", "notes"), ("split", "v1"), ("split", "v4"), ("recommendations", "v1"),
                            ("recommendations", "v4")]  # fmt: skip
    assert [o.whole for o in found] == [False, True, True, True, True] and all(o.bytes for o in found if o.whole)
    assert names(prune.old(str(tmp_path), keep=5)) == [("split", "notes")]
    for one in found:
        prune.remove(str(tmp_path), one)
    assert names(prune.old(str(tmp_path), keep=1)) == [] and (tmp_path / "split" / "_mine").is_dir()
    assert versions.current(str(tmp_path), tables.SPLIT, "live").version == "v3"
    assert versions.find(str(tmp_path), tables.SPLIT, "key") is None  # made under another name, as versions go


def test_what_kept_versions_are_made_of_stays(tmp_path: Path) -> None:
    made.put(tmp_path, tables.VOCABULARY, [], version="w1")
    made.put(tmp_path, tables.VOCABULARY, [], version="w2")
    made.put(tmp_path, tables.SEQUENCES, [], version="s1", parents={"vocabulary": "print-vocabulary-w1"})
    made.put(tmp_path, tables.SEQUENCES, [], version="s2", parents={"vocabulary": "print-vocabulary-w2"})
    for n in (1, 2, 3):
        made.put(tmp_path, tables.ITEM_VECTORS, [], version=f"i{n}")
    chains = {"u1": [], "u2": ["u1"], "u3": ["u1", "u2"]}
    for n, (version, chain) in enumerate(chains.items(), 1):
        made.put(tmp_path, tables.USER_STATES, [], version=version, facts={"chain": chain, "item_vectors": f"i{n}"},
                 parents={"sequences": "print-sequences-s1"})  # fmt: skip
    assert names(prune.old(str(tmp_path), keep=1)) == []  # u3 needs u1 and u2, these i1 and i2, all of them s1 and w1
    made.put(tmp_path, tables.USER_STATES, [], version="u4", facts={"chain": [], "item_vectors": "i3"})
    gone = [("vocabulary", "w1"), ("sequences", "s1"), ("item_vectors", "i1"), ("item_vectors", "i2"),
            ("user_states", "u1"), ("user_states", "u2"), ("user_states", "u3")]  # fmt: skip
    assert names(prune.old(str(tmp_path), keep=1)) == gone


def test_a_damaged_version_that_is_pointed_to_is_left_to_be_mended(tmp_path: Path) -> None:
    made.put(tmp_path, tables.SPLIT, made.SPLIT, version="v1")
    made.put(tmp_path, tables.SPLIT, made.SPLIT, version="v2")
    for version in ("v1", "v2"):
        (tmp_path / "split" / version / "_MANIFEST.json").write_text('{"table": "spl')
    assert [(o.version, o.whole) for o in prune.old(str(tmp_path), keep=1)] == [("v1", False)]


def test_private_folders_of_killed_jobs_go_and_what_a_rerun_goes_on_with_stays(tmp_path: Path) -> None:
    desk = versions.new_version("a" * 64)
    for place in (f"clean/{desk}", "train/aaaaaaaaaaaa/checkpoints", "score/buckets-" + "a" * 32):
        (tmp_path / "_work" / place).mkdir(parents=True)
        (tmp_path / "_work" / place / "part").write_bytes(b"123")
    found = prune.old(str(tmp_path), keep=1)
    assert found == [prune.Old("_work/clean", desk, 3, whole=False)]
    prune.remove(str(tmp_path), found[0])
    assert sorted(p.name for p in (tmp_path / "_work").glob("*/*")) == ["aaaaaaaaaaaa", "buckets-" + "a" * 32]


def test_what_the_bundle_was_fitted_with_and_the_days_before_stay(tmp_path: Path) -> None:
    """`fitted` of other tables means other things: what recommenders have fitted, whose scalers were applied."""
    root = str(tmp_path)
    for n in range(1, 4):
        made.put(tmp_path, tables.SCALERS, [], version=f"c{n}")
        made.put(tmp_path, tables.SPLIT, made.SPLIT, version=f"d{n}", facts={"chain": [f"d{n - 1}"] if n > 2 else []})
    made.put(tmp_path, tables.RECOMMENDATIONS, [], version="r1", facts={"fitted": {"als": {"rank": 3}}})
    made.put(tmp_path, tables.USER_PROFILES, [], version="p1", facts={"fitted": "print"})
    versions.seal_files(root, made.manifest(tables.BUNDLE, "b1", facts={"fitted": {"scalers": "c1"}}))
    assert names(prune.old(root, keep=1)) == [("split", "d1"), ("scalers", "c2")]
