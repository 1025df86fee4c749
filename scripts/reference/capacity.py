"""The page of capacity: what a road costs from a million users to a billion, from figures that were measured."""

from __future__ import annotations

from scripts.reference.markdown import table

#: Measured, each with where: the README's demo (all nine jobs, two cores) and docs/model.md (an epoch on one core).
ROAD_EVENTS, ROAD_SECONDS, ROAD_CORES = 1_460_000, 7 * 60, 2
EPOCH_LABELS, EPOCH_SECONDS = 987_531, 185
#: The shape that is reckoned with; users vary.
EVENTS_A_USER, ITEMS, DIM, K, EPOCHS = 50, 100_000, 128, 10, 6
USERS = (1_000_000, 10_000_000, 100_000_000, 1_000_000_000)
#: Bytes of an item of a list: id (8 characters), score, rank.
LISTED = 8 + 4 + 4


def road_core_hours(users: int) -> float:
    """Core-hours of all nine jobs at the demo's rate, by events."""
    return users * EVENTS_A_USER * ROAD_SECONDS * ROAD_CORES / ROAD_EVENTS / 3600


def train_core_hours(users: int) -> float:
    """Core-hours of EPOCHS epochs over every event, at the rate of docs/model.md, on CPUs."""
    return users * EVENTS_A_USER * EPOCHS * EPOCH_SECONDS / EPOCH_LABELS / 3600


def score_operations(users: int) -> float:
    """Multiplications and additions of ranking every item for every user."""
    return 2.0 * users * ITEMS * DIM


def lists_bytes(users: int) -> int:
    """The lists of one recommender and role, before compression."""
    return users * K * LISTED


def item_bytes() -> int:
    """Vectors and biases of the catalogue, in every Python worker's reach (mapped, once a host)."""
    return ITEMS * (DIM + 1) * 4


def page() -> str:
    """The page."""
    rows = [(f"{n:,}", f"{n * EVENTS_A_USER:,}", f"{road_core_hours(n):,.0f}", f"{train_core_hours(n):,.0f}",
             f"{score_operations(n):.1e}", f"{lists_bytes(n) / 1e9:,.1f} GB") for n in USERS]  # fmt: skip
    head = ("users", "events", "core-hours, all jobs", "core-hours, training", "operations, scoring", "lists")
    return "\n".join([
        "# Capacity", "",
        f"Reckoned, not run, for {EVENTS_A_USER} events a user, {ITEMS:,} items, vectors of {DIM}, lists of {K} and "
        f"{EPOCHS} epochs. What was measured, on two cores, is below the table.", "", table(head, rows), "",
        f"- *All jobs*: the demo's {ROAD_EVENTS:,} events take {ROAD_SECONDS // 60} minutes on {ROAD_CORES} cores, "
        "start-up and three epochs included, here taken to grow with the events.",
        f"- *Training*: {EPOCH_LABELS:,} labels take {EPOCH_SECONDS} s on one core without AVX-512 (two layers of 256, "
        "exact softmax over 3,416 items). A larger catalogue wants a sampled loss; a GPU is another matter altogether.",
        f"- *Scoring*: users x items x width x 2. The vectors take {item_bytes() / 1e6:,.0f} MB a host.", "",
        "What grows with what:", "",
        table(("stage", "grows with", "bounded by"), [
            ("s1 to s5", "events; one shuffle of them (docs/data-side.md)", "no user's history is longer than "
             "`clean.bots.max_events`, no item is one task's group"),
            ("s6", "labels x epochs; with the exact softmax also items", "memory: a step's batch and the item tower, "
             "never the data"),
            ("s7", "users x items", "memory: a block of the catalogue and a batch of users; restarts: one bucket"),
            ("s8", "lists of users with targets", "an integer a metric and resample comes back, no row"),
        ]), "",
        "Measure yours before you believe the table: a tenth of the users by `clean.events.where`, and the seconds of "
        "each job's line. `python scripts/bench/etl.py --events 20000000` does so for s1 to s5 on a made log, "
        "`scripts/bench/score.py` for s7, `scripts/bench/train.py` for s6.",
    ])  # fmt: skip
