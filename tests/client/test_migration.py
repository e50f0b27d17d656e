"""Runs of migrations: with and without events, progress, failures and cancelling.

Modules: aio.migration_run, blocking.migration_run.
"""

from typing import Any

import pytest

from qmpeer import CommandError, CommandInterrupted
from qmpeer.client.migration import MigrationState
from qmpeer.errors import AnswerError, MigrationError
from tests.client.faces import Face
from tests.client.hourglass import Hourglass
from tests.client.scripted import ScriptedServer, connected
from tests.patience import PATIENCE

URI = "unix:/elsewhere"


class MigrationServer:
    """A scripted server with one migration."""

    def __init__(self, server: ScriptedServer) -> None:
        self.server = server

    def answer(self, expected: str, value: Any = None) -> dict[str, Any]:
        command = self.server.command()
        assert command["execute"] == expected
        self.server.reply(command, value)
        return command

    def refuse(self, expected: str, error_class: str = "GenericError", desc: str = "no") -> None:
        command = self.server.command()
        assert command["execute"] == expected
        self.server.fail(command, error_class, desc)

    def begin(self) -> dict[str, Any]:
        """Answer the first commands of a server whose events are enabled already."""
        self.answer(
            "query-migrate-capabilities",
            [{"capability": "xbzrle", "state": False}, {"capability": "events", "state": True}],
        )
        return self.answer("migrate")

    def status(self, *statuses: str) -> None:
        for status in statuses:
            self.server.event("MIGRATION", status=status)

    def tell(self, status: str, **more: Any) -> None:
        ram = {"transferred": 10, "remaining": 30, "total": 40}
        self.answer("query-migrate", {"status": status, "ram": ram, **more})

    def until(self, expected: str) -> dict[str, Any]:
        """Answer queries until another command comes, and return that command."""
        while (command := self.server.command())["execute"] != expected:
            assert command["execute"] == "query-migrate"
            self.server.reply(command, {"status": "active"})
        return command


def test_by_events(face: Face) -> None:
    with connected(face) as (vm, server):
        running = vm.start("migrate", URI, timeout=PATIENCE)
        migration = MigrationServer(server)
        capabilities = [{"capability": "events", "state": False}]
        migration.answer("query-migrate-capabilities", capabilities)
        command = migration.answer("migrate-set-capabilities")
        wanted = {"capabilities": [{"capability": "events", "state": True}]}
        assert command["arguments"] == wanted
        assert migration.answer("migrate")["arguments"] == {"uri": URI}
        migration.status("setup", "active", "completed")
        migration.tell("completed", downtime=5)
        state = running.result(PATIENCE)
        assert (state.status, state.transferred, state.info["downtime"]) == ("completed", 10, 5)
        assert state.fraction == 1.0
        assert not server.has_input()


@pytest.mark.parametrize("knows", ["nothing", "no events", "no setting"])
def test_by_questions(face: Face, knows: str) -> None:
    with connected(face) as (vm, server):
        running = vm.start("migrate", URI, timeout=PATIENCE, interval=0.02)
        migration = MigrationServer(server)
        if knows == "nothing":
            migration.refuse("query-migrate-capabilities", "CommandNotFound")
        elif knows == "no events":
            capabilities = [{"capability": "xbzrle", "state": False}]
            migration.answer("query-migrate-capabilities", capabilities)
        else:
            capabilities = [{"capability": "events", "state": False}]
            migration.answer("query-migrate-capabilities", capabilities)
            migration.refuse("migrate-set-capabilities")
        migration.answer("migrate")
        for status in ("setup", "active", "active", "completed"):
            migration.tell(status)
        assert running.result(PATIENCE).status == "completed"


def test_further_arguments(face: Face) -> None:
    with connected(face) as (vm, server):
        arguments: dict[str, Any] = {"channels": []}
        running = vm.start("migrate", arguments=arguments, timeout=PATIENCE)
        migration = MigrationServer(server)
        assert migration.begin()["arguments"] == arguments
        migration.status("completed")
        migration.tell("completed")
        running.result(PATIENCE)


def test_progress(face: Face) -> None:
    with connected(face) as (vm, server):
        told: list[MigrationState] = []
        running = vm.start("migrate", URI, progress=told.append, interval=0.02, timeout=PATIENCE)
        migration = MigrationServer(server)
        migration.begin()
        migration.tell("setup")
        migration.tell("active")
        migration.status("completed")
        # A query in flight may be answered first.
        while not running.done():
            if server.has_input():
                migration.tell("completed")
        assert running.result(PATIENCE) == told[-1]
        assert [state.status for state in told][:2] == ["setup", "active"]
        assert told[1].fraction == 0.25


@pytest.mark.parametrize("status", ["failed", "cancelled", "postcopy-paused"])
def test_a_failure(face: Face, status: str) -> None:
    with connected(face) as (vm, server):
        running = vm.start("migrate", URI, timeout=PATIENCE)
        migration = MigrationServer(server)
        migration.begin()
        migration.status("setup", status)
        more = {"error-desc": "Connection refused"} if status == "failed" else {}
        migration.tell(status, **more)
        with pytest.raises(MigrationError) as caught:
            running.result(PATIENCE)
        assert caught.value.status == status
        assert caught.value.desc == more.get("error-desc", "")
        assert str(caught.value).startswith("the migration ")
        assert isinstance(caught.value, CommandError)
        assert not server.has_input()


