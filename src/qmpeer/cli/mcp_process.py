"""The process of ``qmpeer mcp``: policy, record, proxy, tools, and their transport."""

import argparse
import asyncio
import hashlib
import os
import re
import signal
import socket
from collections.abc import Awaitable, Mapping, Sequence
from typing import Final

from qmpeer import limits
from qmpeer.audit import AuditLog
from qmpeer.cli.exits import DONE, UsageError, about_file, checked_address, complain
from qmpeer.cli.guarding import Guarding, policy_path
from qmpeer.client.reconnection import can_be_dialled_again
from qmpeer.errors import AuditError, PolicyError
from qmpeer.machine.interface import load_all
from qmpeer.mcp.assistant_server import AssistantServer
from qmpeer.mcp.bearer_token import TokenError, read_token
from qmpeer.mcp.guarded_machine import GuardedMachine, MachineAbsentError
from qmpeer.mcp.serving import HttpServing, serve_stdio
from qmpeer.policy import Policy
from qmpeer.policy.presets import PRESETS
from qmpeer.proxy import Proxy
from qmpeer.proxy.event_terms import read_patterns
from qmpeer.schema import Schema
from qmpeer.sources import load_schema
from qmpeer.transport import listen, parse_address
from qmpeer.transport.listening import ExposedError

PROGRAM: Final = "qmpeer mcp"
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9]+")
_NAME: Final = 60
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run_mcp(namespace: argparse.Namespace) -> int:
    """Serve an assistant until it leaves, or until a signal.

    Raises:
        UsageError: If the command line is wrong, or a file can't be used.
        OSError: If the port can't be opened.
    """
    with checked_address():
        parse_address(namespace.address)
    return asyncio.run(McpProcess(namespace).run())


class McpProcess:
    """The steps from the start to the end.

    Args:
        namespace: The options.

    Raises:
        UsageError: If they are wrong, or a file can't be used.
        OSError: If the port can't be opened.
    """

    def __init__(self, namespace: argparse.Namespace) -> None:
        self._options = namespace
        self._guarding = _guarding(namespace)
        self._choice = _chosen(namespace.tools)
        self._texts = _texts(namespace.docs)
        self._listener: socket.socket | None = None
        self._token = ""
        self._stopped = asyncio.Event()
        if namespace.http is not None:
            self._token = _token(namespace.token_file)
            self._listener = _listening(namespace.http, namespace.insecure)

    async def run(self) -> int:
        """Serve; return the exit status."""
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            loop.add_signal_handler(number, self._stopped.set)
        try:
            return await self._run()
        finally:
            for number in _SIGNALS:
                loop.remove_signal_handler(number)

    async def _run(self) -> int:
        address = self._options.address
        persists = can_be_dialled_again(address)
        audit = _audit(self._guarding)
        proxy = Proxy(
            address,
            persist=persists,
            reconnect=persists,
            when_down="fail" if persists else "wait",
            command_timeout=self._options.command_timeout,
            policy=self._guarding.policy,
            audit=audit,
        )
        machine = GuardedMachine(
            proxy, command_timeout=self._options.command_timeout, texts=self._texts
        )
        server = AssistantServer(
            machine,
            policy=_policy_words(self._options.policy, self._guarding.policy),
            commands=self._choice,
            confirms=self._options.confirm,
        )
        try:
            try:
                await machine.client()
            except MachineAbsentError as error:
                _complain(str(error))  # it may come later
            is_over = await self._serve(server)
        finally:
            await machine.close()
            audit.close()
        if not is_over:
            # A thread reads standard input, and nothing can wake it: the interpreter would wait.
            os._exit(DONE)
        return DONE

    async def _serve(self, server: AssistantServer) -> bool:
        """Serve until the assistant leaves or a signal comes; return True if nothing is left."""
        if self._listener is None:
            return await _until(serve_stdio(server.server), self._stopped)
        http = HttpServing(server.server, self._listener, self._token, self._options.allow_host)
        _complain(f"ready at {http.address}")
        serving = asyncio.ensure_future(http.run())
        await _until(serving, self._stopped)
        http.stop()
        await serving
        return True


