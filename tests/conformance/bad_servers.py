"""Servers with one mistake each: a relay to a good monitor that changes what passes."""

import json
import select
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from qmpeer import Monitor
from qmpeer.transport import dial
from tests.patience import PATIENCE

__all__ = ["BAD", "BadServer", "Mistake", "good_monitor"]


def good_monitor() -> Monitor:
    """Return a monitor as any program has one, with what the cases may ask for."""
    monitor = Monitor(name="program", version=(1, 2, 3))
    is_running = [True]

    @monitor.command("stop")
    def stop() -> None:
        if is_running[0]:
            is_running[0] = False
            monitor.emit("STOP")

    @monitor.command("cont")
    def cont() -> None:
        if not is_running[0]:
            is_running[0] = True
            monitor.emit("RESUME")

    @monitor.command("query-power", allow_oob=True)
    def query_power() -> bool:
        return True

    @monitor.command("getfd")
    def getfd(fdname: str) -> None:
        pass

    @monitor.command("quit")
    def quit() -> None:
        monitor.shutdown()

    return monitor


class Passing:
    """One connection of a bad server, for a mistake to keep notes in."""

    def __init__(self, server: "BadServer", client: socket.socket) -> None:
        self.server = server
        self.client = client
        self.notes: dict[str, Any] = {}
        self.is_over = False


Bytes = Callable[[Passing, bytes], bytes]


class Mistake(NamedTuple):
    """A mistake.

    Attributes:
        name: Its name.
        case: The case that catches it.
        of_input: Changes what the client sent, chunk by chunk.
        of_output: Changes a line that the server sent.
        also: Other cases of the level must that can't but fail.
    """

    name: str
    case: str
    of_input: Bytes = lambda passing, data: data
    of_output: Bytes = lambda passing, line: line
    also: tuple[str, ...] = ()


class BadServer:
    """A server with one mistake, at a unix socket, for any number of clients.

    Args:
        folder: The folder of its socket.
        good: The address of the good server.
        mistake: The mistake.
    """

    def __init__(self, folder: Path, good: str, mistake: Mistake) -> None:
        self.path = folder / "bad"
        self.path.unlink(missing_ok=True)
        self.mistake = mistake
        self.notes: dict[str, Any] = {}
        self.connections: list[Passing] = []
        self._good = good
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.path))
        self._listener.listen(8)
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def __enter__(self) -> "BadServer":
        return self

    def __exit__(self, *exc: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(PATIENCE)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._pass, args=(client,))
            self._threads.append(thread)
            thread.start()

    def _pass(self, client: socket.socket) -> None:
        passing, rest = Passing(self, client), b""
        self.connections.append(passing)
        with client, dial(self._good, timeout=PATIENCE) as good:
            waiting = [client, good]
            while good in waiting and not passing.is_over:
                for ready in select.select(waiting, [], [], PATIENCE)[0]:
                    try:
                        data = ready.recv(65536)
                    except OSError:
                        return
                    if not data and ready is good:
                        return
                    if not data:
                        waiting.remove(client)
                        if self.mistake.name == "ends-at-a-half-close":
                            return
                        good.shutdown(socket.SHUT_WR)
                        continue
                    try:
                        if ready is client:
                            good.sendall(self.mistake.of_input(passing, data))
                        else:
                            *lines, rest = (rest + data).split(b"\r\n")
                            for line in lines:
                                client.sendall(self.mistake.of_output(passing, line + b"\r\n"))
                    except OSError:
                        return


# --- Tools of mistakes --------------------------------------------------------------------------


def of_messages(change: Callable[[dict[str, Any]], Any]) -> Bytes:
    """Change the server's messages; None drops one."""

    def changed(passing: Passing, line: bytes) -> bytes:
        message = change(json.loads(line))
        return b"" if message is None else json.dumps(message).encode() + b"\r\n"

    return changed


