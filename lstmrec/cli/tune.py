"""`lstmrec tune`: hyper-parameters of the net by validation NDCG@10; what test holds is never read."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from typing import Annotated, Any

import typer
import yaml
from omegaconf import OmegaConf
from rich.console import Console
from rich.table import Table
from rich.text import Text

from lstmrec import files, versions
from lstmrec.cli.lock import locked
from lstmrec.cli.options import ConfigFiles, Overrides, config_of
from lstmrec.cli.run import say
from lstmrec.config.load import load
from lstmrec.config.run import Config
from lstmrec.config.space import read_space
from lstmrec.contracts import tables
from lstmrec.contracts.errors import ConfigError
from lstmrec.contracts.manifest import digest
from lstmrec.report.copies import put

_SHOWN = 10


def tune(
    config: ConfigFiles,
    space: Annotated[str, typer.Option(help="YAML file: config key -> range")],
    trials: Annotated[int, typer.Option(min=1, help="how many in all; those done already count")] = 20,
    name: Annotated[str, typer.Option(help="of the study, a folder below ROOT/_tune")] = "study",
    set_: Overrides = None,
    json_: Annotated[bool, typer.Option("--json", help="print the trials as one JSON object")] = False,
) -> None:
    """Search the net's hyper-parameters on validation; the best become a config file. Killed, it goes on."""
    conf = config_of(config, set_)
    if not files.is_local(conf.root):
        raise ConfigError("C043", "a study is a log that is appended to, which object stores cannot do", "root",
                          "tune on a local copy of the tables")  # fmt: skip
    ranges, place = read_space(space), files.local(conf.root) / "_tune" / name
    versions.current(conf.root, tables.SEQUENCES)  # says at once what has to run before
    place.mkdir(parents=True, exist_ok=True)
    console = Console(highlight=False, soft_wrap=True, quiet=json_)
    with locked(conf.root, "tune"):
        from lstmrec.training.tune import best, search

        trainer = _Trainer(config, set_ or [], str(place))
        found = search(
            str(place / "study.log"), ranges, trials, conf.seed, trainer, lambda t: _tell(t, trials, console)
        )
    chosen = best(found)
    _write(place, found, chosen, conf)
    if json_:
        print(json.dumps({"best": asdict(chosen), "trials": [asdict(t) for t in found]}), flush=True)
        return
    _show(found, chosen, console)
    console.print(
        Text(f"best: trial {chosen.number + 1}, validation ndcg@10 {chosen.value:.4f} -> {place / 'best.yaml'}")
    )
    also = " ".join(f"--config {c}" for c in config)
    console.print(Text(f"Next: lstmrec run {also} --config {place / 'best.yaml'}   (test has not been looked at)"))


class _Trainer:
    """Trains a trial in this process; a trial broken off goes on from its checkpoint."""

    def __init__(self, configs: list[str], sets: list[str], place: str) -> None:
        self.configs, self.sets, self.place = configs, sets, place

    def __call__(self, values: dict[str, Any], judged: Any) -> Any:
        from lstmrec.launch.rank import feed_of
        from lstmrec.training.comm import Solo
        from lstmrec.training.loop import train

        said = [f"{key}={json.dumps(value)}" for key, value in values.items()]
        conf = load(self.configs, [*self.sets, *said, "train.launch=solo"])
        work = files.join(self.place, "work", digest([conf.seed, conf.train.model_dump(mode="json")])[:12])
        try:
            result = train(conf, Solo(), feed_of(conf, 0), work, judged)
        except Exception:  # pruned or failed; who is stopped from outside goes on from the checkpoints
            files.remove(work)
            raise
        files.remove(work)
        return result


def _tell(trial: Any, trials: int, console: Console) -> None:
    value = "" if trial.value is None else f" · ndcg@10 {trial.value:.4f}"
    values = ", ".join(f"{_short(k)} {_number(v)}" for k, v in trial.values.items())
    error = f" · {trial.error.splitlines()[0]}" if trial.error else ""
    say(console, f"trial {trial.number + 1}/{trials}  {trial.state}{value} · {trial.epochs} epochs · {values}{error}")


def _show(found: list[Any], chosen: Any, console: Console) -> None:
    keys = list(chosen.values)
    table = Table("trial", "ndcg@10", "epochs", "", *map(_short, keys), box=None, pad_edge=False)
    ranked = sorted((t for t in found if t.value is not None), key=lambda t: (t.state != "complete", -t.value))
    for t in ranked[:_SHOWN]:
        style = "bold" if t is chosen else ""
        table.add_row(str(t.number + 1), f"{t.value:.4f}", str(t.epochs), t.state,
                      *[_number(t.values.get(k)) for k in keys], style=style)  # fmt: skip
    console.print(table)


def _write(place: Any, found: list[Any], chosen: Any, conf: Config) -> None:
    """trials.csv, best.yaml and search.svg, each replaced whole: they are copies of what the study's log says."""
    out = io.StringIO()
    keys = list(dict.fromkeys(k for t in found for k in t.values))
    writer = csv.writer(out)
    writer.writerow(["trial", "state", "ndcg_10", "epochs", *keys, "error"])
    for t in found:
        writer.writerow([t.number + 1, t.state, t.value, t.epochs, *[t.values.get(k) for k in keys], t.error])
    head = (f"# The best of {len(found)} trials by validation NDCG@10 ({chosen.value:.4f}), seed {conf.seed}.\n"
            "# Lay it over the config that was tuned: --config THAT --config THIS\n")  # fmt: skip
    made = {"trials.csv": out.getvalue(), "best.yaml": head + yaml.safe_dump(_nested(chosen.values), sort_keys=False)}
    with suppress(ImportError):  # the extra `report` draws
        from lstmrec.report.charts import search, standalone

        made["search.svg"] = standalone(search([asdict(t) for t in found]))
    for file, text in made.items():
        put(str(place / file), text.encode())


def _nested(values: Mapping[str, Any]) -> dict[str, Any]:
    nested: Any = OmegaConf.create({})
    for key, value in values.items():
        OmegaConf.update(nested, key, value, force_add=True)
    out: Any = OmegaConf.to_container(nested)
    return dict(out)


def _short(key: str) -> str:
    return key.rsplit(".", 1)[-1]


def _number(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
