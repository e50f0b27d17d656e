"""An observer's calls, and an observer that fails."""

import logging
import os

import pytest

from qmpeer.transcript import Sender
from tests.relay.ends import Ends, until

CLIENT, SERVER = Sender.CLIENT, Sender.SERVER


class Watcher:
    """An observer that keeps its calls, and fails at one of them."""

    def __init__(self, fails: str = "") -> None:
        self.fails = fails
        self.calls: list[tuple[object, ...]] = []

    def opened(self, peer: str) -> "Watcher":
        self._take("opened", peer)
        return self

    def passed(self, sender: Sender, data: bytes, fds: int) -> None:
        self._take("passed", sender, data, fds)

    def closed(self, by: Sender | None, reason: str) -> None:
        self._take("closed", by, reason)

    def _take(self, *call: object) -> None:
        self.calls.append(call)
        if call[0] == self.fails:
            raise RuntimeError("by the test")


async def test_everything_in_order(ends: Ends) -> None:
    watcher = Watcher()
    one, other = await ends.pair("unix", "unix", observer=watcher)
    await other.send(b"greeting")
    assert await one.receive(8) == b"greeting"
    one.send_fds(b"getfd", [0, 1])
    _, fds = await other.receive_fds()
    for fd in fds:
        os.close(fd)
    await other.send(b"return")
    assert await one.receive(6) == b"return"
    one.close()
    assert await other.rest() == b""
    await until(lambda: len(watcher.calls) == 5)
    assert watcher.calls == [
        ("opened", str(ends.relay_address)),
        ("passed", SERVER, b"greeting", 0),
        ("passed", CLIENT, b"getfd", 2),
        ("passed", SERVER, b"return", 0),
        ("closed", CLIENT, ""),
    ]


async def test_who_ended_the_connection(ends: Ends) -> None:
    watcher = Watcher()
    listening = ends.listen("unix")
    relay = await ends.relay("tcp", observer=watcher)
    one, other = await ends.client(), await ends.accept(listening)
    one.reset()
    await other.rest()
    await until(lambda: watcher.calls[-1][0] == "closed")
    assert watcher.calls[-1] == ("closed", CLIENT, "[Errno 104] Connection reset by peer")
    one, other = await ends.client(), await ends.accept(listening)
    other.close()
    assert await one.rest() == b""
    one.close()
    await until(lambda: not relay.links)
    assert watcher.calls[-1] == ("closed", SERVER, "")
    one, other = await ends.client(), await ends.accept(listening)
    relay.close()
    await relay.wait_closed()
    assert watcher.calls[-1:] == [("closed", None, "the relay was closed")]


@pytest.mark.parametrize("fails", ["opened", "passed", "closed"])
async def test_an_observer_that_fails_is_logged_once_and_left(
    ends: Ends, fails: str, caplog: pytest.LogCaptureFixture
) -> None:
    watcher = Watcher(fails)
    with caplog.at_level(logging.INFO, "qmpeer.relay"):
        one, other = await ends.pair("unix", "unix", observer=watcher)
        for _ in range(3):
            await one.send(b"request")
            assert await other.receive(7) == b"request"
            await other.send(b"answer")
            assert await one.receive(6) == b"answer"
        one.close()
        assert await other.rest() == b""
        await until(lambda: not ends.relays[0].links)
    assert [call[0] for call in watcher.calls].count(fails) == 1
    assert watcher.calls[-1][0] == fails
    assert caplog.messages == [
        f"link 1 of {ends.relay_address}: its observer failed, so the link goes on without it"
    ]
    assert "by the test" in caplog.text
