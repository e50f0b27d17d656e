"""The compiled forms of our own QAPI files, and the check that they are up to date."""

from pathlib import Path

import pytest

from qmpeer.machine.interface import load_all
from qmpeer.monitor.interface import own_schema
from qmpeer.schema import Schema, schema_from_qapi
from scripts import compile_schemas


@pytest.mark.parametrize(
    ("source", "schema"),
    [("machine/qapi/qapi-schema.json", load_all()), ("monitor/qapi/monitor.json", own_schema())],
)
def test_nothing_is_lost(source: str, schema: Schema) -> None:
    read = compile_schemas.PACKAGE.joinpath
    assert schema == schema_from_qapi(source, lambda name: read(name).read_bytes())


def test_what_is_stale_is_named_and_mended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source, target = tmp_path / "a.json", tmp_path / "interface.json"
    source.write_text("{ 'command': 'stop' }")
    monkeypatch.setattr(compile_schemas, "PACKAGE", tmp_path)
    monkeypatch.setattr(compile_schemas, "SOURCES", {"interface.json": "a.json"})
    assert compile_schemas.run(is_check=True) == 1
    assert "interface.json is stale: a.json has changed" in capsys.readouterr().out
    assert not target.exists()
    assert compile_schemas.run(is_check=False) == 0
    assert compile_schemas.run(is_check=True) == 0
    source.write_text("{ 'command': 'cont' }")
    assert compile_schemas.run(is_check=True) == 1
