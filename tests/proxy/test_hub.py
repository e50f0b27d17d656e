"""Clients side by side: their ids, order and turns, what waits, and what happens when one goes.

Modules: door, request, rules, session, server_connection, texts.
"""

import asyncio
import gc
import os
import socket
import weakref
from functools import partial

import pytest

from qmpeer import AsyncClient, Monitor
from qmpeer.errors import CommandInterrupted, ConnectionClosed
from qmpeer.messages import Event, Timestamp
from qmpeer.values import JsonObject
from tests.proxy.proxied import GREETING, Proxied, TestServer, error_of, until


def _has_received(server: TestServer, count: int) -> bool:
    return len(server.received) >= count


def _note(order: list[str], name: str, reply: object) -> None:
    order.append(name)


async def test_each_client_has_the_server_for_itself(proxied: Proxied) -> None:
    await proxied.start()
    proxied.server.answers = lambda command: {"asked": command.name}
    one, two = await proxied.client(), await proxied.client()
    assert one.greeting == two.greeting
    assert one.greeting is not None
    assert one.greeting.capabilities == ("oob",)
    replies = await asyncio.gather(*(each.execute("query-name") for each in (one, two, one)))
    assert replies == [{"asked": "query-name"}] * 3


async def test_clients_take_turns(proxied: Proxied) -> None:
    await proxied.start(window=2)
    server = proxied.server
    greedy, modest = await proxied.client(), await proxied.client()
    replies = [greedy.execute(f"greedy-{n}") for n in range(100)]
    await until(lambda: len(server.received) == 2)
    replies.append(modest.execute("modest"))
    await asyncio.sleep(0.05)  # it comes to wait in the proxy, which can't be seen from outside
    assert len(server.received) == 2
    for n in range(101):
        await until(partial(_has_received, server, n + 1))
        server.answer()
    await asyncio.gather(*replies)
    names = server.names
    assert names.index("modest") <= 4
    names.remove("modest")
    assert names == [f"greedy-{n}" for n in range(100)]


async def test_out_of_band_overtakes_everything(proxied: Proxied) -> None:
    await proxied.start()
    server = proxied.server
    one, two = await proxied.client(), await proxied.client()
    replies = [one.execute(f"slow-{n}") for n in range(50)]
    urgent = two.execute("urgent", oob=True)
    await until(lambda: "urgent" in server.names)
    server.answer("done", name="urgent")
    assert await urgent == "done"
    server.answers = lambda command: {}
    for _ in range(4):
        server.answer()
    await asyncio.gather(*replies)


async def test_known_answers_keep_the_order(proxied: Proxied) -> None:
    await proxied.start()
    client = await proxied.client()
    order: list[str] = []
    replies = [client.execute(name) for name in ("first", "query-version", "last")]
    for name, reply in zip(("first", "query-version", "last"), replies, strict=True):
        reply.add_done_callback(partial(_note, order, name))
    await until(lambda: proxied.server.names == ["first", "last"])
    assert order == []
    proxied.server.answer()
    proxied.server.answer()
    assert (await asyncio.gather(*replies))[1] == GREETING["QMP"]["version"]
    assert order == ["first", "query-version", "last"]


async def test_the_schema_is_asked_for_once(proxied: Proxied) -> None:
    await proxied.start()
    proxied.server.answers = lambda command: [{"name": "0"}]
    one, two = await proxied.client(), await proxied.client()
    for client in (one, two, one):
        assert await client.execute("query-qmp-schema") == [{"name": "0"}]
    assert proxied.server.names == ["query-qmp-schema"]


async def test_a_client_that_leaves(proxied: Proxied) -> None:
    await proxied.start(window=1)
    server = proxied.server
    leaving, staying = await proxied.client(), await proxied.client()
    for n in range(20):
        leaving.execute(f"leaving-{n}")
    await until(lambda: server.received)
    reply = staying.execute("staying")
    await leaving.close()
    await until(lambda: proxied.proxy is not None and proxied.proxy.clients == 1)
    server.answer("nobody wants this")
    await until(lambda: len(server.received) == 2)
    server.answer("for the one that stays")
    assert await reply == "for the one that stays"
    assert server.names == ["leaving-0", "staying"]


async def test_events_reach_all_clients_in_their_place(proxied: Proxied) -> None:
    await proxied.start()
    one, two = await proxied.client(), await proxied.client()
    marks = [await each.event_mark() for each in (one, two)]
    proxied.server.deliver(Event("STOP", {"why": 1}, Timestamp(5, 6)))
    for client, mark in zip((one, two), marks, strict=True):
        event = await client.wait_event("STOP", since=mark)
        assert (event.data, event.timestamp) == ({"why": 1}, Timestamp(5, 6))


