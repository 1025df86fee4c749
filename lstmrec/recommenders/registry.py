"""kind of a config entry -> the module that recommends so. The model is not here: `lstmrec.scoring` does it."""

from __future__ import annotations

from typing import Any, Protocol

from lstmrec.recommenders import (
    content,
    ease,
    item_knn,
    last_basket,
    markov,
    personal,
    popularity,
    profile,
    rules,
    session_knn,
    tifu_knn,
    up_cf,
)


class Recommender(Protocol):
    """fit: SPLIT rows of role train (and, by name, the tables that WANTS lists, where there is one: encoded,
    people: ENCODED_ITEMS, USERS) -> fitted tables. score: users (user_id), history (all SPLIT rows before the
    role's cut), the fitted tables, the cut (us, null without a clock), k, what lists may hold (`lists.Shown`) ->
    user_id, items, reason: exactly one row a user."""

    fit: Any
    score: Any


KINDS: dict[str, Recommender] = {
    "popularity": popularity,
    "personal": personal,
    "last_basket": last_basket,
    "item_knn": item_knn,
    "rules": rules,
    "ease": ease,
    "up_cf": up_cf,
    "tifu_knn": tifu_knn,
    "content": content,
    "profile": profile,
    "markov": markov,
    "session_knn": session_knn,
}
