"""Run both clients over a link that goes dead, and print what they raise, as JSON.

Run it in a network namespace of its own. A child process has a second namespace with the server. A
pair of virtual interfaces connects the two, and the child takes its end down. From then on,
segments are lost silently, and the kernel gives the connection up with ETIMEDOUT.
"""

import asyncio
import json
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from qmpeer.client import AsyncClient, Client
from qmpeer.monitor import Monitor
from qmpeer.transport import TcpAddress
from tests.patience import PATIENCE

HERE, THERE = "10.213.0.1", "10.213.0.2"
MAC_HERE, MAC_THERE = "02:00:00:00:00:01", "02:00:00:00:00:02"
GIVE_UP_AFTER = 300
"""Milliseconds without an acknowledgement: TCP_USER_TIMEOUT, minutes by default."""


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, stdin=subprocess.DEVNULL)


def bring_up(device: str, own: str, other: str, other_mac: str) -> None:
    ip("addr", "add", f"{own}/24", "dev", device)
    ip("link", "set", device, "up")
    # A permanent neighbour entry: without it, the error would be EHOSTUNREACH.
    ip("neigh", "replace", other, "lladdr", other_mac, "dev", device, "nud", "permanent")


def serve() -> None:
    sys.stdin.readline()
    bring_up("there", THERE, HERE, MAC_HERE)
    monitor = Monitor()

    @monitor.command("hang")
    async def hang() -> None:
        await asyncio.Event().wait()

    monitor.start(f"tcp:{THERE}:0", many=True, insecure=True)
    address = monitor.listeners[0].address
    assert isinstance(address, TcpAddress)
    print(address.port, flush=True)
    sys.stdin.readline()
    ip("link", "set", "there", "down")
    print("down", flush=True)
    sys.stdin.readline()


def connected(port: int) -> socket.socket:
    sock = socket.create_connection((THERE, port), timeout=PATIENCE)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, GIVE_UP_AFTER)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 1)
    return sock


def story(error: BaseException) -> dict[str, Any]:
    cause = error.__cause__
    return {
        "error": type(error).__name__,
        "cause": isinstance(cause, OSError) and cause.errno,
        "text": str(error),
    }


def raised_by(function: Any, *args: Any, **options: Any) -> dict[str, Any]:
    try:
        function(*args, **options)
    except BaseException as error:
        return story(error)
    return {"error": None}


async def raised_in(awaitable: Any) -> dict[str, Any]:
    try:
        await awaitable
    except BaseException as error:
        return story(error)
    return {"error": None}


def cut_here(child: "subprocess.Popen[str]") -> None:
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write("down\n")
    child.stdin.flush()
    child.stdout.readline()


async def use(port: int, child: "subprocess.Popen[str]") -> dict[str, Any]:
    pool = ThreadPoolExecutor(4)
    loop = asyncio.get_running_loop()
    blocking = [Client.connect(connected(port)) for _ in range(2)]
    waiting = [await AsyncClient.connect(connected(port)) for _ in range(2)]
    for client in blocking:
        client.execute("query-version")
    cut_here(child)
    # Of each kind, one client sends a lost command, the other only waits, and keepalive ends it.
    outcomes = await asyncio.gather(
        loop.run_in_executor(pool, raised_by, blocking[0].execute, "query-version"),
        loop.run_in_executor(pool, raised_by, blocking[1].wait_event, "NEVER"),
        raised_in(waiting[0].execute("query-version")),
        raised_in(waiting[1].wait_event("NEVER")),
        return_exceptions=True,
    )
    after = [
        raised_by(blocking[0].execute, "query-version"),
        raised_by(waiting[0].execute, "query-version"),
    ]
    names = ["blocking execute", "blocking wait", "async execute", "async wait"]
    for client in blocking:
        client.close()
    for async_client in waiting:
        await async_client.close()
    names += ["blocking after", "async after"]
    return dict(zip(names, [*outcomes, *after], strict=True))


def main() -> None:
    ip("link", "add", "name", "here", "address", MAC_HERE, "type", "veth", "peer", "name", "there")
    ip("link", "set", "there", "address", MAC_THERE)
    argv = ["unshare", "--net", sys.executable, "-m", "tests.faults.dropped_link", "serve"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            # unshare(1) executes the program, so once that answers, it is in its own namespace.
            move(child)
            bring_up("here", HERE, THERE, MAC_THERE)
            child.stdin.write("up\n")
            child.stdin.flush()
            port = int(child.stdout.readline())
            print(json.dumps(asyncio.run(use(port, child))))
        finally:
            child.kill()


def move(child: "subprocess.Popen[str]") -> None:
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    ip("link", "set", "there", "netns", str(child.pid))


if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        print("ready", flush=True)
        serve()
    else:
        main()
