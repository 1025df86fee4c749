"""A student and its teachers in a training: what is learnt, when teachers fall silent, and what is refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest

from lstmrec.config.run import Config
from lstmrec.contracts.errors import DataError
from lstmrec.model.build import WEIGHTS, build, load, save
from lstmrec.training import distill, loop
from lstmrec.training.arrow_feed import ArrowFeed
from lstmrec.training.comm import Comm, Solo
from lstmrec.training.distill import Lesson
from lstmrec.training.export import TrainResult
from lstmrec.training.inputs import read_inputs
from lstmrec.training.loop import train
from tests.training import tables, test_inputs
from tests.training.ranks import together
from tests.training.tables import config
from tests.training.test_loop import BreaksOff, Broken, log_of, told, weights

walk = tables._windows


def noisy(rng: np.random.Generator, rows: int, length: int, after: int) -> dict[str, np.ndarray]:
    """Windows of the world in which every third event is of any item: such labels are noise, and a teacher who has
    seen enough of them knows it."""
    made = walk(rng, rows, length, after)
    for name in ("items", "after_items"):
        stray = rng.random(made[name].shape) < 1 / 3
        made[name] = np.where((made[name] > 0) & stray, rng.integers(2, 2 + tables.ITEMS, stray.shape), made[name])
    return made


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Few rows to learn from, many that validate."""
    folder = tmp_path_factory.mktemp("root")
    with mock.patch.object(tables, "_windows", noisy):
        tables.write_all(folder, rows=24, validation=200, files=4)
    return folder


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The export of a net that has learnt the same world from more rows."""
    folder, work = tmp_path_factory.mktemp("large"), tmp_path_factory.mktemp("teacher")
    with mock.patch.object(tables, "_windows", noisy):
        tables.write_all(folder, rows=1500, validation=0)
    train(config(folder, epochs=2, batch=64), Solo(), ArrowFeed(), str(work))
    return str(work / "export")


@pytest.fixture(scope="module")
def novice(root: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder of two files alone: a net that has learnt nothing."""
    folder = tmp_path_factory.mktemp("novice")
    save(build(read_inputs(config(root)).spec, 5), str(folder))
    return str(folder)


def student(root: Path, teachers: Sequence[str], **more: Any) -> Config:
    """What the tests train, by these teachers."""
    lesson = {"bundles": list(teachers), "top": 12, "weight": 0.8, **more.pop("teacher", {})}
    return config(root, **{"epochs": 6, **more}, teacher=lesson)


def learn(conf: Config, work: Path) -> TrainResult:
    return train(conf, Solo(), ArrowFeed(), str(work))


