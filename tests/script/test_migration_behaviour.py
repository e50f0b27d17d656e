"""A migration as a ready behaviour, and our own procedures against it."""

import asyncio

import pytest

from qmpeer import AsyncClient, CommandError, MigrationError
from qmpeer.client.migration import MigrationState
from tests.patience import PATIENCE
from tests.script.behaving import behaving, lines

URI = "unix:target"


def test_a_migration_completes() -> None:
    seen: list[MigrationState] = []
    with behaving() as (server, client):
        machine = server.running_machine()
        server.migration(machine=machine, seconds=0.1, steps=2, size=1000)
        assert client.execute("query-migrate") == {}
        state = client.migrate(URI, progress=seen.append, interval=0.01)
        assert (state.status, state.transferred, state.remaining) == ("completed", 1000, 0)
        assert client.execute("query-status")["status"] == "postmigrate"
        client.execute("cont")
        assert machine.status == "running"
    assert {each.transferred for each in seen} <= {0, 500, 1000}
    events = [each for each in lines(server) if each.isupper()]
    expected = ["MIGRATION", "MIGRATION_PASS", "MIGRATION", "STOP", "MIGRATION", "RESUME"]
    assert events == expected


def test_a_migration_fails() -> None:
    with behaving() as (server, client):
        migration = server.migration(end="failed", error="Connection refused")
        with pytest.raises(MigrationError, match="Connection refused"):
            client.migrate(URI)
        assert migration.status == "failed"
        migration.end = "completed"
        assert client.migrate(URI).status == "completed"


def test_a_migration_is_cancelled() -> None:
    with behaving() as (server, client):
        migration = server.migration(end="cancelled")
        with pytest.raises(MigrationError, match="cancelled"):
            client.migrate(URI)
        migration.end = "never"
        client.execute("migrate", {"uri": URI})
        with pytest.raises(CommandError, match="There's a migration process in progress"):
            client.execute("migrate", {"uri": URI})
        mark = client.event_mark()
        client.execute("migrate_cancel")
        client.wait_event("MIGRATION", {"status": "cancelled"}, since=mark, timeout=PATIENCE)
        client.execute("migrate_cancel")
        assert migration.status == "cancelled"


def test_a_migration_that_never_ends() -> None:
    with behaving() as (server, client):
        migration = server.migration(end="never", size=1000)
        with pytest.raises(TimeoutError):
            client.migrate(URI, timeout=0.1)
        assert migration.status == "cancelled", "the client cancels it"


def test_no_events_without_the_capability() -> None:
    with behaving() as (server, client):
        migration = server.migration()
        client.execute("migrate", {"uri": URI})
        while client.execute("query-migrate")["status"] != "completed":
            pass
        assert "MIGRATION" not in lines(server)
        assert not migration.capabilities["events"]
        with pytest.raises(ValueError, match="found -1 steps"):
            server.migration(steps=-1)


def test_the_async_client() -> None:
    async def run(address: str) -> None:
        async with await AsyncClient.connect(address) as client:
            assert (await client.migrate(URI)).status == "completed"

    with behaving(many=True) as (server, _):
        server.migration()
        asyncio.run(run(server.address))
