"""The recommenders an entry of `score.recommenders` may name."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from lstmrec.config.base import Section


class ModelRecommender(Section):
    """The LSTM bundle."""

    kind: Literal["model"]
    name: str = "model"


class Popularity(Section):
    """Most popular items, all time or of the last days before the cut."""

    kind: Literal["popularity"]
    name: str = "popularity"
    days: int | None = Field(None, ge=1, description="only events of the last N x 24 h before the cut (needs a clock)")


class Personal(Section):
    """The user's own most frequent items, filled up with popularity."""

    kind: Literal["personal"]
    name: str = "personal"
    half_life_days: float | None = Field(None, gt=0, description="decays each count to the cut (needs a clock)")


class LastBasket(Section):
    """Items of the user's last instants, newest first."""

    kind: Literal["last_basket"]
    name: str = "last_basket"


class ItemKnn(Section):
    """Cosine co-occurrence of items over users, fitted on train rows."""

    kind: Literal["item_knn"]
    name: str = "item_knn"
    neighbours: int = Field(100, ge=1, description="kept an item")
    recent: int = Field(50, ge=1, description="last distinct items of the history that vote")
    max_user_items: int = Field(500, ge=2, description="users with more distinct items count by this many newest")
    shrink: float = Field(10.0, ge=0, description="added to the denominator: rare pairs count less")
    decay: float = Field(1.0, gt=0, le=1, description="weight of a vote a step back in the history")


class Rules(Section):
    """Sequential rules: what followed, weighted by 1 / distance."""

    kind: Literal["rules"]
    name: str = "rules"
    steps: int = Field(10, ge=1, description="longest distance of a rule")
    decay: float = Field(0.7, gt=0, le=1, description="weight of the history a step back")
    neighbours: int = Field(200, ge=1, description="followers kept an item")


class Ease(Section):
    """Linear item-to-item weights in closed form, fitted on train rows."""

    kind: Literal["ease"]
    name: str = "ease"
    l2: float = Field(500.0, gt=0, description="added to the diagonal: how far weights shrink")
    max_items: int = Field(8_000, ge=2, le=20_000, description="the items of most users take part; a task holds one "
                           "matrix of items x items: at 8,000 the one that inverts it takes two gigabytes, those that "
                           "make lists a quarter each")  # fmt: skip
    max_user_items: int = Field(5_000, ge=2, description="users with more distinct items count by this many newest")
    neighbours: int | None = Field(None, ge=1, description="kept an item, by size; null: all")


class Als(Section):
    """Matrix factorisation of counts by alternating least squares; a user's vector is solved from the whole history."""

    kind: Literal["als"]
    name: str = "als"
    rank: int = Field(64, ge=1, le=1024, description="numbers a vector")
    reg: float = Field(0.05, gt=0, description="how far vectors shrink; times the number of the user's (item's) pairs")
    alpha: float = Field(10.0, gt=0, description="confidence in a pair: 1 + alpha * its events")
    iterations: int = Field(15, ge=1, description="of both sides")
    max_items: int = Field(200_000, ge=2, description="the items of most users take part; all their vectors lie in "
                           "each task that makes lists")  # fmt: skip
    max_users: int = Field(1_000_000, ge=1, description="of more train users so many, chosen by hash, are fitted on; "
                           "lists are made for all")  # fmt: skip
    blocks: int = Field(1, ge=1, description="parts that are fitted side by side. 1: the same bits in every run; more "
                        "are faster, and sums may differ in their last bits")  # fmt: skip


class UpCf(Section):
    """User-kNN over how large a share of a user's last baskets holds an item."""

    kind: Literal["up_cf"]
    name: str = "up_cf"
    baskets: int = Field(25, ge=1, description="last baskets that count; a basket is what a user took at one instant")
    neighbours: int = Field(300, ge=1, description="nearest users who vote")
    alpha: float = Field(0.25, ge=0, le=1, description="exponent of the user's own norm in the similarity, 1 - alpha "
                         "of the other's")  # fmt: skip
    locality: float = Field(5.0, gt=0, description="power of the similarity: the larger, the less far ones say")
    max_users: int = Field(200_000, ge=1, description="of more train users so many, chosen by hash, can be neighbours; "
                           "all lie in each task that makes lists")  # fmt: skip


