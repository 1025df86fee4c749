"""The core: fitted before the first cut, applied to what is in it, silent about what it does not know."""

from __future__ import annotations

from typing import Any

import pytest

from lstmrec.config.clean import CleanConfig
from lstmrec.config.split import SplitConfig, instant_us
from lstmrec.contracts import tables
from lstmrec.contracts.errors import ConfigError
from lstmrec.frames import core

AS_OF = instant_us("2020-03-01T00:00:00Z")
CUT = instant_us("2020-02-10T00:00:00Z")
BY_TIME = SplitConfig(test_days=10, validation_days=10)


def config(**more: Any) -> CleanConfig:
    return CleanConfig.model_validate({"events": {"path": ["x"]}, **more})


def test_the_instant_is_the_first_cut_unless_said() -> None:
    asking = {"core": {"items": 5}}
    assert core.fit_before_us(config(), BY_TIME, AS_OF) == CUT
    assert core.fit_before_us(config(**asking), BY_TIME, AS_OF) == CUT
    assert core.fit_before_us(config(**asking), SplitConfig(**BY_TIME.model_dump() | {"gap_days": 2}), AS_OF) == (
        CUT - 2 * 86_400_000_000
    )
    early = config(**asking, fit_before="2020-01-01T00:00:00Z")
    assert core.fit_before_us(early, BY_TIME, AS_OF) == instant_us("2020-01-01T00:00:00Z")
    for split in (BY_TIME, SplitConfig(by="leave_last")):
        assert core.fit_before_us(config(**asking, fit_before="all"), split, AS_OF) is None
    assert core.fit_before_us(config(), SplitConfig(by="leave_last"), AS_OF) is None


@pytest.mark.parametrize(
    "asking", [{"core": {"users": 2}}, {"bots": {"user_quantile": 0.99}}, {"bots": {"per_day": 9}}]
)
@pytest.mark.parametrize("split", [SplitConfig(by="leave_last"), SplitConfig(test_share=0.1, validation_share=0.1)])
def test_an_unknown_cut_is_an_error_where_something_is_fitted(asking: dict[str, Any], split: SplitConfig) -> None:
    with pytest.raises(ConfigError, match="C310") as caught:
        core.fit_before_us(config(**asking), split, AS_OF)
    assert "fit_before" in caught.value.where and core.asks(config(**asking))[0] in caught.value.what


@pytest.mark.parametrize("instant", ["2020-02-11T00:00:00Z", "tomorrow", "2020-01-01"])
def test_an_instant_after_the_first_cut_is_an_error(instant: str) -> None:
    with pytest.raises(ConfigError, match="C311"):
        core.fit_before_us(config(fit_before=instant), BY_TIME, AS_OF)


def test_an_instant_that_cannot_be_compared_is_an_error() -> None:
    with pytest.raises(ConfigError, match="C311"):
        core.fit_before_us(config(fit_before="2019-01-01T00:00:00Z"), SplitConfig(by="leave_last"), AS_OF)


def test_what_the_core_leaves_out_is_refused_and_what_it_does_not_know_stays(spark: Any) -> None:
    rows = [
        ("user", "bot", 9, False, "bot"), ("user", "rare", 1, False, "rare_user"), ("user", "u", 7, True, None),
        ("item", "thin", 2, False, "rare_item"), ("item", "i", 6, True, None),
        ("bound", "user_quantile", 8, True, None),
    ]  # fmt: skip
    events = [(u, i, None, None) for u in ("bot", "rare", "u", "new") for i in ("thin", "i", "unheard")]
    events += [("bot", "i", "future", "x")]
    frame = spark.createDataFrame(events, "user_id string, item_id string, reject_reason string, reject_value string")
    found = frame.transform(core.refuse_outside(spark.createDataFrame(rows, tables.CORE.ddl))).collect()
    assert len(found) == len(events)
    within = frame.where("reject_reason IS NULL").transform(core.inside(spark.createDataFrame(rows, tables.CORE.ddl)))
    kept = [(r["user_id"], r["item_id"]) for r in found if r["reject_reason"] is None]
    assert sorted((r["user_id"], r["item_id"]) for r in within.collect()) == sorted(kept)
    said = {(r["user_id"], r["item_id"], r["reject_reason"], r["reject_value"], r["_rejected"]) for r in found}
    assert said == {
        *[("bot", i, "bot", "9", True) for i in ("thin", "i", "unheard")], ("bot", "i", "future", "x", True),
        *[(u, "thin", "rare_item", "2", True) for u in ("rare", "u", "new")],
        *[("rare", i, "rare_user", "1", True) for i in ("i", "unheard")],
        *[(u, i, None, None, False) for u in ("u", "new") for i in ("i", "unheard")],
    }  # fmt: skip
