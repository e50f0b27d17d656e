"""Declared commands and events, policy, and introspection of the monitor's interface."""

import asyncio
import os
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Literal

import pytest

from qmpeer.errors import ValidationError
from qmpeer.monitor import Backend, CommandInfo, Context, Monitor
from qmpeer.monitor.interface import own_schema
from qmpeer.schema import (
    Policy,
    Schema,
    introspection_of,
    schema_from_introspection,
    schema_from_qapi,
)
from tests.monitor.conftest import Connect
from tests.monitor.raw_client import RawClient
from tests.patience import PATIENCE

QAPI = """
{ 'enum': 'Tray', 'data': [ 'open', 'closed', { 'name': 'ajar', 'features': [ 'deprecated' ] } ] }
{ 'struct': 'Disc', 'data': { 'title': 'str',
    'shelf': { 'type': 'str', 'features': [ 'deprecated' ] } } }
{ 'union': 'Action', 'base': { 'kind': 'Kind', '*note': 'str' }, 'discriminator': 'kind',
  'data': { 'play': 'Play' } }
{ 'enum': 'Kind', 'data': [ 'play', 'pause' ] }
{ 'struct': 'Play', 'data': { 'track': 'uint8' } }
{ 'command': 'move', 'data': { 'tray': 'Tray', '*slowly': 'bool',
    '*speed': { 'type': 'int', 'features': [ 'unstable' ] } } }
{ 'command': 'act', 'data': 'Action', 'boxed': true }
{ 'command': 'query-disc', 'returns': 'Disc' }
{ 'command': 'spin', 'features': [ 'deprecated' ], 'allow-oob': true }
{ 'command': 'x-scratch', 'features': [ 'unstable' ] }
{ 'event': 'MOVED', 'data': 'Disc' }
{ 'event': 'SPUN', 'features': [ 'deprecated' ] }
"""


@pytest.fixture
def schema() -> Schema:
    return schema_from_qapi("player.json", lambda name: QAPI.encode())


def player(schema: Schema, **options: Any) -> Monitor:
    """Make a monitor with a handler for each command of the schema."""
    monitor = Monitor(name="player", schema=schema, **options)

    @monitor.command("move")
    def move(tray: str, slowly: bool = False, speed: int = 1) -> None: ...

    @monitor.command("act")
    def act(kind: str, note: str | None = None, **rest: Any) -> dict[str, Any]:
        return {"kind": kind, "note": note, **rest}

    @monitor.command("query-disc")
    def query_disc() -> dict[str, Any]:
        return {"title": "Blue", "shelf": "B2"}

    monitor.command("spin")(lambda: None)
    monitor.command("x-scratch")(lambda: None)
    return monitor


@asynccontextmanager
async def connected(monitor: Monitor, path: Path) -> AsyncIterator[RawClient]:
    await monitor.listen(path)
    client = await RawClient.connect(path)
    try:
        yield client
    finally:
        client.close()
        monitor.shutdown()
        async with asyncio.timeout(PATIENCE):
            await monitor.wait_closed()


def error(class_: str, desc: str) -> dict[str, Any]:
    return {"error": {"class": class_, "desc": desc}}


# --- Declared commands ----------------------------------------------------------------------------


async def test_declared_arguments_are_judged_as_declared(schema: Schema, path: Path) -> None:
    async with connected(player(schema), path) as client:
        assert await client.execute("move", {"tray": "open", "slowly": True}) == {"return": {}}
        assert await client.execute("move", {"tray": "shut"}) == error(
            "GenericError", "Parameter 'tray' does not accept value 'shut'"
        )
        assert await client.execute("move") == error("GenericError", "Parameter 'tray' is missing")
        acted = await client.execute("act", {"kind": "play", "track": 3})
        assert acted == {"return": {"kind": "play", "note": None, "track": 3}}
        assert await client.execute("act", {"kind": "play", "track": 300}) == error(
            "GenericError", "Parameter 'track' expects uint8_t"
        )
        assert await client.execute("act", {"kind": "pause", "track": 3}) == error(
            "GenericError", "Parameter 'track' is unexpected"
        )


