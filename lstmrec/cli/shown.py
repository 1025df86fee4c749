"""What the end of a run and `show-user` print; no Spark."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from lstmrec import lookup, versions
from lstmrec.config.run import Config
from lstmrec.contracts import tables
from lstmrec.contracts.errors import DataError
from lstmrec.report import summary


def user_of(conf: Config) -> str:
    """The user a run shows: the config's, else one by hash."""
    if conf.report.show_user is not None:
        return conf.report.show_user
    role = "serve" if "serve" in conf.score.roles else conf.score.roles[0]
    found = lookup.some_users(conf.root, model_of(conf), role, 1)
    return found[0] if found else "USER"


def model_of(conf: Config) -> str:
    """The recommender whose lists are ours: the model's, else the first."""
    names = [r.name for r in conf.score.recommenders if r.kind == "model"]
    return names[0] if names else conf.score.recommenders[0].name


def example(conf: Config, console: Console) -> None:
    """One user's list."""
    role = "serve" if "serve" in conf.score.roles else conf.score.roles[0]
    user = user_of(conf)
    listed = list_of(conf, user, role)
    console.print()
    if listed:
        console.print(list_table(f"user {clean(user)}", listed))
    else:
        console.print(Text(f"user {clean(user)} has no list"))


def list_of(conf: Config, user_id: str, role: str, recommender: str | None = None) -> lookup.Listed | None:
    """A user's list: of the recommender; unless said, the one that the user is to be shown (variants), else ours."""
    if recommender is None and conf.variants is not None and role == "serve":
        every = lookup.lists(conf.root, user_id, role).values()
        if (mine := next((x for x in every if x.variant is not None), None)) is not None:
            return mine
    name = recommender or model_of(conf)
    return lookup.lists(conf.root, user_id, role, [name]).get(name)


def found(conf: Config, user_id: str, recommender: str | None, role: str, events: int
          ) -> tuple[int, list[lookup.Shown], lookup.Listed]:  # fmt: skip
    """How many events the history has, the newest of them, and `list_of`; DataError D820 for an unknown user, D821
    where no list is."""
    lookup.known_user(conf.root, user_id)
    past = lookup.history(conf.root, user_id, role)
    listed = list_of(conf, user_id, role, recommender)
    if listed is None:
        raise DataError("D821", f"no list of {recommender or model_of(conf)} for role {role}", "table recommendations",
                        f"recommenders: {', '.join(r.name for r in conf.score.recommenders)}; "
                        f"roles: {', '.join(conf.score.roles)}")  # fmt: skip
    return len(past), lookup.titled(conf.root, past[-events:] if events else []), listed


def plain(conf: Config, user_id: str, recommender: str | None, role: str, events: int) -> dict[str, Any]:
    """What `user` prints, as JSON holds it; times in microseconds."""
    many, recent, listed = found(conf, user_id, recommender, role, events)
    past = [{"item_id": e.item_id, "title": e.title, "time": e.time, "event_type": e.event_type} for e in recent]
    items = [
        {
            "rank": i.rank,
            "item_id": i.item_id,
            "title": i.title,
            "score": i.score,
            "because": [{"item_id": w.item_id, "title": w.title, "influence": w.score} for w in i.reasons],
        }
        for i in listed.items
    ]
    return {"user_id": user_id, "role": role, "recommender": listed.recommender, "variant": listed.variant,
            "reason": listed.reason, "events": many, "history": past, "items": items,
            "because": [w.item_id for w in listed.because]}  # fmt: skip


def user(conf: Config, console: Console, user_id: str, recommender: str | None, role: str, events: int) -> None:
    """Newest events of the history, then the list; errors as of `found`."""
    many, recent, listed = found(conf, user_id, recommender, role, events)
    console.print(Text(f"user {clean(user_id)}: {many:,} events before {role}"))
    table = Table(
        "when", "what", "item", "", title="newest events last", title_justify="left", box=None, pad_edge=False
    )
    for event in recent:
        table.add_row(when(event.time), *(Text(t) for t in (clean(event.event_type), event.item_id, title(event))))
    if recent:
        console.print(table)
    console.print(list_table("", listed))


