"""s3_normalise: ids and scaled numbers, fitted on train rows."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from lstmrec.config.base import Section


class NumericRule(Section):
    """What becomes of one number: log, then clip, then scale. A missing indicator stands beside every number."""

    scale: Literal["zscore", "robust", "minmax", "bins", "none"] = Field(
        "zscore", description="zscore: by mean and deviation; robust: by median and interquartile range; minmax: to "
        "0..1; bins: the number of its quantile bin, scaled to 0..1; none: as it is")  # fmt: skip
    log: bool = Field(False, description="log1p first; below 0 counts as 0")
    clip: tuple[float, float] | None = Field(None, description="[low, high] quantiles of train items that the number "
                                             "is cut to, e.g. [0.01, 0.99]")  # fmt: skip
    bins: int = Field(10, ge=2, le=100, description="how many quantile bins, for scale: bins")

    @field_validator("clip")
    @classmethod
    def _quantiles(cls, value: tuple[float, float] | None) -> tuple[float, float] | None:
        if value is not None and not 0 <= value[0] < value[1] <= 1:
            raise ValueError(f"clip {list(value)}: two quantiles, 0 <= low < high <= 1")
        return value


class NormaliseConfig(Section):
    """Vocabularies and scalers."""

    min_item_count: int = Field(1, ge=1, description="items with fewer train events share the unknown embedding")
    min_tag_count: int = Field(1, ge=1, description="tags on fewer catalogue items of train have no id of their own")
    min_value_count: int = Field(1, ge=1, description="demographic values of fewer train users have none either")
    max_values: int = Field(100_000, ge=1, description="values of a tag or demographic vocabulary that have an id of "
                            "their own, by falling count")  # fmt: skip
    tail_buckets: int = Field(0, ge=0, le=1 << 20, description="hash buckets that tags and demographic values without "
                              "an id of their own share; 0: all of them are unknown")  # fmt: skip
    text_buckets: int = Field(4096, ge=0, description="hash buckets of text n-grams; 0: no text")
    text_max: int = Field(32, ge=1, description="n-grams of words, and as many of characters, kept an item (by hash)")
    text_chars: tuple[int, int] | None = Field(None, description="[min, max] length of character n-grams, beside words "
                                               "and pairs of words; null: none")  # fmt: skip
    tags_max: int = Field(16, ge=1, description="tags kept an item (by train count)")
    price: bool = Field(False, description="add the numeric `price`: value / quantity of the item's train events")
    numeric: dict[str, NumericRule] = Field({}, description="name of a numeric feature -> how it is scaled")
    default: NumericRule = Field(NumericRule(), description="how numeric features are scaled that `numeric` leaves out")
    drift: bool = Field(True, description="measure how validation and test differ from train (PSI of each feature)")
    drift_warn: float = Field(0.2, gt=0, description="say so where a PSI is larger")
    grow_from: str | None = Field(None, description="root of a run whose ids are kept: its items and values keep "
                                  "theirs, new ones get ids after them")  # fmt: skip

    @field_validator("text_chars")
    @classmethod
    def _lengths(cls, value: tuple[int, int] | None) -> tuple[int, int] | None:
        if value is not None and not 1 <= value[0] <= value[1] <= 10:
            raise ValueError(f"text_chars {list(value)}: two lengths, 1 <= min <= max <= 10")
        return value
