"""The bytes, the descriptors and the ends of one link, on both kinds of sockets.

Modules: link, relay.
"""

import asyncio
import socket

import pytest

from qmpeer import limits
from tests.relay.ends import Ends, until

KINDS = [(client, server) for client in ("unix", "tcp") for server in ("unix", "tcp")]
everywhere = pytest.mark.parametrize(
    ("client", "server"), KINDS, ids=[" to ".join(kinds) for kinds in KINDS]
)
BIG = bytes(range(256)) * 6000 + b"end"  # 1.5 MB, and no multiple of anything


@everywhere
async def test_bytes_pass_unchanged_in_both_directions_at_once(
    ends: Ends, client: str, server: str
) -> None:
    one, other = await ends.pair(client, server)
    _, _, back, forth = await asyncio.gather(
        one.send(BIG), other.send(BIG), one.receive(len(BIG)), other.receive(len(BIG))
    )
    assert back == forth == BIG


@everywhere
async def test_the_greeting_comes_before_the_client_says_a_word(
    ends: Ends, client: str, server: str
) -> None:
    one, other = await ends.pair(client, server)
    await other.send(b"greeting")
    assert await one.receive(8) == b"greeting"
    await one.send(b"request")
    assert await other.receive(7) == b"request"


@everywhere
async def test_bytes_before_the_server_is_connected_wait(
    ends: Ends, client: str, server: str
) -> None:
    listening = ends.listen(server)
    await ends.relay(client)
    one = await ends.client()
    await one.send(b"early")
    one.end_output()
    other = await ends.accept(listening)
    assert await other.rest() == b"early"
    await other.send(b"answer")
    assert await one.receive(6) == b"answer"


@everywhere
@pytest.mark.parametrize("who", ["client", "server"])
async def test_a_half_close_is_passed_on_and_the_other_direction_goes_on(
    ends: Ends, client: str, server: str, who: str
) -> None:
    pair = await ends.pair(client, server)
    one, other = pair if who == "client" else reversed(pair)
    await one.send(b"last words")
    one.end_output()
    assert await other.rest() == b"last words"
    for _ in range(3):
        await other.send(b"answer")
        assert await one.receive(6) == b"answer"
    other.end_output()
    assert await one.rest() == b""
    await until(lambda: not ends.relays[0].links)


@everywhere
@pytest.mark.parametrize("who", ["client", "server"])
async def test_a_close_is_passed_on_after_all_bytes(
    ends: Ends, client: str, server: str, who: str
) -> None:
    pair = await ends.pair(client, server)
    one, other = pair if who == "client" else reversed(pair)
    sending = asyncio.create_task(one.send(BIG))
    head = await other.receive(100)
    await asyncio.sleep(0)
    rest = asyncio.create_task(other.rest())
    await sending
    one.close()
    assert head + await rest == BIG
    other.close()
    await until(lambda: not ends.relays[0].links)


@everywhere
@pytest.mark.parametrize("who", ["client", "server"])
async def test_a_reset_is_passed_on_after_the_bytes_before_it(
    ends: Ends, client: str, server: str, who: str
) -> None:
    pair = await ends.pair(client, server)
    one, other = pair if who == "client" else reversed(pair)
    await other.send(b"unread, so that a unix socket resets")
    await one.send(b"last words")
    assert await other.receive(10) == b"last words"
    await until(one.is_readable)
    one.reset()
    if other.sock.family == socket.AF_UNIX:
        assert await other.rest() == b""
    else:
        with pytest.raises(ConnectionResetError):
            await other.rest()
    await until(lambda: not ends.relays[0].links)


@pytest.mark.parametrize("who", ["client", "server"])
@pytest.mark.parametrize("how", ["closes", "resets"])
async def test_the_last_bytes_wait_for_an_end_that_reads_late(
    ends: Ends, who: str, how: str
) -> None:
    pair = await ends.pair("unix", "unix")
    one, other = pair if who == "client" else reversed(pair)
    if how == "resets":
        await other.send(b"unread")
        await until(one.is_readable)
    last = BIG[: limits.UNSENT_OUTPUT * 3 // 4]
    await one.send(last)
    (link,) = ends.relays[0]._links
    receiver = link._ends[1 if who == "client" else 0]
    await until(lambda: receiver.stream.unsent > 100_000)
    one.close()
    await until(lambda: link.has_left)
    assert await other.receive(len(last)) == last
    assert await other.rest() == b""


@pytest.mark.parametrize(("client", "server"), [KINDS[0], KINDS[-1]], ids=["unix", "tcp"])
@pytest.mark.parametrize("who", ["client", "server"])
async def test_an_end_that_never_reads_slows_the_other_one_down(
    ends: Ends, client: str, server: str, who: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "RELAY_DRAIN", 0.05)
    pair = await ends.pair(client, server)
    one, other = pair if who == "client" else reversed(pair)
    sent = idle = 0
    while idle < 20:
        more = one.fill()
        sent += more
        idle = 0 if more else idle + 1
        await asyncio.sleep(0.001)
    assert sent > limits.UNSENT_OUTPUT
    (link,) = ends.relays[0]._links
    held = [end.stream.unsent for end in link._ends]
    assert limits.UNSENT_OUTPUT < max(held) <= limits.UNSENT_OUTPUT + 2 * limits.READ_SIZE
    one.close()
    if (client if who == "client" else server) == "tcp":  # which doesn't show a hang-up
        other.close()
    await until(lambda: not ends.relays[0].links)
