"""The pages of tables and metrics: from the contracts, and who writes and reads them."""

from __future__ import annotations

import importlib

from scripts.reference.markdown import code, table


def page() -> str:
    """Every contract, in the order of the road."""
    from lstmrec.cli import beside
    from lstmrec.cli.flows import DAILY, JOBS
    from lstmrec.contracts import tables as contracts

    names = dict.fromkeys((*JOBS, *DAILY, *beside.JOBS))
    jobs = {name: importlib.import_module(f"lstmrec.jobs.{name}") for name in names}
    writer = {t.name: name for name, job in jobs.items() for t in (*job.GIVES, *getattr(job, "KEEPS", ()))}
    readers = {t.name: [n for n, job in jobs.items() if t in job.NEEDS] for t in contracts.ALL}
    parts = ["# Tables", "", "What each job writes, by its contract: a column may be null only where it is marked. "
             "A version lies in `ROOT/TABLE/VERSION/data`, and is readable once `_MANIFEST.json` is there; "
             "`lstmrec path TABLE` prints the live one."]  # fmt: skip
    for t in contracts.ALL:
        facts = [("written by", f"`{writer[t.name]}`"), ("read by", ", ".join(f"`{n}`" for n in readers[t.name])),
                 ("contract", f"{t.major}.{t.minor}"), ("key", ", ".join(map(code, t.key))),
                 ("order", ", ".join(map(code, t.order))), ("folders", ", ".join(map(code, t.partitions))),
                 ("lies by", ", ".join(map(code, t.cluster)))]  # fmt: skip
        facts += [(f"holds: {name}", code(sql)) for name, sql in t.invariants]
        parts += ["", f"## {t.name}", "", t.doc[:1].upper() + t.doc[1:] + ".", "",
                  *(f"- {name}: {said}" for name, said in facts if said)]  # fmt: skip
        if t.columns:
            rows = [(code(c.name), code(c.kind), "null" if c.nullable else "", c.doc) for c in t.columns]
            parts += ["", table(("column", "kind", "", "meaning"), rows)]
    return "\n".join(parts)


#: Metric -> what it is of one user's list; a test holds it against what is measured.
MEANINGS = {
    "recall": "targets among the first k, by min(k, targets)",
    "hr": "1 where any of the first k is a target, else 0 (hit rate)",
    "precision": "targets among the first k, by k",
    "ndcg": "sum of 1 / log2(rank + 1) over targets among the first k, by the best that k places could reach",
    "mrr": "1 / rank of the first target among the first k, else 0",
    "map": "mean of the precision at each target among the first k, by min(k, targets)",
    "coverage": "share of the catalogue that stands in any user's first k",
    "gini": "how unevenly items are shown: 0 alike, near 1 where a few take all",
    "novelty": "mean bits of surprise of the items shown, by their train events",
    "arp": "mean train events of the items shown",
    "percentile": "mean popularity percentile of the items shown, 0.5 at random",
    "diversity": "1 - mean likeness (Jaccard) of the pairs of a list, by tags",
    "vector_diversity": "1 - mean cosine of the pairs of a list, by named vectors",
    "serendipity": "targets among the first k that the popularity list has not, by k",
    "ips_ndcg": "ndcg whose hits weigh the inverse propensity of their item (`evaluate.ips`)",
    "ips_recall": "recall, likewise",
    "snips_ndcg": "ips_ndcg by the mean weight of the targets (self-normalised)",
    "snips_recall": "ips_recall, likewise",
}


def metrics() -> str:
    """What is measured."""
    from lstmrec.contracts.tables import METRICS

    rows = [(code(name), said) for name, said in MEANINGS.items()]
    columns = [(code(c.name), c.doc) for c in METRICS.columns if c.doc]
    return "\n".join([
        "# Metrics", "", "Means over all users with a target in the role (`evaluate.ks` says at which k); a user "
        "without a list counts as an empty one. Every item of the catalogue is ranked, none is sampled. Items of a "
        "list that share a score stand in no order, so every metric is its expectation over their orders (McSherry "
        "and Najork 2008). Targets are distinct items, also those that the catalogue has not.",
        "", table(("metric", "of one user's list"), rows), "",
        "Groups of users and targets, differences and propensities: [The evaluation](../evaluation.md).", "",
        "Intervals are the 2.5 % and 97.5 % of `evaluate.bootstrap` resamples of the users, by Poisson weights that "
        "are a user's own: two recommenders are compared over the same resamples.", "",
        "In the table `metrics`:", "", table(("column", "meaning"), columns),
    ])  # fmt: skip