class TifuKnn(Section):
    """User-kNN over item frequencies that decay within groups of baskets and from group to group."""

    kind: Literal["tifu_knn"]
    name: str = "tifu_knn"
    group: int = Field(7, ge=1, description="baskets a group, counted from the newest; a basket is what a user took at "
                       "one instant")  # fmt: skip
    within: float = Field(0.9, gt=0, le=1, description="weight of a basket a step back in its group")
    between: float = Field(0.7, gt=0, le=1, description="weight of a group a step back")
    neighbours: int = Field(300, ge=1, description="nearest users whose mean votes")
    alpha: float = Field(0.7, ge=0, le=1, description="share of the user's own items, against the neighbours'")
    max_users: int = Field(200_000, ge=1, description="of more train users so many, chosen by hash, can be neighbours; "
                           "all lie in each task that makes lists")  # fmt: skip


class Content(Section):
    """Cosine of tags, text and vectors to the mean of the user's last items; items without events count too."""

    kind: Literal["content"]
    name: str = "content"
    tags: float = Field(1.0, ge=0, description="length of the tags' part of an item's vector; 0: without")
    text: float = Field(1.0, ge=0, description="of the text's n-grams")
    vectors: float = Field(1.0, ge=0, description="of the given vectors")
    recent: int = Field(50, ge=1, description="last distinct items of the history that count")
    decay: float = Field(0.9, gt=0, le=1, description="weight of an item a step back")


class Profile(Section):
    """What users of the same demographics have; for users without events too."""

    kind: Literal["profile"]
    name: str = "profile"
    attributes: list[str] | None = Field(None, min_length=1, description="of clean.users.attributes; null: all")
    shrink: float = Field(50.0, ge=0, description="a group's shares count as if so many users beside it had what "
                          "everybody has")  # fmt: skip


class Markov(Section):
    """What followed the last item at once."""

    kind: Literal["markov"]
    name: str = "markov"
    shrink: float = Field(5.0, ge=0, description="added to the times an item was followed: rare ones say less")
    neighbours: int = Field(200, ge=1, description="followers kept an item")


class SessionKnn(Section):
    """What the sessions most like the user's last one hold."""

    kind: Literal["session_knn"]
    name: str = "session_knn"
    gap_hours: float | None = Field(None, gt=0, description="a pause longer than that begins a new session (needs a "
                                    "clock); null: a user's whole history is one")  # fmt: skip
    recent: int = Field(50, ge=1, le=1_000, description="last distinct items of the user's session that count")
    sample: int = Field(1_000, ge=1, description="newest sessions that share an item and are looked at")
    neighbours: int = Field(100, ge=1, le=1_000, description="of those, the most alike, which vote")
    max_sessions: int = Field(200_000, ge=1, description="newest train sessions that can be neighbours; all lie in "
                              "each task that makes lists")  # fmt: skip


class Table(Section):
    """Lists of another run: another seed, another width, another config over the same split."""

    kind: Literal["table"]
    name: str = "table"
    root: str = Field(description="of that run")
    version: str | None = Field(None, description="of its recommendations; null: the newest")
    recommender: str = Field("model", description="whose lists")


class Blend(Section):
    """Lists of other entries, blended."""

    kind: Literal["blend"]
    name: str = "blend"
    of: list[str] = Field(min_length=2, description="names of other entries")
    by: Literal["reciprocal_rank", "score"] = Field(
        "reciprocal_rank", description="what an item is worth in a list: 1 / (offset + rank); or its score, stretched "
        "over the list's own items from 1 at the first to 1 / their number at the last"
    )  # fmt: skip
    weights: Literal["equal", "fit"] | list[Annotated[float, Field(ge=0)]] = Field(
        "equal", description="of the parts, in their order; fit: those of the best NDCG on half of the validation users"
    )
    depth: int = Field(100, ge=1, description="items of each part's list that count; parts are scored that deep")
    offset: int = Field(60, ge=0, description="of reciprocal_rank: the larger, the less the first places stand out")
    k: int = Field(10, ge=1, description="weights are fitted on NDCG at this")
    users: int = Field(20_000, ge=1, description="weights are fitted on at most so many users, chosen by hash")

    @model_validator(mode="after")
    def _a_weight_a_part(self) -> Blend:
        if len(set(self.of)) < len(self.of):
            raise ValueError(f"of names an entry twice: {self.of}")
        if isinstance(self.weights, list) and (len(self.weights) != len(self.of) or not sum(self.weights) > 0):
            raise ValueError(f"weights: one for each of {self.of}, not all 0: {self.weights}")
        return self


Recommender = Annotated[
    ModelRecommender
    | Popularity
    | Personal
    | LastBasket
    | ItemKnn
    | Rules
    | Ease
    | Als
    | UpCf
    | TifuKnn
    | Content
    | Profile
    | Markov
    | SessionKnn
    | Table
    | Blend,
    Field(discriminator="kind"),
]
