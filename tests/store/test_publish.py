from __future__ import annotations

import pytest

from lstmrec import versions
from lstmrec.contracts import tables
from lstmrec.contracts.errors import DataError, GateError
from lstmrec.store import publish
from tests import made


def live(conf, table):
    return versions.log(conf.root, table, "live")


def test_all_gates_pass_and_everything_becomes_live(tmp_path):
    conf = made.root(tmp_path)
    assert live(conf, "recommendations") == []
    publish.publish(conf)
    assert live(conf, "recommendations") == live(conf, "metrics") == live(conf, "bundle") == ["v1"]


def test_a_recommender_that_missed_users_stops_everything(tmp_path):
    conf = made.root(tmp_path, recommenders=("model", "popularity", "personal"))
    with pytest.raises(GateError, match="item_knn, serve") as error:
        publish.publish(conf)
    assert error.value.exit_code == 5
    assert all(live(conf, t.name) == [] for t in tables.ALL)


def test_rollback_goes_back_for_all_tables_together_and_never_to_what_was_taken_back(tmp_path):
    conf = made.root(tmp_path)
    publish.publish(conf)
    with pytest.raises(DataError, match="D830"):
        publish.rollback(conf.root)
    made.again(tmp_path, "v2")
    publish.publish(conf)
    made.again(tmp_path, "v3")
    publish.publish(conf)
    assert publish.rollback(conf.root)["recommendations"] == "v2"
    assert publish.rollback(conf.root)["metrics"] == "v1"
    assert live(conf, "recommendations") == ["v1", "v2", "v3", "v2", "v1"]
    assert live(conf, "bundle") == ["v1"]
    with pytest.raises(DataError, match="D830"):
        publish.rollback(conf.root)


def test_one_table_can_go_back_alone(tmp_path):
    conf = made.root(tmp_path)
    publish.publish(conf)
    made.again(tmp_path, "v2")
    publish.publish(conf)
    assert publish.rollback(conf.root, "recommendations") == {"recommendations": "v1"}
    assert live(conf, "recommendations")[-1] == "v1"
    assert live(conf, "metrics")[-1] == "v2"


@pytest.mark.parametrize("table", [None, "recommendations"])
def test_a_rollback_broken_off_is_completed_and_goes_no_further(tmp_path, monkeypatch, table):
    conf = made.root(tmp_path)
    publish.publish(conf)
    made.again(tmp_path, "v2")
    publish.publish(conf)
    made.again(tmp_path, "v3")
    publish.publish(conf)
    with monkeypatch.context() as broken:
        broken.setattr(versions, "append", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            publish.rollback(conf.root, table)
    assert live(conf, "recommendations")[-1] == "v3"
    assert publish.rollback(conf.root, table)["recommendations"] == "v2" == live(conf, "recommendations")[-1]
    assert publish.rollback(conf.root, table)["recommendations"] == "v1"


def test_a_publication_whose_writer_died_over_it_was_never_made(tmp_path):
    conf = made.root(tmp_path)
    publish.publish(conf)
    (tmp_path / "_published" / "000001.json").write_text('{"bundle": "v')
    made.again(tmp_path, "v2")
    publish.publish(conf)
    assert [e["recommendations"] for e in publish.publications(conf.root)] == ["v1", "v2"]
    assert publish.rollback(conf.root)["recommendations"] == "v1"
