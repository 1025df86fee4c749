from __future__ import annotations

import traceback
from pathlib import Path

import pytest

from lstmrec.config import secret
from lstmrec.config.load import load
from lstmrec.config.run import Config
from lstmrec.contracts.errors import ConfigError

SECRET = "hunter2"
EVENTS = 'root: runs/x\nas_of: "2020-01-01T00:00:00Z"\nclean: {events: {path: [e.parquet], options: {%s}}}\n'


def read(tmp_path: Path, options: str) -> Config:
    path = tmp_path / "c.yaml"
    path.write_text(EVENTS % options)
    return load([str(path)])


@pytest.mark.parametrize("key", [
    "password", "sslPassword", "fs.s3a.access.key", "fs.s3a.secret.key", "sasToken", "fs.azure.sas.box.shop", "api_key",
    "fs.azure.account.key.shop.dfs.core.windows.net", "credentials", "es.net.http.auth.pass", "private-key", "PWD",
])  # fmt: skip
def test_a_secret_is_never_written_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, f"{key}: {SECRET}")
    said = str(caught.value)
    assert caught.value.code == "C004" and "clean.events.options" in said and f"write {key}: env:NAME" in said
    assert SECRET not in "".join(traceback.format_exception(caught.value))  # what --debug prints
    monkeypatch.setenv("LAKE", "hunter2")
    with pytest.raises(ConfigError):  # OmegaConf puts the value there
        read(tmp_path, key + ": '${oc.env:LAKE}'")
    conf = read(tmp_path, f"{key}: env:LAKE")
    assert "hunter2" not in conf.model_dump_json() and conf.section("clean")["clean"]["events"]["options"] == {
        key: "env:LAKE"
    }
    assert secret.resolved(conf.clean.events.options, "clean.events.options") == {key: "hunter2"}


@pytest.mark.parametrize("option", [
    "header: 'true'", "fs.s3a.aws.credentials.provider: org.Provider", "sep: ','", "columnNameOfCorruptRecord: passage",
    "credentialsFile: /etc/shop.json", "password: ''", "fs.azure.sas.token.provider.type: org.Sas", "user: shop",
    "compassion: x", "keepGroupedData: x", "parquet.encryption.column.keys: 'k1: a'",
])  # fmt: skip
def test_what_is_no_secret(tmp_path: Path, option: str) -> None:
    assert read(tmp_path, option).clean.events.options


def test_a_variable_that_is_not_set_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LAKE", raising=False)
    with pytest.raises(ConfigError) as caught:
        secret.resolved({"header": "true", "password": "env:LAKE"}, "clean.items.options")
    assert caught.value.code == "C037" and "LAKE" in str(caught.value)
    assert "clean.items.options.password" in str(caught.value)
    assert secret.resolved({"comment": "env:", "nullValue": "environment:x"}, "") == {
        "comment": "env:", "nullValue": "environment:x"
    }  # fmt: skip


@pytest.mark.parametrize("url", ["jdbc:postgresql://h/db?user=a&password=hunter2", "jdbc:mysql://a:hunter2@h/db",
                                 "jdbc:sqlserver://h;PASSWORD=hunter2;encrypt=true"])  # fmt: skip
def test_urls_hold_no_password(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, f"'spark.mongodb.uri': '{url}'")
    assert "env:NAME" in str(caught.value)
    path = tmp_path / "d.yaml"
    path.write_text(EVENTS % "" + f"score: {{output: {{jdbc: {{table: t, url: '{url}'}}}}}}\n")
    with pytest.raises(ConfigError) as caught:
        load([str(path)])
    assert "score.output.jdbc.url: no password in a URL" in str(caught.value) and "hunter2" not in str(caught.value)
    plain = path.read_text().replace(url, "jdbc:postgresql://h:5432/db?sslmode=require")
    path.write_text(plain)
    assert load([str(path)]).score.output.jdbc


@pytest.mark.parametrize("change", ["root=s3://key:hunter2@lake/run", "clean.events.path=[a, 's3://key:hunter2@lake/e']",
                                    "score.output.jsonl=https://:hunter2@h/lists",
                                    "train.mlflow=https://me:hunter2@h"])  # fmt: skip
def test_places_hold_no_password(tmp_path: Path, change: str) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(EVENTS % "")
    with pytest.raises(ConfigError) as caught:
        load([str(path)], [change])
    assert f"{change.partition('=')[0]}: no password in a place" in str(caught.value)
    assert "spark.hadoop" in str(caught.value) and "MLFLOW_TRACKING_PASSWORD" in str(caught.value)
    assert "hunter2" not in str(caught.value)
    fine = ["abfss://box@account.dfs.core.windows.net/e", "hdfs://host:8020/a@b", "C:/a:b@c", "s3://lake/a:b@c"]
    assert load([str(path)], [f"clean.events.path={fine}"]).clean.events.path == fine
