"""kind of a config entry -> the module that recommends so. The model is not here: `lstmrec.scoring` does it."""

from __future__ import annotations

from typing import Any, Protocol

from lstmrec.recommenders import (
    als,
    blend,
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
    table,
    tifu_knn,
    up_cf,
)


class Recommender(Protocol):
    """fit: SPLIT rows of role train, and what WANTS lists, by name, where there is one -> fitted tables: encoded,
    people, split (ENCODED_ITEMS, USERS, all SPLIT rows), seed, parts (lists of other entries), and hands that the job
    lends for what acts (`store.lent`). GIVEN: those of the fitted tables that need not be written down. score: users
    (role, user_id), history (all SPLIT rows before the role's cut), the fitted tables, the cut (us, null without a
    clock), k, what lists may hold (`lists.Shown`) -> user_id, items, reason: exactly one row a user."""

    fit: Any
    score: Any


KINDS: dict[str, Recommender] = {
    "popularity": popularity,
    "personal": personal,
    "last_basket": last_basket,
    "item_knn": item_knn,
    "rules": rules,
    "ease": ease,
    "als": als,
    "up_cf": up_cf,
    "tifu_knn": tifu_knn,
    "content": content,
    "profile": profile,
    "markov": markov,
    "session_knn": session_knn,
    "table": table,
    "blend": blend,
}
