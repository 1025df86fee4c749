from __future__ import annotations

from typing import Any, get_args

import pytest
from pydantic import TypeAdapter, ValidationError

from lstmrec.config.load import validate
from lstmrec.config.recommenders import Recommender
from lstmrec.contracts.errors import ConfigError
from tests.road import small

KINDS = [entry.model_fields["kind"].annotation for entry in get_args(get_args(Recommender)[0])]


@pytest.mark.parametrize("kind", [get_args(kind)[0] for kind in KINDS])
def test_an_entry_is_called_by_its_kind_and_says_what_it_takes(kind: str) -> None:
    needed: dict[str, Any] = {"table": {"root": "r"}, "blend": {"of": ["a", "b"]}}.get(kind, {})
    entry: Any = TypeAdapter(Recommender).validate_python({"kind": kind, **needed})
    assert entry.name == kind
    fields = {name: field for name, field in type(entry).model_fields.items() if name not in ("kind", "name")}
    assert all(field.description for field in fields.values())
    with pytest.raises(ValidationError):
        TypeAdapter(Recommender).validate_python({"kind": kind, **needed, "neighbors": 1})


def test_sessions_by_gaps_ask_for_a_clock(tmp_path: Any) -> None:
    conf = small.config(tmp_path / "run", tmp_path)
    conf["clean"]["events"] |= {"time": None, "position": "at"}
    conf["score"] = {"recommenders": [{"kind": "session_knn", "gap_hours": 1}]}
    with pytest.raises(ConfigError, match=r"for a clock: .*session_knn"):
        validate(conf)
