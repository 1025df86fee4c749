"""Airflow: a task a job of the daily flow. Put it in the DAG folder; lstmrec is on the workers' path, or in CALL.

A day is the end of its data interval: midnight in UTC, when all of the day before is known. Days walk one after the
other, and a day that failed holds up those after it: they go on from it. A task that is tried again goes on from the
last whole table. The last task publishes, if its gates pass.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

try:
    from airflow.providers.standard.operators.bash import BashOperator  # Airflow 3
except ImportError:
    from airflow.operators.bash import BashOperator
from airflow import DAG

CONFIG = "/etc/lstmrec/shop.yaml"
CALL = "lstmrec run"  # or: PYSPARK_SUBMIT_ARGS='--master yarn ... pyspark-shell' lstmrec run
#: Of score.mode carry. With `windows` sequence comes after profile.
JOBS = ("clean", "split", "normalise", "profile", "score", "judge")

with DAG(
    "lstmrec_shop",
    schedule="10 2 * * *",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=True,
    max_active_runs=1,
    default_args={"depends_on_past": True, "retries": 2, "retry_delay": timedelta(minutes=10)},
) as dag:
    before = None
    for job in JOBS:
        task = BashOperator(
            task_id=job,
            bash_command=f"{CALL} --config {CONFIG} --flow daily --only {job} --as-of {{{{ data_interval_end | ds }}}}",
            append_env=True,
        )
        if before is not None:
            before >> task
        before = task