async def test_out_of_band_is_as_declared(schema: Schema, path: Path) -> None:
    monitor = player(schema)
    await monitor.listen(path)
    client = await RawClient.connect(path, oob=True)
    client.send({"exec-oob": "spin", "id": 1})
    assert await client.receive() == {"return": {}, "id": 1}
    client.send({"exec-oob": "query-disc", "id": 2})
    assert (await client.receive())["error"]["desc"] == (
        "The command query-disc does not support OOB"
    )
    client.close()
    monitor.shutdown()
    await monitor.wait_closed()


class Tray(Enum):
    OPEN = "open"
    CLOSED = "closed"


async def test_annotations_convert_what_was_judged(schema: Schema, path: Path) -> None:
    monitor = Monitor(schema=schema)
    seen: list[Tray] = []

    @monitor.command("move")
    def move(tray: Tray, slowly: bool | None = None, speed: int | None = None) -> None:
        seen.append(tray)

    async with connected(monitor, path) as client:
        # Of a value that is declared, but that the handler's own type doesn't have, it is spared.
        assert await client.execute("move", {"tray": "closed"}) == {"return": {}}
        assert await client.execute("move", {"tray": "ajar"}) == error(
            "GenericError", "Parameter 'tray' does not accept value 'ajar'"
        )
    assert seen == [Tray.CLOSED]


def too_few(tray: str, slowly: bool = False) -> None: ...
def too_many(tray: str, slowly: bool = False, speed: int = 1, colour: str = "") -> None: ...
def not_optional(tray: str, slowly: bool, speed: int = 1) -> None: ...
def not_mandatory(tray: str = "", slowly: bool = False, speed: int = 1) -> None: ...
def no_rest(kind: str, note: str | None = None) -> None: ...


@pytest.mark.parametrize(
    ("name", "handler", "fault"),
    [
        ("move", too_few, "no parameter takes the argument 'speed'"),
        ("move", too_many, "it takes 'colour', which isn't an argument of the command"),
        ("move", not_optional, "the argument 'slowly' is optional: its parameter needs a default"),
        ("move", not_mandatory, "the argument 'tray' is mandatory: its parameter has a default"),
        ("act", no_rest, "the arguments are a union"),
    ],
)
def test_handlers_must_match(
    schema: Schema, name: str, handler: Callable[..., None], fault: str
) -> None:
    monitor = Monitor(schema=schema)
    with pytest.raises(TypeError, match=fault) as caught:
        monitor.command(name)(handler)
    assert f"the handler of {name}" in str(caught.value)
    assert name in monitor.missing_handlers()


def test_what_is_declared_is_not_said_again(schema: Schema) -> None:
    monitor = Monitor(schema=schema)
    for again in ({"allow_oob": True}, {"features": ["deprecated"]}):
        with pytest.raises(ValueError, match="command spin: the schema declares"):
            monitor.command("spin", **again)(lambda: None)
    with pytest.raises(ValueError, match="can't be blocking and also out-of-band"):
        monitor.command("spin", blocking=True)(lambda: None)


def test_types_that_clash_with_the_monitors_own_are_refused() -> None:
    clash = schema_from_qapi(
        "clash.json",
        lambda name: (
            b"{ 'struct': 'VersionInfo', 'data': {} }{ 'command': 'ask', 'returns': 'VersionInfo' }"
        ),
    )
    with pytest.raises(ValueError, match="type 'VersionInfo' differs"):
        Monitor(schema=clash)


# --- What the monitor says of itself --------------------------------------------------------------


def test_schema_has_declared_commands_with_handlers_alone(schema: Schema) -> None:
    monitor = Monitor(schema=schema)
    monitor.command("query-disc")(lambda: None)
    names = [entity.name for entity in monitor.schema().entities]
    own = [entity.name for entity in own_schema().entities]
    assert names == [*own, "query-disc", "MOVED", "SPUN"]
    assert monitor.missing_handlers() == ["move", "act", "spin", "x-scratch"]


@dataclass
class Disc:
    title: str
    tracks: list[int]
    in_tray: bool | None = None