def _complain(text: str) -> None:
    complain(PROGRAM, text)


async def _until(serving: Awaitable[None], stopped: asyncio.Event) -> bool:
    """Wait until something is over or stopped; return True if it is over."""
    task = asyncio.ensure_future(serving)
    waiting = asyncio.ensure_future(stopped.wait())
    await asyncio.wait((task, waiting), return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if task.done():
        task.result()
    return task.done()


# Options


def _chosen(which: str) -> Sequence[str] | None:
    """Return the commands that get a tool each, as `AssistantServer` takes them."""
    if which == "few":
        return None
    if which == "none":
        return ()
    try:
        return read_patterns(["*"] if which == "all" else which.split(","))
    except ValueError as error:
        raise UsageError(f"--tools {which}: {error}") from error


def _guarding(namespace: argparse.Namespace) -> Guarding:
    """Return the policy, and what says where the record is: there is always one of each."""
    audit = namespace.audit or audit_path(namespace.address, os.environ)
    try:
        with about_file(namespace.policy):
            path = policy_path(namespace.policy)
            return Guarding(path, os.path.abspath(audit), report=_complain)
    except PolicyError as error:
        raise UsageError(f"the policy is wrong: {error}") from error


def _audit(guarding: Guarding) -> AuditLog:
    try:
        audit = guarding.open_audit()
    except AuditError as error:
        raise UsageError(str(error)) from error
    assert audit is not None, "found no path of the record"
    return audit


def _policy_words(name: str, policy: Policy | None) -> str:
    """Return the policy in a few words; warn of one that holds nobody back."""
    words = f"the preset {name}" if name in PRESETS else f"the file {os.path.basename(name)}"
    if policy is not None and policy.is_dry_run:
        _complain("the policy is only tried (dry-run): the assistant may do everything")
        return f"{words}, which is only tried and refuses nothing"
    return words


def audit_path(address: str, environment: Mapping[str, str]) -> str:
    """Return the default path of the record, and make its folder: one file for each address.

    XDG_STATE_HOME defaults to ``~/.local/state``.
    """
    base = environment.get("XDG_STATE_HOME") or "~/.local/state"
    folder = os.path.join(os.path.expanduser(base), "qmpeer", "mcp")
    with about_file(folder):
        os.makedirs(folder, mode=0o700, exist_ok=True)
    name = _UNSAFE.sub("-", address).strip("-")[-_NAME:]
    digest = hashlib.sha256(os.fsencode(address)).hexdigest()[:8]
    return os.path.join(folder, f"{name}-{digest}.audit")


def _texts(source: str | None) -> Sequence[Schema]:
    """Return the schemas with texts about commands: the user's, then ours."""
    ours = load_all()
    if source is None:
        return (ours,)
    with about_file(source), checked_address():
        return (load_schema(source), ours)


def _token(path: str) -> str:
    try:
        with about_file(path):
            return read_token(path)
    except TokenError as error:
        raise UsageError(str(error)) from error


def _listening(place: str, is_insecure: bool) -> socket.socket:
    """Return a socket that listens at HOST:PORT."""
    host, colon, port = place.rpartition(":")
    if not (host and colon and port.isdecimal()):
        raise UsageError(f"--http {place}: expected HOST:PORT, such as 127.0.0.1:8080")
    try:
        with checked_address():
            return listen(f"tcp:{place}", backlog=limits.MCP_SESSIONS, insecure=is_insecure)
    except ExposedError as error:
        raise UsageError(
            f"--http {place}: other machines can reach it, and HTTP isn't encrypted; expected "
            "127.0.0.1 or [::1], or --insecure"
        ) from error
