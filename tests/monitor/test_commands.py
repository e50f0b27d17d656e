"""Registered handlers, end to end: names, defaults, results, errors."""

import asyncio
import dataclasses
import inspect
import logging
import threading
from typing import Any

import msgspec
import pytest

from qmpeer.client import AsyncClient
from qmpeer.errors import CommandError
from qmpeer.monitor import Context, Monitor
from qmpeer.values import JsonObject
from tests.monitor.conftest import Connect


def error(error_class: str, desc: str) -> JsonObject:
    return {"error": {"class": error_class, "desc": desc}}


def generic(desc: str) -> JsonObject:
    return error("GenericError", desc)


# What a signature says


def test_registering_returns_the_function_unchanged() -> None:
    monitor = Monitor()

    def stop() -> None:
        """Pause the guest."""

    registered = monitor.command("stop")(stop)
    assert registered is stop
    assert inspect.getdoc(registered) == "Pause the guest."


def test_a_name_can_be_registered_once() -> None:
    monitor = Monitor()
    monitor.command("stop")(lambda: None)
    with pytest.raises(ValueError, match="stop"):
        monitor.command("stop")(lambda: None)


@pytest.mark.parametrize(
    "name",
    [
        "*",
        "",
        " ",
        "stop ",
        "a b",
        "2a",
        "-a",
        "_a",
        "a/b",
        "a.b",
        "a\n",
        "a\0",
        "\u00e9",
        "\u0663",
    ],
)
def test_a_name_that_qapi_would_not_have_is_refused(name: str) -> None:
    monitor = Monitor()
    with pytest.raises(ValueError, match="is not a name"):
        monitor.command(name)
    assert monitor.schema() == Monitor().schema()


@pytest.mark.parametrize(
    "name", ["__com.vendor_x", "__org.qemu-test_a-b", "x-a", "device_add", "A1"]
)
def test_a_name_that_qapi_has_is_taken(name: str) -> None:
    monitor = Monitor()
    monitor.command(name)(lambda: None)
    assert name in [command.name for command in monitor.schema().commands()]


def test_a_decorator_without_a_name_is_refused() -> None:
    monitor = Monitor()
    with pytest.raises(
        TypeError, match=r'a function, expected a name: @monitor.command\("memory-read"'
    ):

        @monitor.command  # type: ignore[arg-type]  # the point
        def memory_read() -> None: ...

    with pytest.raises(TypeError, match=r'expected a name: @monitor.human_command\("eject"\)'):

        @monitor.human_command  # type: ignore[arg-type]  # the point
        def eject() -> None: ...

    for name in (None, 5, b"stop", ["stop"], lambda: None):
        with pytest.raises(TypeError, match=r"expected a name: @monitor.command\("):
            monitor.command(name)  # type: ignore[arg-type]  # the point
    with pytest.raises(TypeError, match="expected a list"):
        monitor.command("a", features="deprecated")


