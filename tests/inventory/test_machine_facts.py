"""Facts about a server."""

from pathlib import Path
from typing import Any

import pytest

from qmpeer import Client, CommandError
from qmpeer.inventory.machine_facts import machine_facts
from tests.cli.scripted_server import Scripted


def test_facts_are_complete_without_query_commands(tmp_path: Path) -> None:
    """An old server that can't list its commands is sent every query."""
    with (
        Scripted(tmp_path / "q", {"query-status": {"status": "paused"}}) as server,
        Client.connect(server.address) as client,
        pytest.MonkeyPatch.context() as patch,
    ):
        execute = client.execute

        def without(command: str, arguments: Any = None) -> Any:
            if command == "query-commands":
                raise CommandError("CommandNotFound", "no")
            return execute(command, arguments)

        patch.setattr(client, "execute", without)
        assert machine_facts(client)["status"] == "paused"
