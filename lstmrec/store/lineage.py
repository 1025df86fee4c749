"""OpenLineage events of jobs, as plain JSON (openlineage.io, spec 2-0-2): what was read, what was made, how it ended.

No client library: an event is one JSON object with a run, a job, datasets and their facets.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import lstmrec
from lstmrec import files
from lstmrec.config.run import Config
from lstmrec.contracts.manifest import Manifest
from lstmrec.contracts.tables import Table

_SPEC = "https://openlineage.io/spec"
_RUN = "run"
_TYPES = {"start": "START", "ok": "COMPLETE", "skip": "COMPLETE", "fail": "FAIL"}


def event(conf: Config, run: str, job: str, state: str, *, needs: Sequence[Table] = (), sources: Sequence[str] = (),
          made: Sequence[Manifest] = (), error: str = "") -> dict[str, Any]:  # fmt: skip
    """A RunEvent of a job of a run, or of the run itself (job empty).

    state: start, ok, skip or fail. needs: tables that the job reads. sources: paths it reads from outside. made:
    manifests of what it gave. error: what went wrong, in words.
    """
    return {
        "eventType": _TYPES[state],
        "eventTime": datetime.now(UTC).isoformat(),
        "producer": _producer(),
        "schemaURL": f"{_SPEC}/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {"runId": run_id(conf.root, run, job), "facets": _run_facets(conf, run, job, error)},
        "job": {"namespace": conf.operate.lineage_namespace, "name": job or _RUN, "facets": {
            "jobType": _facet("2-0-3/JobTypeJobFacet", processingType="BATCH", integration="LSTMREC", jobType="JOB")}},
        "inputs": [*(_dataset(*_outside(path)) for path in sources), *(_dataset(conf.root, t.name) for t in needs)],
        "outputs": [_output(conf.root, m) for m in made],
    }  # fmt: skip


def run_id(root: str, run: str, job: str = "") -> str:
    """The UUID of a run of a root, or of one of its jobs: the same for whoever asks."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{root}#{run}#{job}"))


def _run_facets(conf: Config, run: str, job: str, error: str) -> dict[str, Any]:
    facets = {
        "nominalTime": _facet("1-0-1/NominalTimeRunFacet", nominalStartTime=conf.as_of),
        "processing_engine": _facet("1-1-1/ProcessingEngineRunFacet", name="lstmrec", version=lstmrec.__version__),
    }
    if job:
        above = {"namespace": conf.operate.lineage_namespace, "name": _RUN}
        facets["parent"] = _facet("1-0-1/ParentRunFacet", run={"runId": run_id(conf.root, run)}, job=above)
    if error:
        facets["errorMessage"] = _facet("1-0-1/ErrorMessageRunFacet", message=error, programmingLanguage="PYTHON")
    return facets


def _output(root: str, made: Manifest) -> dict[str, Any]:
    size = sum(f.bytes for f in made.files)
    statistics = _facet("1-0-2/OutputStatisticsOutputDatasetFacet", rowCount=made.rows_out, size=size,
                        fileCount=len(made.files))  # fmt: skip
    version = _facet("1-0-1/DatasetVersionDatasetFacet", datasetVersion=made.version)
    return {**_dataset(root, made.table), "facets": {"version": version},
            "outputFacets": {"outputStatistics": statistics}}  # fmt: skip


def _dataset(root: str, name: str) -> dict[str, Any]:
    """By the naming rules: s3://bucket + key; file + absolute path."""
    if files.is_local(root):
        return {"namespace": "file", "name": str(files.local(files.join(root, name)).absolute())}
    scheme, _, rest = root.partition("://")
    authority, _, path = rest.partition("/")
    return {"namespace": f"{scheme}://{authority}", "name": files.join(path, name) if path else name}


def _outside(path: str) -> tuple[str, str]:
    folder, _, name = path.rstrip("/").rpartition("/")
    return folder or ".", name


def _facet(schema: str, **fields: Any) -> dict[str, Any]:
    name = schema.partition("/")[2]
    return {"_producer": _producer(), "_schemaURL": f"{_SPEC}/facets/{schema}.json#/$defs/{name}", **fields}


def _producer() -> str:
    return f"urn:lstmrec:{lstmrec.__version__}"
