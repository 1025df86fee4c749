"""s3_normalise: ids and scaled numbers, fitted on train rows."""

from __future__ import annotations

from pydantic import Field

from lstmrec.config.base import Section


class NormaliseConfig(Section):
    """Vocabularies and scalers."""

    min_item_count: int = Field(1, ge=1, description="items with fewer train events share the unknown embedding")
    min_tag_count: int = Field(1, ge=1, description="tags on fewer catalogue items of train are unknown")
    text_buckets: int = Field(4096, ge=0, description="hash buckets of text n-grams; 0: no text")
    text_max: int = Field(32, ge=1, description="n-grams kept an item (by hash)")
    tags_max: int = Field(16, ge=1, description="tags kept an item (by train count)")
    price: bool = Field(False, description="add the numeric `price`: value / quantity of the item's train events")
    log_numeric: list[str] = Field([], description="numeric features that are log1p-scaled")
