from __future__ import annotations

from typing import Any

import pytest

from lstmrec.config import variants
from lstmrec.config.load import validate
from lstmrec.contracts.errors import ConfigError
from tests.config.test_run import SMALL

TWO = [{"name": "control", "recommender": "model", "share": 0.9}, {"name": "b", "recommender": "ease", "share": 0.1}]


def asked(of: list[dict[str, Any]] = TWO, **more: Any) -> Any:
    score = {"recommenders": [{"kind": "model"}, {"kind": "ease"}], **more.pop("score", {})}
    return validate(SMALL | {"score": score, "variants": {"salt": "2026-11", "of": of}} | more)


def test_an_experiment_is_read_in_every_flow() -> None:
    for flow in ("evaluate", "refit", "daily"):
        conf = asked(flow=flow)
        assert [(v.name, v.recommender, v.share) for v in conf.variants.of] == [
            ("control", "model", 0.9), ("b", "ease", 0.1),
        ]  # fmt: skip
        assert variants.parse(conf.section("variants")) == conf.variants
    assert variants.parse(validate(SMALL).section("variants")) is None is variants.parse({})


def test_shares_that_are_thirds_are_whole() -> None:
    assert asked([{"name": n, "recommender": "model", "share": 1 / 3} for n in "abc"]).variants is not None


@pytest.mark.parametrize(("of", "more", "said"), [
    ([TWO[0], TWO[1] | {"share": 0.2}], {}, "shares sum to 1.1, not to 1"),
    ([TWO[0], TWO[1] | {"name": "control"}], {}, "names must be distinct"),
    ([TWO[0], TWO[1] | {"name": "B side"}], {}, "names must be distinct"),
    ([TWO[0], TWO[1] | {"recommender": "als"}], {}, r"\['als'\] are none of score.recommenders: \['ease', 'model'\]"),
    ([TWO[0] | {"share": 1.0}], {}, "share"),
    ([TWO[0], TWO[1] | {"share": 0.0}], {}, "share"),
    (TWO, {"score": {"roles": ["test"]}}, "serve is not in score.roles"),
    (TWO, {"evaluate": {"bootstrap": 20}}, "evaluate.bootstrap 20 is too few"),
    (TWO, {"evaluate": {"sequential": {"alpha": 0.5}}}, "alpha"),
])  # fmt: skip
def test_what_cannot_be_an_experiment(of: list[dict[str, Any]], more: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        asked(of, **more)
