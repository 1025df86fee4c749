from __future__ import annotations

from typing import get_args

from lstmrec.config.recommenders import Recommender
from lstmrec.recommenders.registry import KINDS


def test_every_kind_of_the_config_is_somebodys() -> None:
    kinds = {get_args(entry.model_fields["kind"].annotation)[0] for entry in get_args(get_args(Recommender)[0])}
    assert kinds == set(KINDS) | {"model"}
    assert all(callable(m.fit) and callable(m.score) for m in KINDS.values())