def of_lines(change: Callable[[bytes], bytes]) -> Bytes:
    """Change the client's lines, after each is complete."""

    def changed(passing: Passing, data: bytes) -> bytes:
        *lines, rest = (passing.notes.get("rest", b"") + data).split(b"\n")
        passing.notes["rest"] = rest
        return b"".join(change(line) + b"\n" for line in lines)

    return changed


def of_commands(change: Callable[[Any], Any]) -> Bytes:
    """Change the client's commands, one a line; what isn't JSON stays."""

    def one(line: bytes) -> bytes:
        try:
            return json.dumps(change(json.loads(line))).encode()
        except (ValueError, RecursionError):
            return line

    return of_lines(one)


def members(message: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {**message, **more}


def without(message: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in message.items() if name not in names}


def renamed(command: Any, change: Callable[[str], str]) -> Any:
    """Return a command with another name."""
    if isinstance(command, dict) and isinstance(command.get("execute"), str):
        return members(command, execute=change(command["execute"]))
    return command


def in_errors(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Bytes:
    return of_messages(lambda m: change(m) if "error" in m else m)


def in_returns(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Bytes:
    return of_messages(lambda m: change(m) if "return" in m else m)


def in_events(change: Callable[[dict[str, Any]], Any]) -> Bytes:
    return of_messages(lambda m: change(m) if "event" in m else m)


def in_greeting(change: Callable[[dict[str, Any]], Any]) -> Bytes:
    return of_messages(lambda m: {"QMP": change(m["QMP"])} if "QMP" in m else m)


def is_json(data: bytes) -> bool:
    try:
        json.loads(data)
    except (ValueError, RecursionError):
        return False
    return True


# --- Mistakes -----------------------------------------------------------------------------------


def late_events(passing: Passing, line: bytes) -> bytes:
    """Send an event behind the next reply."""
    if line.startswith(b'{"timestamp"'):
        passing.notes["held"] = passing.notes.get("held", b"") + line
        return b""
    return line + bytes(passing.notes.pop("held", b""))


def repeated_events(passing: Passing, line: bytes) -> bytes:
    """Send the last event to the next client."""
    if line.startswith(b'{"timestamp"'):
        passing.server.notes["last"] = line
    elif line.startswith(b'{"return"') and passing.notes.setdefault("is_new", True):
        passing.notes["is_new"] = False
        return line + bytes(passing.server.notes.get("last", b""))
    return line


def noted(passing: Passing, data: bytes) -> bytes:
    """Note what a client has asked for."""
    passing.notes["asked"] = passing.notes.get("asked", b"") + data
    return data


def events_to_one(passing: Passing, line: bytes) -> bytes:
    """Send an event only to the client that has caused it."""
    is_event = line.startswith(b'{"timestamp"')
    return b"" if is_event and b"stop" not in passing.notes["asked"] else line


def events_to_new_clients(passing: Passing, line: bytes) -> bytes:
    """Send an event to those that haven't negotiated, too."""
    if line.startswith(b'{"timestamp"'):
        for other in passing.server.connections:
            if other.client.fileno() >= 0 and "asked" not in other.notes:
                other.client.sendall(line)
    return line


def negotiated_already(passing: Passing, line: bytes) -> bytes:
    """Swallow the reply to the qmp_capabilities of the relay itself."""
    if b"already-negotiated" in line:
        return b""
    return line


def negotiates(passing: Passing, data: bytes) -> bytes:
    if passing.notes.setdefault("is_new", True):
        passing.notes["is_new"] = False
        data = b'{"execute": "qmp_capabilities", "id": "already-negotiated"}\n' + data
    return data


def swapped(passing: Passing, line: bytes) -> bytes:
    """Send every other two replies with numbers as ids in the wrong order."""
    id = json.loads(line).get("id")
    if isinstance(id, int) and id % 2 and id > 2:
        passing.notes["held"] = line
        return b""
    return line + bytes(passing.notes.pop("held", b""))


def one_of_each_read(passing: Passing, data: bytes) -> bytes:
    return data[: data.find(b"\n") + 1 or None]


def ends_at_garbage(passing: Passing, data: bytes) -> bytes:
    passing.is_over = b"garbage" in data or b"1 2" in data
    return data


def replaced_bytes(passing: Passing, data: bytes) -> bytes:
    return data.decode(errors="replace").encode()


def small_buffer(passing: Passing, data: bytes) -> bytes:
    passing.notes["size"] = passing.notes.get("size", 0) + len(data)
    passing.is_over = passing.notes["size"] > 16384 and b"[[" not in data
    return data


def silent_quit(passing: Passing, data: bytes) -> bytes:
    passing.is_over = b'"quit"' in data
    return b"" if passing.is_over else data


def pretty(passing: Passing, line: bytes) -> bytes:
    return json.dumps(json.loads(line), indent=4).replace("\n", "\r\n").encode() + b"\r\n"


def raw_utf_8(passing: Passing, line: bytes) -> bytes:
    return json.dumps(json.loads(line), ensure_ascii=False).encode() + b"\r\n"


def twice(passing: Passing, line: bytes) -> bytes:
    return line * 2 if b'"error"' in line and b"no-such-command" in line else line


def as_floats(line: bytes) -> bytes:
    try:
        return json.dumps(json.loads(line, parse_int=lambda text: int(float(text)))).encode()
    except (ValueError, RecursionError):
        return line


def strict_json(line: bytes) -> bytes:
    return line if is_json(line) or not line.startswith(b"{'") else b"@"


def lenient_commas(line: bytes) -> bytes:
    return line.replace(b",}", b"}").replace(b",]", b"]")


def few_levels(line: bytes) -> bytes:
    return line if line.count(b"[") < 100 else b"["


def fixed_list(names: list[dict[str, Any]]) -> Any:
    return [each for each in names if each["name"] != "qmp_capabilities"]


def in_schema(change: Callable[[list[dict[str, Any]]], Any]) -> Bytes:
    def of(message: dict[str, Any]) -> dict[str, Any]:
        value = message.get("return")
        is_schema = isinstance(value, list) and "meta-type" in value[0]
        return members(message, **{"return": change(message["return"])}) if is_schema else message

    return of_messages(of)


def in_commands(change: Callable[[list[dict[str, Any]]], Any]) -> Bytes:
    def of(message: dict[str, Any]) -> dict[str, Any]:
        value = message.get("return")
        is_list = isinstance(value, list) and "meta-type" not in value[0]
        return members(message, **{"return": change(message["return"])}) if is_list else message

    return of_messages(of)


def other_version(message: dict[str, Any]) -> dict[str, Any]:
    value = message["return"]
    is_version = isinstance(value, dict) and "qemu" in value
    return (
        members(message, **{"return": members(value, package="other")}) if is_version else message
    )


def of_class(old: str, new: str) -> Bytes:
    def of(message: dict[str, Any]) -> dict[str, Any]:
        error = message["error"]
        return members(message, error=members(error, **{"class": new})) if (
            error["class"] == old
        ) else message  # fmt: skip

    return in_errors(of)


def found_anyway(message: dict[str, Any]) -> dict[str, Any]:
    if message["error"]["class"] == "CommandNotFound" and "negotiation" not in str(message).lower():
        return {**without(message, "error"), "return": {}}
    return message


def _without_odd_members(command: Any) -> Any:
    known = ("execute", "exec-oob", "arguments", "id")
    return {name: command[name] for name in known if name in command} if (
        isinstance(command, dict)
    ) else command  # fmt: skip


def _without_arguments(command: Any) -> Any:
    if isinstance(command, dict) and isinstance(command.get("arguments"), dict):
        return members(command, arguments=without(command["arguments"], "extra"))
    return command


def _any_capability(command: Any) -> Any:
    if isinstance(command, dict) and "telepathy" in str(command.get("arguments")):
        return without(command, "arguments")
    return command


def _never_oob(command: Any) -> Any:
    if isinstance(command, dict) and "exec-oob" in command:
        return {**without(command, "exec-oob"), "execute": command["exec-oob"]}
    return command


def milliseconds(event: dict[str, Any]) -> dict[str, Any]:
    stamp = event["timestamp"]
    return members(event, timestamp=members(stamp, seconds=stamp["seconds"] * 1000))


def _mistakes() -> Iterator[Mistake]:
    def out(name: str, case: str, change: Bytes, *also: str) -> Mistake:
        return Mistake(name, case, of_output=change, also=also)

    def into(name: str, case: str, change: Bytes, *also: str) -> Mistake:
        return Mistake(name, case, of_input=change, also=also)

    # Bytes
    yield out("ends-lines-with-lf", "lines-end-with-crlf", lambda _, line: line[:-2] + b"\n")
    yield out("writes-utf-8", "output-is-ascii", raw_utf_8)
    yield out("is-pretty", "one-line-each", pretty)
    yield out("is-compact", "separators", lambda _, line: line.replace(b'": ', b'":'))
    yield into("waits-for-a-newline", "no-newline", of_lines(lambda line: line))
    yield into("reads-one-command-a-time", "many-in-one-write", one_of_each_read,
               "white-space", "lines-of-lf", "order", "in-band-with-oob",
               "byte-by-byte")  # fmt: skip
    yield into("decodes-each-read", "split-character", replaced_bytes)
    yield into("reads-integers-as-doubles", "integers", of_lines(as_floats))
    yield into("takes-json-only", "single-quotes", of_lines(strict_json))
    yield into("takes-trailing-commas", "trailing-comma", of_lines(lenient_commas))
    yield into("takes-duplicate-members", "duplicate-member", of_commands(lambda command: command))
    yield into("ends-at-garbage", "connection-survives", ends_at_garbage, "garbage-is-answered")
    yield into("ignores-garbage", "garbage-is-answered",
               of_lines(lambda line: b"" if b"1 2" in line else line))  # fmt: skip
    yield into("ignores-ff", "ff-resets", lambda _, data: data.replace(b"\xff", b""))
    yield into("ignores-control-bytes", "control-byte-resets",
               lambda _, data: data.replace(b"\x01", b""))  # fmt: skip
    yield out("names-another-parse-error", "text-of-a-parse-error",
              lambda _, line: line.replace(b"JSON parse error, ", b""))  # fmt: skip
    yield into("has-few-levels", "nesting-of-1024", of_lines(few_levels))
    yield into("has-a-small-buffer", "large-command", small_buffer)
    # Greeting and negotiation
    yield out("does-not-greet", "greeting", of_messages(lambda m: None if "QMP" in m else m))
    yield out("greets-without-capabilities", "greeting-members",
              in_greeting(lambda inside: without(inside, "capabilities")))  # fmt: skip
    yield out("greets-with-a-text-as-version", "greeting-version",
              in_greeting(lambda inside: members(inside, version={"qemu": "7.2"})))  # fmt: skip
    yield out("has-two-versions", "version-in-both", in_returns(other_version))
    yield Mistake("needs-no-negotiation", "negotiation-comes-first", negotiates, negotiated_already,
                  ("negotiation", "negotiation-of-nothing", "each-connection-anew",
                   "events-for-all"))  # fmt: skip
    yield out("returns-null-for-nothing", "negotiation",
              in_returns(lambda m: members(m, **{"return": m["return"] or None})))  # fmt: skip
    yield into("takes-any-capability", "unknown-capability", of_commands(_any_capability))
    yield out("negotiates-twice", "second-negotiation",
              in_errors(lambda m: {**without(m, "error"), "return": {}}
                        if "already complete" in str(m) else m))  # fmt: skip
    # Commands
    yield into("ignores-odd-members", "unknown-member", of_commands(_without_odd_members))
    yield into("ignores-odd-arguments", "unexpected-argument", of_commands(_without_arguments))
    yield into("ignores-case", "case-of-names",
               of_commands(lambda c: renamed(c, str.lower)))  # fmt: skip
    yield into("reads-underscores-as-dashes", "underscores-in-names",
               of_commands(lambda c: renamed(c, lambda n: n if n == "qmp_capabilities"
                                             else n.replace("_", "-"))))  # fmt: skip
    yield out("finds-any-command", "unknown-command", in_errors(found_anyway),
              "oob-unknown-command")  # fmt: skip
    # Replies
    yield out("drops-ids", "id", of_messages(lambda m: without(m, "id")),
              "id-of-any-type", "id-in-an-error")  # fmt: skip
    yield out("writes-ids-as-text", "id", of_messages(
        lambda m: members(m, id=str(m["id"])) if "id" in m else m),
        "id-of-any-type", "id-in-an-error")  # fmt: skip
    yield out("drops-null-ids", "id-null", of_messages(
        lambda m: without(m, "id") if m.get("id", 0) is None else m))  # fmt: skip
    yield out("drops-ids-of-errors", "id-in-an-error", in_errors(lambda m: without(m, "id")))
    yield out("adds-null-ids", "no-id", of_messages(
        lambda m: {"id": None, **m} if "return" in m or "error" in m else m),
        "no-id-in-an-error")  # fmt: skip
    yield out("answers-twice", "one-reply-each", twice, "order", "unknown-command",
              "id-in-an-error", "no-id-in-an-error", "members-of-an-error",
              "oob-unknown-command")  # fmt: skip
    yield out("adds-a-status", "members-of-a-return", in_returns(lambda m: members(m, status="ok")))
    yield out("has-errors-without-desc", "members-of-an-error",
              in_errors(lambda m: members(m, error=without(m["error"], "desc"))))  # fmt: skip
    yield out("has-classes-of-its-own", "error-classes", of_class("GenericError", "Oops"))
    yield out("puts-the-id-first", "place-of-the-id",
              of_messages(lambda m: {"id": m["id"], **m} if "id" in m else m))  # fmt: skip
    yield out("swaps-replies", "order", swapped, "id", "many-in-one-write",
              "in-band-with-oob")  # fmt: skip
    yield Mistake("ends-at-a-half-close", "half-close")
    yield into("ends-without-a-word", "quit", silent_quit)
    # Events
    yield out("has-events-without-a-time", "event", in_events(lambda m: without(m, "timestamp")))
    yield out("has-milliseconds", "event-time", in_events(milliseconds))
    yield out("has-empty-data", "event-without-data", in_events(lambda m: members(m, data={})))
    yield out("sends-events-late", "event-before-reply", late_events, "events-for-all")
    yield out("repeats-events", "events-are-not-repeated", repeated_events,
              "no-events-before-negotiation")  # fmt: skip
    yield Mistake("keeps-events-to-one", "events-for-all", noted, events_to_one)
    yield Mistake("sends-events-too-early", "no-events-before-negotiation", noted,
                  events_to_new_clients)  # fmt: skip
    # Out of band, introspection
    yield into("executes-nothing-out-of-band", "oob-not-allowed", of_commands(_never_oob),
               "oob-is-not-enabled", "second-negotiation-of-oob",
               "capabilities-are-not-inherited")  # fmt: skip
    yield out("does-not-list-all", "query-commands", in_commands(fixed_list))
    yield out("has-an-odd-schema", "query-qmp-schema",
              in_schema(lambda all: [*all, {"name": 1, "members": None}]))  # fmt: skip
    yield out("forgets-types", "schema-has-all-types",
              in_schema(lambda all: [e for e in all if e["name"] != "str"]))  # fmt: skip
    yield out("forgets-commands", "schema-has-all-commands",
              in_schema(lambda all: [e for e in all if e["name"] != "stop"]))  # fmt: skip
    yield out("lists-types-first", "schema-order", in_schema(lambda all: all[::-1]))


BAD = tuple(_mistakes())