def list_table(who: str, listed: lookup.Listed) -> Table:
    """A list for people; where reasons were asked for (score.because), what each item owes its score to."""
    shown = f"variant {listed.variant}" if listed.variant else ""
    head = " · ".join(part for part in (who, f"{listed.recommender}, {listed.role}", shown, listed.reason,
                                        f"{listed.history:,} events") if part)  # fmt: skip
    why = [", ".join(f"{named(r)} {r.score:+.3f}" for r in item.reasons) for item in listed.items]
    asked = ["because"] if any(why) else []
    table = Table("#", "item", "", "score", *asked, title=Text(head), title_justify="left", box=None, pad_edge=False)
    table.columns[0].justify = table.columns[3].justify = "right"
    for item, said in zip(listed.items, why, strict=True):
        last = [Text(said)] if asked else []
        table.add_row(str(item.rank), Text(clean(item.item_id)), Text(title(item)), f"{item.score:.3f}", *last)
    if listed.because:
        table.caption = Text(f"the list as a whole: {', '.join(map(named, listed.because))}")
        table.caption_justify = "left"
    return table


def leaderboard(conf: Config, console: Console) -> None:
    """Every recommender on test."""
    facts = versions.current(conf.root, tables.METRICS).facts
    k, test = facts["k"], facts["test"]
    table = Table("recommender", title=f"test, mean over users, at {k}", title_justify="left", box=None, pad_edge=False)
    names = ("recall", "ndcg", "mrr")
    for name in names:
        table.add_column(f"{name}@{k}", justify="right")
    for recommender, values in sorted(test.items(), key=lambda pair: -pair[1][f"ndcg_{k}"]):
        table.add_row(recommender, *(f"{values[f'{name}_{k}']:.4f}" for name in names))
    console.print()
    console.print(table)


def verdict(conf: Config) -> dict[str, Any]:
    """The last line of a run: users, items and events after cleaning, the model on test, what it beats."""
    facts = versions.current(conf.root, tables.METRICS).facts
    k = facts["k"]
    ours = facts["test"].get(model_of(conf), {})
    out = {name: facts["data"][name] for name in ("users", "items", "events")}
    out |= {f"ndcg_{k}": ours.get(f"ndcg_{k}"), f"hr_{k}": ours.get(f"hr_{k}")}
    out["users_scored"] = summary.users_scored(versions.current(conf.root, tables.RECOMMENDATIONS), model_of(conf))
    return out | {key: value for key, value in facts.items() if key.startswith("beats_")}


def served(conf: Config) -> dict[str, Any]:
    """The last line of a run without a hold-out: what was published, and how the lists of before were judged."""
    lists = versions.current(conf.root, tables.RECOMMENDATIONS)
    out: dict[str, Any] = {"flow": conf.flow, "as_of": conf.as_of, "lists": lists.version,
                           "users_scored": summary.users_scored(lists, model_of(conf))}  # fmt: skip
    if conf.flow == "daily":
        facts = versions.current(conf.root, tables.JUDGED).facts
        k, ours = facts["k"], facts["days"].get(model_of(conf), {})
        out |= {"users_judged": facts["users"], f"ndcg_{k}": ours.get(f"ndcg_{k}"), "judged_since": facts["since"]}
    return out


def when(time: int | None) -> str:
    """Microseconds as a UTC minute."""
    return "" if time is None else datetime.fromtimestamp(time / 1e6, UTC).strftime("%Y-%m-%d %H:%M")


def title(item: lookup.Shown) -> str:
    """The title, or nothing."""
    return clean(item.title or "")


def named(item: lookup.Shown) -> str:
    """The title, or the id where there is none."""
    return title(item) or clean(item.item_id)


def clean(text: str) -> str:
    """Data on a terminal: no control characters, which could move the cursor or paint."""
    return "".join(c if c.isprintable() else "\ufffd" for c in text)