async def test_a_silent_server_is_bounded(proxied: Proxied) -> None:
    await proxied.start(window=1, command_timeout=0.2)
    one, two = await proxied.client(), await proxied.client()
    sent, waiting = one.execute("sent"), two.execute("waiting")
    text = str(await error_of(sent))
    assert "The server hasn't answered sent in 0.2 s; the outcome is unknown" in text
    assert "waiting wasn't sent to the server" in str(await error_of(waiting))
    proxied.server.answer("too late")
    proxied.server.answers = lambda command: command.name
    assert await two.execute("after") == "after"
    assert proxied.server.names == ["sent", "after"]


async def test_the_server_goes(proxied: Proxied) -> None:
    await proxied.start(window=1)
    one, two = await proxied.client(), await proxied.client()
    sent = one.execute("sent")
    await until(lambda: proxied.server.received)
    waiting = two.execute("waiting")
    await asyncio.sleep(0.02)
    assert proxied.server.client is not None
    proxied.server.client.close()
    proxied.machine.shutdown()
    assert "the outcome of sent is unknown" in str(await error_of(sent))
    assert "waiting wasn't sent" in str(await error_of(waiting))
    with pytest.raises((ConnectionClosed, CommandInterrupted)):
        await one.execute("query-name")
    assert proxied.proxy is not None
    await proxied.proxy.wait_closed()
    assert proxied.proxy.end_reason == "the server closed the connection"


async def test_a_proxy_that_is_closed_has_not_lost_its_server(proxied: Proxied) -> None:
    proxy = await proxied.start()
    client = await proxied.client()
    reply = client.execute("open")
    await until(lambda: proxied.server.received)
    proxy.close()
    assert "the outcome of open is unknown" in str(await error_of(reply))
    await proxy.wait_closed()
    assert proxy.end_reason is None


async def test_a_closed_proxy_leaves_no_timer(proxied: Proxied) -> None:
    proxy = await proxied.start()
    proxied.server.answers = lambda command: {}
    await (await proxied.client()).execute("query-name")
    proxy.close()
    await proxy.wait_closed()
    gone = weakref.ref(proxy)
    proxied.proxy = None
    del proxy
    await asyncio.sleep(0)
    gc.collect()
    assert gone() is None


async def test_what_cannot_be_sent_is_refused_and_changed_by_nobody(proxied: Proxied) -> None:
    await proxied.start(window=1)
    proxied.server.answers = lambda command: command.arguments
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(f"{proxied.folder}/proxy")
    sock.setblocking(False)
    sock.send(
        b'{"execute": "qmp_capabilities"}{"execute": "a", "arguments": {"v": [1e999, null]}}'
        b'{"execute": "b", "arguments": {"v": [18446744073709551616, -0.0, null, "\\u0000"]}}'
    )
    loop, received = asyncio.get_running_loop(), b""
    while received.count(b"\n") < 4:
        received += await loop.sock_recv(sock, 10000)
    sock.close()
    error, value = received.splitlines()[2:]
    assert error == (
        b'{"error": {"class": "GenericError", "desc": "a can\'t be sent to the server: '
        b'arguments.v[0] is inf, expected a number that JSON can express"}}'
    )
    assert value == b'{"return": {"v": [1.8446744073709552e19, -0.0, null, "\\u0000"]}}'
    assert proxied.server.names == ["b"]


async def test_what_was_behind_a_command_that_waited_too_long_goes_on(proxied: Proxied) -> None:
    proxy = await proxied.start()
    server = proxied.server
    one, two = await proxied.client(), await proxied.client()
    fd = os.open(os.devnull, os.O_RDONLY)
    named: JsonObject = {"fdname": "a"}
    silent = one.execute("getfd", named, fds=[fd])
    await until(lambda: server.names == ["getfd"])
    held = two.execute("getfd", {"fdname": "b"}, fds=[fd])  # one at a time
    behind = two.execute("behind")
    session = [*proxy._hub.sessions][1]
    await until(lambda: len(session.requests) == 2)
    proxy._hub._give_up(session.requests[0], 300.0)
    assert "getfd wasn't sent" in str(await error_of(held))
    await until(lambda: server.names == ["getfd", "behind"])
    server.answer("done", name="behind")
    assert await behind == "done"
    server.answer(name="getfd")
    await silent
    os.close(fd)


async def test_a_place_that_is_taken_again_and_again_takes_no_memory(proxied: Proxied) -> None:
    proxy = await proxied.start()
    monitors = _monitors()
    listeners = [await proxy.listen("tcp:127.0.0.1:0", name="again") for _ in range(2)]
    for _ in range(20):
        listeners.pop(0).close()
        listeners.append(await proxy.listen("tcp:127.0.0.1:0", name="again"))
    assert _monitors() == monitors + 1
    for listener in listeners:
        async with await AsyncClient.connect(listener.address):
            pass


def _monitors() -> int:
    gc.collect()
    return sum(type(each) is Monitor for each in gc.get_objects())