@pytest.mark.parametrize("name", ["qmp_capabilities", "query-version", "query-commands"])
def test_what_is_built_in_cannot_be_replaced(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        Monitor().command(name)(lambda: None)


def test_a_blocking_command_cannot_be_out_of_band() -> None:
    with pytest.raises(ValueError, match="out-of-band"):
        Monitor().command("a", blocking=True, allow_oob=True)(lambda: None)


def test_a_blocking_command_cannot_be_async() -> None:
    async def handler() -> None: ...

    with pytest.raises(ValueError, match="async"):
        Monitor().command("a", blocking=True)(handler)


def test_a_signature_that_is_no_commands_is_refused() -> None:
    with pytest.raises(TypeError, match="handler"):

        @Monitor().command("a")
        def handler(x: int, /) -> None: ...


async def test_arguments_have_the_names_of_parameters(monitor: Monitor, connect: Connect) -> None:
    seen: list[tuple[Any, ...]] = []

    @monitor.command("memory-read")
    def memory_read(memory_address: int, size: int = 4, class_: str = "ram") -> None:
        seen.append((memory_address, size, class_))

    client = await connect()
    assert await client.execute("memory-read", {"memory-address": 1}) == {"return": {}}
    everything = {"memory-address": 1, "size": 2, "class": "rom"}
    assert await client.execute("memory-read", everything) == {"return": {}}
    assert seen == [(1, 4, "ram"), (1, 2, "rom")]
    answers = [
        await client.execute("memory-read"),
        await client.execute("memory-read", {"memory_address": 1}),
        await client.execute("memory-read", {"memory-address": "1"}, id=5),
        await client.execute("memory-read", {"memory-address": 1, "foo": 1}),
    ]
    assert answers == [
        generic("Parameter 'memory-address' is missing"),
        generic("Parameter 'memory-address' is missing"),
        {"id": 5, **generic("Invalid parameter type for 'memory-address', expected: integer")},
        generic("Parameter 'foo' is unexpected"),
    ]
    assert len(seen) == 2


@pytest.mark.parametrize("kind", ["sync", "async", "blocking"])
async def test_every_kind_of_handler_gets_arguments_and_context(
    monitor: Monitor, connect: Connect, kind: str
) -> None:
    contexts: list[Context] = []

    def sync(a: int, *, context: Context, b: int = 2) -> int:
        contexts.append(context)
        return a + b

    async def slow(a: int, *, context: Context, b: int = 2) -> int:
        await asyncio.sleep(0)
        return sync(a, context=context, b=b)

    monitor.command("add", blocking=kind == "blocking")(slow if kind == "async" else sync)
    client = await connect()
    assert await client.execute("add", {"a": 1}) == {"return": 3}
    assert await client.execute("add", {"b": 5, "a": 1}, id="x") == {"return": 6, "id": "x"}
    assert await client.execute("add") == generic("Parameter 'a' is missing")
    assert await client.execute("add", {"a": 1, "context": 1}) == generic(
        "Parameter 'context' is unexpected"
    )
    assert {context.monitor for context in contexts} == {monitor}
    assert contexts[0].peer.startswith("unix:")


async def test_a_blocking_handler_runs_in_a_thread(monitor: Monitor, connect: Connect) -> None:
    threads: list[int] = []
    for name, is_blocking in [("here", False), ("there", True)]:
        monitor.command(name, blocking=is_blocking)(lambda: threads.append(threading.get_ident()))
    client = await connect()
    await client.execute("here")
    await client.execute("there")
    assert threads[0] == threading.get_ident() != threads[1]


# What a handler returns


@dataclasses.dataclass
class Status:
    is_running: bool
    class_: str = "vm"
    detail: str | None = None


class Block(msgspec.Struct, rename="camel"):
    node_name: str
    children: tuple[int, ...] = ()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, {}),
        ({}, {}),
        ([], []),
        (True, True),
        (0, 0),
        ("\u00e9\U0001d11e", "\u00e9\U0001d11e"),
        ({"a": [1, None]}, {"a": [1, None]}),
        (Status(True), {"is-running": True, "class": "vm"}),
        ([Status(False, detail="d")], [{"is-running": False, "class": "vm", "detail": "d"}]),
        (Block("n0", (1, 2)), {"nodeName": "n0", "children": [1, 2]}),
        ((1, "b"), [1, "b"]),
    ],
    ids=repr,
)
@pytest.mark.parametrize("kind", ["sync", "async", "blocking"])
async def test_results(
    monitor: Monitor, connect: Connect, kind: str, value: Any, expected: Any
) -> None:
    def handler() -> list[Status] | Any:
        return value

    async def slow() -> list[Status] | Any:
        return value

    monitor.command("get", blocking=kind == "blocking")(slow if kind == "async" else handler)
    client = await connect()
    assert await client.execute("get") == {"return": expected}


@pytest.mark.parametrize("kind", ["sync", "async", "blocking"])
@pytest.mark.parametrize("value", [object(), {"a": object()}, {1, 2}], ids=["top", "in", "set"])
async def test_a_result_that_is_no_json_is_the_handlers_fault(
    monitor: Monitor,
    connect: Connect,
    caplog: pytest.LogCaptureFixture,
    kind: str,
    value: Any,
) -> None:
    async def slow() -> Any:
        return value

    handler = slow if kind == "async" else lambda: value
    monitor.command("get", blocking=kind == "blocking")(handler)
    client = await connect()
    answer = await client.execute("get", id=1)
    assert answer["error"]["class"] == "GenericError"
    assert answer["id"] == 1
    assert "get" in answer["error"]["desc"]
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "return" in await client.execute("query-version")


# What a handler raises