def test_undeclared_commands_are_what_their_signatures_say(monitor: Monitor) -> None:
    @monitor.command("eject-disc", allow_oob=True, features=["unstable"])
    def eject_disc(
        shelf: Literal["a", "b"], discs: list[Disc], force: bool = False, *, context: Context
    ) -> Disc | None:
        """Take a disc out.

        It may be heavy.

        Args:
            shelf: Where it goes.
            force: Do it
                now.

        Returns:
            The disc.

        Raises:
            CommandError: If there is none.
        """
        return None

    schema = monitor.schema()
    command = next(command for command in schema.commands() if command.name == "eject-disc")
    assert command.allow_oob
    assert [feature.name for feature in command.features] == ["unstable"]
    documentation = command.documentation
    assert documentation is not None
    assert documentation.text == "Take a disc out.\n\nIt may be heavy."
    assert documentation.members == {"shelf": "Where it goes.", "force": "Do it\nnow."}
    assert [(part.tag, part.text) for part in documentation.sections] == [
        ("Returns", "The disc."),
        ("Errors", "CommandError: If there is none."),
    ]

    answer: list[Any] = introspection_of(schema)
    entities = {entity["name"]: entity for entity in answer}
    assert entities["eject-disc"]["features"] == ["unstable"]
    arguments = entities[entities["eject-disc"]["arg-type"]]["members"]
    assert [(m["name"], "default" in m) for m in arguments] == [
        ("shelf", False),
        ("discs", False),
        ("force", True),
    ]
    disc = entities[entities["eject-disc"]["ret-type"]]["members"]
    assert [(m["name"], m["type"], "default" in m) for m in disc] == [
        ("title", "str", False),
        ("tracks", "[int]", False),
        ("in-tray", "bool", True),
    ]


async def test_query_qmp_schema_answers_the_whole(monitor: Monitor, connect: Connect) -> None:
    @monitor.command("sum")
    def add_up(numbers: list[int]) -> int:
        return sum(numbers)

    client = await connect()
    answer = (await client.execute("query-qmp-schema"))["return"]
    assert answer == introspection_of(monitor.schema())
    monitor.command("more")(lambda: None)
    later = (await client.execute("query-qmp-schema"))["return"]
    assert [e["name"] for e in later if e["meta-type"] == "command"][-2:] == ["sum", "more"]
    commands = [entry["name"] for entry in (await client.execute("query-commands"))["return"]]
    assert commands == [e["name"] for e in reversed(later) if e["meta-type"] == "command"]


def test_own_commands_are_as_their_files_declare_them() -> None:
    checked = Monitor(schema=own_schema(), checks_output=True)
    assert checked.missing_handlers() == []  # each went through the match with its declaration


class Fixed:
    """A backend that answers its own query-qmp-schema."""

    def commands(self) -> list[CommandInfo]:
        return [CommandInfo("query-qmp-schema")]

    def execute(self, command: object, context: Context) -> list[Any]:
        return ["its own"]

    def subscribe(self, emit: object) -> None: ...


async def test_a_backend_describes_itself(path: Path) -> None:
    backend: Backend = Fixed()
    async with connected(Monitor(backend=backend), path) as client:
        assert await client.execute("query-qmp-schema") == {"return": ["its own"]}


# --- Policy ---------------------------------------------------------------------------------------


async def test_input_that_policy_rejects(schema: Schema, path: Path) -> None:
    policy = Policy(deprecated_input="reject", unstable_input="reject")
    async with connected(player(schema, policy=policy), path) as client:
        assert await client.execute("spin") == error(
            "CommandNotFound", "Deprecated command spin disabled by policy"
        )
        assert await client.execute("x-scratch") == error(
            "CommandNotFound", "Unstable command x-scratch disabled by policy"
        )
        assert await client.execute("move", {"tray": "open", "speed": 2}) == error(
            "GenericError", "Unstable parameter speed disabled by policy"
        )
        assert await client.execute("move", {"tray": "ajar"}) == error(
            "GenericError", "Deprecated value ajar disabled by policy"
        )
        assert await client.execute("move", {"tray": "open"}) == {"return": {}}


async def test_policy_is_judged_before_out_of_band(schema: Schema, path: Path) -> None:
    monitor = player(schema, policy=Policy(unstable_input="reject"))
    await monitor.listen(path)
    client = await RawClient.connect(path, oob=True)
    client.send({"exec-oob": "x-scratch", "id": 1})
    assert (await client.receive())["error"]["class"] == "CommandNotFound"
    client.close()
    monitor.shutdown()
    await monitor.wait_closed()


async def test_features_of_undeclared_commands_count_for_policy(path: Path) -> None:
    monitor = Monitor(policy=Policy(deprecated_input="reject"))
    monitor.command("old", features=["deprecated"])(lambda: None)
    async with connected(monitor, path) as client:
        assert (await client.execute("old"))["error"]["class"] == "CommandNotFound"


