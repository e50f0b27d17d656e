"""Objects and their properties, with any answers of the server."""

from pathlib import Path
from typing import Any

import pytest

from qmpeer import Client, CommandError
from qmpeer.errors import AnswerError, LimitError
from qmpeer.inventory.objects import children, properties, values
from qmpeer.values import JsonValue
from tests.cli.scripted_server import Scripted


def listing(path: str) -> Any:
    if path == "/gone":
        return CommandError("DeviceNotFound", "it was unplugged")
    if path == "/":
        found = {"d[10]": "child<x>", "d[9]": "child<y>", "gone": "child<z>", "type": "string"}
        return [{"name": name, "type": kind} for name, kind in found.items()]
    return [{"name": "e", "type": "child<e>"}] if path == "/d[9]" else []


ANSWERS = {"qom-list": listing, "qom-get": CommandError("GenericError", "not now")}


def test_all_below_one(tmp_path: Path) -> None:
    with Scripted(tmp_path / "q", ANSWERS) as server, Client.connect(server.address) as client:
        d9: dict[str, JsonValue] = {"name": "d[9]", "type": "y"}
        d10: dict[str, JsonValue] = {"name": "d[10]", "type": "x"}
        assert children(client, "/", 1) == [d9, d10, {"name": "gone", "type": "z"}]
        d9["children"] = [{"name": "e", "type": "e"}]
        assert children(client, "/", 2) == [d9, d10]
        assert properties(client, "/")[0] == ("d[9]", "child<y>")
        assert list(values(client, "/")) == [{"name": "type", "type": "string", "error": "not now"}]


def test_an_odd_answer_and_too_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qmpeer.limits.QOM_OBJECTS", 2)
    with (
        Scripted(tmp_path / "q", ANSWERS) as server,
        Client.connect(server.address) as client,
        pytest.raises(LimitError, match="more than 2 objects"),
    ):
        children(client, "/", 3)
    with (
        Scripted(tmp_path / "r", {"qom-list": [1]}) as server,
        Client.connect(server.address) as client,
        pytest.raises(AnswerError),
    ):
        properties(client, "/")