def test_a_taught_student_learns_more_in_equal_steps(
    root: Path, teacher: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lessons: list[Lesson] = []
    made = distill.lesson
    monkeypatch.setattr(loop, "lesson", lambda *a: lessons.append(made(*a)) or lessons[-1])
    alone = learn(config(root, epochs=4), tmp_path / "alone")
    taught = learn(student(root, [teacher], epochs=4), tmp_path / "taught")
    assert alone.teacher is None and taught.teacher is not None and alone.ndcg and taught.ndcg
    assert taught.ndcg > alone.ndcg + 0.02
    rows = [log_of(tmp_path / name) for name in ("alone", "taught")]
    assert all(b["ndcg_10"] > a["ndcg_10"] and "teacher" not in a for a, b in zip(*rows, strict=True))
    assert [r["step"] for r in rows[0]] == [r["step"] for r in rows[1]]
    # Who teaches is the net of the folder, to the bit, also afterwards.
    [_, lesson] = lessons
    [net], fresh = lesson.teachers.nets, load(teacher).state_dict()
    assert not net.training and all(v.equal(fresh[k]) for k, v in net.state_dict().items())


def test_what_the_result_tells_of_them(root: Path, teacher: str, novice: str, tmp_path: Path) -> None:
    result = learn(student(root, [teacher, novice], epochs=1), tmp_path)
    found = result.teacher
    assert found is not None and found["asked"] == {"weight": 0.8, "temperature": 1.0, "top": 12, "teachers": 2}
    assert [b["bundle"] for b in found["bundles"]] == [teacher, novice] and found["until"] is None
    best, worst = (b["ndcg_10"] for b in found["bundles"])
    assert worst < 0.3 < found["ndcg_10"] and best > 0.5
    alone = learn(student(root, [teacher], epochs=1), tmp_path / "one")
    assert alone.teacher is not None and alone.teacher["ndcg_10"] == best == alone.teacher["bundles"][0]["ndcg_10"]
    assert json.loads((tmp_path / "export" / "result.json").read_text())["items"] == "encoded_items-print"


def test_no_weight_and_no_steps_are_plain_training_to_the_bit(root: Path, teacher: str, tmp_path: Path) -> None:
    learn(config(root, epochs=2, ema=0.9), tmp_path / "plain")
    for n, none in enumerate(({"weight": 0.0}, {"steps": 0})):
        learn(student(root, [teacher], epochs=2, ema=0.9, teacher=none), tmp_path / str(n))
        assert weights(tmp_path / "plain") == weights(tmp_path / str(n))
        assert told(tmp_path / "plain") == told(tmp_path / str(n))


def test_teachers_that_are_no_better_fall_silent_for_good(root: Path, novice: str, tmp_path: Path) -> None:
    result = learn(student(root, [novice], epochs=3), tmp_path / "novice")
    rows = log_of(tmp_path / "novice")
    assert [r["teacher"] for r in rows] == [0.8, 0.0, 0.0]
    assert result.teacher is not None and result.teacher["until"] == rows[0]["step"]
    # The same as having asked for so many steps.
    learn(student(root, [novice], epochs=3, teacher={"steps": rows[0]["step"]}), tmp_path / "so many")
    assert weights(tmp_path / "novice") == weights(tmp_path / "so many")
    learn(student(root, [novice], epochs=3, teacher={"steps": rows[0]["step"] - 1}), tmp_path / "fewer")
    assert weights(tmp_path / "novice") != weights(tmp_path / "fewer")


@pytest.mark.parametrize("who", ["teacher", "novice"])
def test_resume_is_the_straight_run_bit_for_bit(
    root: Path, tmp_path: Path, who: str, request: pytest.FixtureRequest
) -> None:
    """Also where the teachers have fallen silent before: they are not judged again."""
    conf = student(root, [request.getfixturevalue(who)], epochs=3, ema=0.9, checkpoint_steps=2,
                   model={"input_dropout": 0.3, "hidden_dropout": 0.3})  # fmt: skip
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    one = learn(conf, straight)
    with pytest.raises(Broken):  # 8 files of validation for the teachers, 8 an epoch and 8 that validate it, and so on
        train(conf, Solo(), BreaksOff(28), str(broken))  # type: ignore[arg-type]
    with mock.patch.object(distill.Teachers, "scores", side_effect=AssertionError):
        two = learn(conf, broken)
    assert weights(straight) == weights(broken) and told(straight) == told(broken) and one.teacher == two.teacher
    assert one.teacher is not None and (one.teacher["until"] is None) == (who == "teacher")


def on_ranks(comm: Comm, args: list[str]) -> dict[str, Any]:
    result = train(student(Path(args[0]), args[2:], epochs=3), comm, ArrowFeed(comm.rank), args[1])
    return {"ndcg": result.ndcg, "teacher": result.teacher}


@pytest.mark.horovod
def test_ranks_learn_the_same(root: Path, teacher: str, novice: str, tmp_path: Path) -> None:
    alone, ranks = tmp_path / "alone", tmp_path / "ranks"
    result = learn(student(root, [teacher, novice], epochs=3), alone)
    args = [str(root), str(ranks), teacher, novice]
    one, two = together(2, "tests.training.test_distill:on_ranks", tmp_path, kind="horovod", args=args)
    assert one == two and one["teacher"] == result.teacher
    for a, b in zip(log_of(alone), log_of(ranks), strict=True):
        assert b["loss"] == pytest.approx(a["loss"], rel=1e-5) and b["positions"] == a["positions"]


def test_a_teacher_of_another_catalogue_is_refused(root: Path, teacher: str, novice: str, tmp_path: Path) -> None:
    def refused(folder: Path, match: str) -> None:
        with pytest.raises(DataError, match=match):
            learn(student(root, [novice, str(folder)]), tmp_path / "work")

    other = tmp_path / "other"
    shutil.copytree(teacher, other)
    result = json.loads((other / "result.json").read_text())
    (other / "result.json").write_text(json.dumps(result | {"items": "of another log"}))
    refused(other, r"D672.*of another l, here encoded_item(.|\n)*other")
    (other / "result.json").unlink()  # nobody wrote it down: sizes tell
    spec = json.loads((other / "model.json").read_text())
    (other / "model.json").write_text(json.dumps(spec | {"history": "ignore"}))
    refused(other, "D672.*history is ignore, here filter")
    (other / "model.json").write_text(json.dumps(spec | {"trained": 25}))
    refused(other, "D404")
    (other / WEIGHTS).unlink()
    refused(other, "D671.*no bundle of flow evaluate")


def test_a_teacher_may_look_at_vectors_that_the_student_does_not(tmp_path: Path) -> None:
    tables.write_all(tmp_path)
    test_inputs.items(tmp_path, {"vectors": [["image", 2], ["cover", 1]]})
    wide = read_inputs(test_inputs.config(tmp_path, ["id", "vectors"]))
    place = tmp_path / "net"
    place.mkdir()
    save(net := build(wide.spec, 3), str(place))
    conf = test_inputs.config(tmp_path, ["id"])
    conf = conf.model_copy(update={"train": student(tmp_path, [str(place)]).train})
    inputs = read_inputs(conf)
    lesson = distill.lesson(conf, inputs, inputs.catalogue)
    assert lesson is not None and inputs.catalogue.vectors.shape[1] == 0
    [(vectors, bias)] = lesson.teachers.tables
    wanted = net.eval().item_vectors(wide.catalogue)
    assert vectors.equal(wanted[0]) and bias.equal(wanted[1])


def test_only_what_a_teacher_reads_must_be_alike(root: Path) -> None:
    inputs = read_inputs(config(root))
    spec = inputs.spec.to_dict()
    plain, typed = ({**spec, "types": 9, "static": [3], "use_types": used} for used in (False, True))
    bundle = distill.Bundle("there", "there", {}, "")
    distill._check(bundle, distill.NetSpec.from_dict(plain), inputs)
    with pytest.raises(DataError, match="types is 9, here 3"):
        distill._check(bundle, distill.NetSpec.from_dict(typed), inputs)