@pytest.mark.parametrize(
    ("request_line", "last_words"),
    [
        ('{"execute": "spin"}', "Deprecated command spin disabled by policy"),
        (
            '{"execute": "move", "arguments": {"tray": "ajar"}}',
            "Deprecated value ajar disabled by policy",
        ),
    ],
)
def test_policy_can_end_the_process(tmp_path: Path, request_line: str, last_words: str) -> None:
    (tmp_path / "player.json").write_text(QAPI)
    program = """
        import asyncio, pathlib, resource
        from qmpeer.monitor import Monitor
        from qmpeer.schema import Policy, schema_from_qapi
        from qmpeer.transport.aio import open_stdio_stream
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        schema = schema_from_qapi("player.json", lambda name: pathlib.Path(name).read_bytes())
        monitor = Monitor(schema=schema, policy=Policy(deprecated_input="crash"))
        monitor.command("spin")(lambda: None)
        @monitor.command("move")
        def move(tray, slowly=False, speed=1): ...
        async def main():
            await open_stdio_stream(monitor.connection_factory())
            await monitor.wait_closed()
        asyncio.run(main())
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        input=f'{{"execute": "qmp_capabilities"}}{request_line}',
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        cwd=tmp_path,
        env=dict(os.environ),
        check=False,
    )
    assert done.returncode == -6
    assert last_words in done.stderr


async def test_output_that_policy_hides(schema: Schema, path: Path) -> None:
    monitor = player(schema, policy=Policy(deprecated_output="hide"))
    async with connected(monitor, path) as client:
        assert await client.execute("query-disc") == {"return": {"title": "Blue"}}
        monitor.emit("SPUN")
        monitor.emit("MOVED", {"title": "Blue", "shelf": "B2"})
        event = await client.receive()
        assert (event["event"], event["data"]) == ("MOVED", {"title": "Blue"})
        answer = (await client.execute("query-qmp-schema"))["return"]
        names = {entity["name"] for entity in answer}
        assert "x-scratch" in names
        assert not names & {"spin", "SPUN"}


async def test_output_is_checked_before_policy_hides_it(schema: Schema, path: Path) -> None:
    """A policy for input isn't one for replies, and what is hidden isn't missing."""
    policy = Policy(deprecated_input="reject", deprecated_output="hide")
    monitor = player(schema, policy=policy, checks_output=True)
    async with connected(monitor, path) as client:
        assert await client.execute("query-disc") == {"return": {"title": "Blue"}}
        assert (await client.execute("query-qmp-schema"))["return"]


# --- Checks of output -----------------------------------------------------------------------------


async def test_output_is_held_to_the_schema_on_request(
    schema: Schema, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    monitor = Monitor(schema=schema, checks_output=True)
    monitor.command("query-disc")(lambda: {"title": 1, "shelf": "B2"})
    async with connected(monitor, path) as client:
        desc = (await client.execute("query-disc"))["error"]["desc"]
        assert desc.startswith("Internal error in query-disc: ")
        assert "'title'" in desc
        with pytest.raises(ValidationError):
            monitor.emit("MOVED", {"title": "Blue"})
        monitor.emit("SPUN")
        assert (await client.receive())["event"] == "SPUN"


async def test_nothing_is_an_empty_object_to_the_checks(schema: Schema, path: Path) -> None:
    monitor = Monitor(schema=schema, checks_output=True)
    monitor.command("query-disc")(lambda: None)
    monitor.command("spin")(lambda: None)
    async with connected(monitor, path) as client:
        assert "error" in await client.execute("query-disc")
        assert await client.execute("spin") == {"return": {}}


RESIZE = b"{ 'command': 'resize', 'data': { 'size': 'size' } }"


async def test_a_saved_answer_of_some_commands(path: Path) -> None:
    """The int of introspection, which may be of any size, is no clash with the monitor's own."""
    answer: Any = introspection_of(schema_from_qapi("resize.json", lambda name: RESIZE))
    monitor = Monitor(schema=schema_from_introspection(answer))
    assert monitor.missing_handlers() == ["resize"]

    @monitor.command("resize")
    def resize(size: int) -> None:
        assert size == 1 << 63

    async with connected(monitor, path) as client:
        assert await client.execute("resize", {"size": 1 << 63}) == {"return": {}}
        assert "return" in await client.execute("query-version")