def test_one_that_cannot_be_begun(face: Face) -> None:
    with connected(face) as (vm, server):
        running = vm.start("migrate", URI)
        migration = MigrationServer(server)
        migration.answer("query-migrate-capabilities", [{"capability": "events", "state": True}])
        migration.refuse("migrate", desc="There's a migration process in progress")
        with pytest.raises(CommandError, match="in progress"):
            running.result(PATIENCE)
        assert not server.has_input()


def test_one_that_pauses_before_it_switches_over(face: Face) -> None:
    with connected(face) as (vm, server):
        running = vm.start("migrate", URI, timeout=PATIENCE)
        migration = MigrationServer(server)
        migration.begin()
        migration.status("active", "pre-switchover")
        migration.tell("pre-switchover")
        command = migration.answer("migrate-continue")
        assert command["arguments"] == {"state": "pre-switchover"}
        migration.status("device", "completed")
        migration.tell("completed")
        assert running.result(PATIENCE).status == "completed"


def test_a_deadline_cancels_it(face: Face, hourglass: Hourglass) -> None:
    with connected(face) as (vm, server):
        running = vm.start("migrate", URI, timeout=0.1)
        migration = MigrationServer(server)
        migration.begin()
        hourglass.let_go()
        migration.status("active")
        server.reply(migration.until("migrate_cancel"))
        migration.tell("cancelling")
        migration.tell("cancelled")
        with pytest.raises(TimeoutError, match=r"wasn't done in 0\.1 s") as caught:
            running.result(PATIENCE)
        assert not getattr(caught.value, "__notes__", [])


def test_nothing_cancels_it_in_postcopy(face: Face, hourglass: Hourglass) -> None:
    """In postcopy the guest is spread over both sides, and would be lost."""
    with connected(face) as (vm, server):
        running = vm.start("migrate", URI, timeout=0.1)
        migration = MigrationServer(server)
        migration.begin()
        migration.status("active")
        hourglass.let_go()
        migration.status("postcopy-active")
        migration.tell("postcopy-active")
        with pytest.raises(TimeoutError) as caught:
            running.result(PATIENCE)
        (note,) = caught.value.__notes__
        assert note == "the migration is still running, as it can't be cancelled in postcopy-active"
        assert not server.has_input()


def test_one_that_cannot_be_cancelled(
    face: Face, hourglass: Hourglass, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qmpeer.limits.CANCEL_TIMEOUT", 0.1)
    with connected(face) as (vm, server):
        running = vm.start("migrate", URI, timeout=0.05)
        migration = MigrationServer(server)
        migration.begin()
        hourglass.let_go()
        hourglass.let_go()
        migration.status("active")
        with pytest.raises(TimeoutError) as caught:
            running.result(PATIENCE)
        (note,) = caught.value.__notes__
        assert note.startswith(
            "the migration may still be running, cancelling it failed: query-migrate"
        )


def test_the_end_of_the_connection(face: Face) -> None:
    with connected(face) as (vm, server):
        running = vm.start("migrate", URI)
        migration = MigrationServer(server)
        migration.begin()
        migration.status("active")
        server.close()
        with pytest.raises(CommandInterrupted, match="the migration may still be running"):
            running.result(PATIENCE)


@pytest.mark.parametrize(
    ("state", "fraction"),
    [
        (MigrationState("setup"), 0.0),
        (MigrationState("active", remaining=10, total=40), 0.75),
        (MigrationState("active", remaining=50, total=40), 0.0),
        (MigrationState("completed"), 1.0),
    ],
    ids=["setup", "active", "dirtied", "completed"],
)
def test_fractions(state: MigrationState, fraction: float) -> None:
    assert state.fraction == fraction


# Unusable answers


@pytest.mark.parametrize("odd", [0, "x", [], [None], [{}], [{"capability": 1}]], ids=repr)
def test_capabilities_that_cannot_be_read(face: Face, odd: Any) -> None:
    """Without events, the state is polled."""
    with connected(face) as (vm, server):
        running = vm.start("migrate", URI, timeout=PATIENCE, interval=0.02)
        migration = MigrationServer(server)
        migration.answer("query-migrate-capabilities", odd)
        migration.answer("migrate")
        migration.answer("query-migrate", {"status": "completed"})
        assert running.result(PATIENCE).status == "completed"


@pytest.mark.parametrize("odd", [0, "x", [], {"x": 1}, True], ids=repr)
def test_a_state_that_is_half_told(face: Face, odd: Any) -> None:
    with connected(face) as (vm, server):
        running = vm.start("migrate", URI, timeout=PATIENCE)
        migration = MigrationServer(server)
        migration.begin()
        server.event("MIGRATION", status=odd)
        migration.status("failed")
        migration.answer("query-migrate", {"status": "failed", "ram": odd, "error-desc": odd})
        with pytest.raises(MigrationError) as caught:
            running.result(PATIENCE)
        assert caught.value.desc == (odd if isinstance(odd, str) else "failed")


def test_a_state_that_is_none(face: Face) -> None:
    with connected(face) as (vm, server):
        running = vm.start("migrate", URI, timeout=PATIENCE)
        migration = MigrationServer(server)
        migration.begin()
        migration.status("completed")
        migration.answer("query-migrate", [])
        migration.answer("query-migrate", {"status": "completed"})
        migration.answer("migrate_cancel")
        with pytest.raises(AnswerError, match="query-migrate is unusable") as caught:
            running.result(PATIENCE)
        assert caught.value.__notes__ == ["the migration wasn't cancelled, its status is completed"]
