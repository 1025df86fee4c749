from pathlib import Path

import pytest

from lstmrec.config.load import load, validate
from lstmrec.config.run import Config
from lstmrec.contracts.errors import ConfigError

SMALL = {"root": "runs/x", "as_of": "2020-01-01T00:00:00Z", "clean": {"events": {"path": ["e.parquet"]}}}


def yaml(tmp_path: Path, text: str) -> str:
    path = tmp_path / "c.yaml"
    path.write_text(text)
    return str(path)


MINIMAL = 'root: runs/x\nas_of: "2020-01-01T00:00:00Z"\nclean: {events: {path: [e.parquet]}}\n'


def test_later_files_and_sets_win(tmp_path: Path) -> None:
    first = yaml(tmp_path, MINIMAL)
    second = tmp_path / "d.yaml"
    second.write_text("seed: 5\ntrain: {epochs: 7}\n")
    conf = load([first, str(second)], ["train.epochs=9", "train.learning_rate=2e-3", "evaluate.ks=[5, 10]"])
    assert (conf.seed, conf.train.epochs, conf.train.learning_rate, conf.evaluate.ks) == (5, 9, 2e-3, [5, 10])


@pytest.mark.parametrize("name", ["demo", "movielens-1m"])
def test_the_configs_that_are_shipped_are_valid(name: str) -> None:
    path = Path(__file__).parents[2] / "conf" / f"{name}.yaml"
    assert load([str(path)]).root == f"runs/{name}"


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("train.epoch=3", "unknown key train.epoch: did you mean epochs?"),
        ("train.model.dimm=3", "unknown key train.model.dimm: did you mean dim?"),
        ("clean.events.paths=[x]", "unknown key clean.events.paths: did you mean path?"),
        ("score.k=0", "greater than or equal to 1"),
        ("score.k=-3", "greater than or equal to 1"),
        ("as_of=null", "as_of"),
        ("as_of=2020-01-01T00:00:00", "has no zone"),
        ("as_of=yesterday", "no instant"),
        ("root='runs/*'", "glob"),
        ("root=runs/../x", "'..'"),
        ("train.ranks=3", "does not divide train.shards 8: use one of [1, 2, 4, 8]"),
        ("train.batch=33", "no multiple"),
        ("evaluate.ks=[50]", "longer lists"),
        ("score.recommenders=[{kind: nothing}]", "expected tags"),
        ("score.recommenders=[{kind: model},{kind: model}]", "distinct"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, override: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load([yaml(tmp_path, MINIMAL)], [override])
    assert says in str(caught.value) and caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "empty"),
        ("- 1\n", "no mapping"),
        ("a: 1\na: 2\n", "stands twice"),
        ("a: !!python/object/apply:os.system [ls]\n", "not YAML we accept"),
        ("a: &x [1]\nb: *x\n", "aliases"),
        ("a:\t- 1\n", "not YAML we accept"),
        ("a: [1\n", "not YAML we accept"),
    ],
)
def test_yaml_that_is_refused(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load([yaml(tmp_path, text)])
    assert says in str(caught.value)


def test_a_root_that_is_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "there")
    conf = yaml(tmp_path, MINIMAL)
    for root in ("link", "link/"):
        with pytest.raises(ConfigError, match="C005") as caught:
            load([conf], [f"root={tmp_path}/{root}"])
        assert f"root={tmp_path}/there" in str(caught.value.hint)
    assert load([conf], [f"root={tmp_path}/link/below"]).root.endswith("below")  # a mount is often behind one


def test_a_missing_file_is_named() -> None:
    with pytest.raises(ConfigError, match="C001"):
        load(["nowhere.yaml"])


def test_without_a_clock_nothing_may_ask_for_one() -> None:
    clean = {"events": {"path": ["e"], "time": None, "position": "p"}}
    leave_last = {"split": {"by": "leave_last"}}
    assert not validate(SMALL | {"clean": clean} | leave_last).has_clock
    for asks, key in (
        ({}, "split.by"),
        ({"train": {"model": {"use_time": True}}}, "use_time"),
        ({"sequence": {"objective": "next_days"}}, "next_days"),
        ({"sequence": {"history": "learn"}}, "learn"),
        ({"profile": {"features": ["tenure_days"]}}, "tenure_days"),
        ({"publish": {"max_quiet_days": 3}}, "max_quiet_days"),
        ({"score": {"recommenders": [{"kind": "popularity", "days": 7}]}}, "popularity"),
    ):
        with pytest.raises(ConfigError) as caught:
            validate(SMALL | {"clean": clean} | (leave_last if asks else {}) | asks)
        assert key in str(caught.value)
    with pytest.raises(ConfigError, match="time or position"):
        validate(SMALL | {"clean": {"events": {"path": ["e"], "time": None}}} | leave_last)


def test_the_cluster_overlay_lies_over_any_config(tmp_path: Path) -> None:
    conf = load([yaml(tmp_path, MINIMAL), str(Path(__file__).parents[2] / "conf" / "cluster.yaml")])
    assert conf.train.launch == "on_spark" and conf.sequence.files_multiple % conf.train.shards == 0


def test_config_is_frozen_and_as_of_is_exact() -> None:
    conf = validate(SMALL | {"as_of": "2018-01-01T11:53:26.000001+02:00"})
    assert conf.as_of == "2018-01-01T09:53:26.000001Z"
    assert conf.as_of_us == 1514800406000001
    with pytest.raises(ValueError, match="frozen"):
        conf.seed = 3  # type: ignore[misc]


def test_sections_are_plain_data() -> None:
    conf = validate(SMALL)
    assert conf.section("seed", "train.epochs") == {"seed": 1, "train.epochs": 40}
    assert conf.section("split")["split"]["by"] == "time"


def test_every_field_says_what_it_is() -> None:
    """Fields whose name is their whole meaning are few, and listed here."""
    plain = {
        "kind",
        "name",
        "clean",
        "split",
        "normalise",
        "profile",
        "sequence",
        "train",
        "score",
        "evaluate",
        "report",
        "candidates",
        "publish",
        "operate",
        "daily",
        "erase",
    }
    missing = []

    def walk(model: type, path: str) -> None:
        for key, field in model.model_fields.items():  # type: ignore[attr-defined]
            if not field.description and key not in plain:
                missing.append(f"{path}.{key}")
            if isinstance(field.annotation, type) and hasattr(field.annotation, "model_fields"):
                walk(field.annotation, f"{path}.{key}")

    walk(Config, "")
    assert missing == []