@pytest.mark.parametrize("kind", ["sync", "async", "blocking"])
async def test_a_handler_that_fails_is_answered_and_logged(
    monitor: Monitor, connect: Connect, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    def handler() -> None:
        raise ZeroDivisionError("no way")

    async def slow() -> None:
        handler()

    monitor.command("fail", blocking=kind == "blocking")(slow if kind == "async" else handler)
    client, other = await connect(), await connect()
    for _ in range(2):
        answer = await client.execute("fail", id=[1])
        assert answer["id"] == [1]
        assert answer["error"]["class"] == "GenericError"
        assert "no way" in answer["error"]["desc"]
    for record in caplog.records:
        assert (record.name, record.levelname) == ("qmpeer.monitor", "ERROR")
        assert "fail" in record.getMessage()
        assert record.exc_info is not None
        assert record.exc_info[0] is ZeroDivisionError
        assert "in handler" in (record.exc_text or logging.Formatter().format(record))
    assert len(caplog.records) == 2
    assert "return" in await client.execute("query-version")
    assert "return" in await other.execute("query-version")


@pytest.mark.parametrize("kind", ["sync", "async", "blocking"])
@pytest.mark.parametrize("error_class", ["GenericError", "DeviceNotFound", "KVMMissingCap", "Own"])
async def test_a_command_error_is_the_answer(
    monitor: Monitor,
    connect: Connect,
    caplog: pytest.LogCaptureFixture,
    kind: str,
    error_class: str,
) -> None:
    def handler() -> None:
        raise CommandError(error_class, "Device 'x' not found")

    async def slow() -> None:
        handler()

    monitor.command("fail", blocking=kind == "blocking")(slow if kind == "async" else handler)
    client = await connect()
    assert await client.execute("fail") == error(error_class, "Device 'x' not found")
    assert not caplog.records


async def test_a_thread_that_cannot_be_started_holds_nobody_up(
    monitor: Monitor, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monitor.command("block", blocking=True)(lambda: None)
    client, other = await connect(), await connect()
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", start)
        answer = await client.execute("block")
    assert answer["error"]["class"] == "GenericError"
    assert "return" in await client.execute("query-version")
    assert "return" in await other.execute("query-version")
    assert await other.execute("block") == {"return": {}}


# What is built in


async def test_query_version(monitor: Monitor, connect: Connect) -> None:
    client = await connect()
    version = {"qemu": {"micro": 0, "minor": 2, "major": 7}, "package": "test"}
    assert await client.execute("query-version") == {"return": version}


@pytest.mark.parametrize(
    "name", ["Query-version", "QUERY-VERSION", "query_version", " query-version"]
)
async def test_names_are_exact(name: str, connect: Connect) -> None:
    client = await connect()
    answer = await client.execute(name)
    assert answer["error"] == {
        "class": "CommandNotFound",
        "desc": f"The command {name} has not been found",
    }


async def test_query_commands_names_all_once(monitor: Monitor, connect: Connect) -> None:
    monitor.command("zz")(lambda: None)
    monitor.command("aa", allow_oob=True)(lambda: None)
    client = await connect()
    names = [entry["name"] for entry in (await client.execute("query-commands"))["return"]]
    own = ["query-qmp-schema", "query-commands", "query-version", "qmp_capabilities"]
    assert names == ["aa", "zz", *own]


async def test_a_command_registered_while_serving(monitor: Monitor, connect: Connect) -> None:
    client = await connect()
    not_found = error("CommandNotFound", "The command late has not been found")
    assert await client.execute("late") == not_found
    monitor.command("late")(lambda: 1)
    assert await client.execute("late") == {"return": 1}


async def test_with_our_own_client(monitor: Monitor) -> None:
    @monitor.command("add")
    async def add(a: int, b: int = 1) -> int:
        return a + b

    @monitor.command("fail")
    def fail() -> None:
        raise CommandError("DeviceNotActive", "No balloon device has been activated")

    listener = await monitor.listen("tcp:127.0.0.1:0")
    async with await AsyncClient.connect(listener.address) as client:
        assert client.capabilities == ("oob",)
        assert client.greeting is not None
        assert client.greeting.version.qemu.major == 7
        values = [client.execute("add", {"a": n}) for n in range(100)]
        assert await asyncio.gather(*values) == list(range(1, 101))
        with pytest.raises(CommandError) as caught:
            await client.execute("fail")
        assert caught.value.error_class == "DeviceNotActive"
        assert caught.value.command == "fail"
