"""Random inputs, judged against the dialect's model: our own server on the same bytes.

An input is a list of pieces: commands with ids of all kinds, JSON that is broken in some way, bytes
that mean something to QEMU's reader. It is sent in random chunks on a connection of its own. Behind
it come a byte FF, which resets any reader, and a command whose reply ends the wait.

The model is the server side that `qmpeer.wire` and `qmpeer.protocol` make up: it gives the kind of
each reply and its id. Texts aren't compared. A failure is reduced to the fewest pieces that still
fail, and its seed repeats it.
"""

import json
import random
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final, NamedTuple

import msgspec

from qmpeer import limits
from qmpeer.conformance.results import Case, Level
from qmpeer.conformance.servers.answers import Answer, answer_of, listed
from qmpeer.conformance.servers.connection import Connection
from qmpeer.conformance.servers.facts import PINGS
from qmpeer.conformance.servers.trial import Trial
from qmpeer.conformance.servers.verdicts import Mismatch
from qmpeer.messages import CommandMessage
from qmpeer.protocol import ServerSession
from qmpeer.wire import ClientReader

_ATTEMPTS: Final = 200
"""Inputs that are tried to reduce a failure."""
_BROKEN: Final = (
    b'{"execute": }', b"garbage", b"[1, 2", b"]", b"}", b"{", b"[", b",", b":", b"'", b'"', b"\n",
    b"\x01", b"\xff", b"\xfe", b"\0", b"\t", b"01 ", b"1. ", b"-", b"0e1", b"TRUE", b"true ",
    b"nulL ", b'"\\u12', b'"\\ud834"', b'"\\q"', b"'it''s'", b"\xc0\x80", b"\xed\xa0\x80",
    b'"caf\xe9"', b"\xef\xbb\xbf", b"@ @ @", b"//", b"1e400 ", b'{"a": 1]}', b'{"a" 1}',
    b'{1: 2}', b'{"a": 1, "a": 2}', b"[1,]", b"{,}",
)  # fmt: skip
_IDS: Final = (
    b"1", b"-0", b"0.1", b"1e2", b"18446744073709551615", b"18446744073709551616", b'"a"', b'""',
    b'"\\u0000"', b'"\xe2\x98\x83"', b"'q'", b"null", b"true", b"[]", b"{}",
    b'[1, ["a"], {"b": null}]', b'{"b": 1, "a": [0.5]}', b'"\\ud834\\udd1e"', b"9007199254740993",
    b"[[[[[[[[]]]]]]]]",
)  # fmt: skip
_SHAPES: Final = (
    b'{"execute": "PING"}', b'{"execute": "PING", "id": ID}', b'{"id": ID, "execute": "PING"}',
    b'{"execute": "no-such-command", "id": ID}',
    b'{"execute": "PING", "arguments": {}, "id": ID}',
    b'{"execute": "PING", "arguments": {"x": ID}, "id": ID}',
    b'{"execute": "PING", "arguments": ID, "id": ID}', b'{"execute": ID, "id": ID}',
    b'{"id": ID}', b'{"execute": "PING", "extra": ID, "id": ID}', b"ID\n", b"[ID]",
    b'{"exec-oob": "PING", "id": ID}', b'{"exec-oob": "no-such-command", "id": ID}',
    b'{"exec-oob": ID, "id": ID}', b'{"execute": "PING", "exec-oob": "PING", "id": ID}',
    b"{'execute': 'PING', 'id': ID}",
)  # fmt: skip


FUZZ: Final = Case(
    "fuzz", "R3 to R12", Level.AS_QEMU, "random inputs are answered as the model does"
)
"""The case of random inputs."""


class Input:
    """One random input.

    Args:
        seed: Its seed, which gives all of it.
        suite: "server" or "agent".
        can_use_oob: True if out-of-band execution may be enabled.

    Attributes:
        seed: Its seed.
        pieces: Its bytes, in pieces that can be left out.
        uses_oob: True to enable out-of-band execution first.
    """

    def __init__(self, seed: int, suite: str, can_use_oob: bool) -> None:
        self.seed: int = seed
        chance = random.Random(seed)
        self.uses_oob: bool = can_use_oob and chance.random() < 0.5
        self.pieces: list[bytes] = [
            _piece(chance, PINGS[suite].encode()) for _ in range(chance.randrange(1, 9))
        ]

    def chunks(self, data: bytes) -> list[bytes]:
        """Return bytes cut at random places."""
        chance = random.Random(self.seed + 1)
        cuts = sorted(chance.randrange(len(data) + 1) for _ in range(chance.randrange(4)))
        ends = [0, *cuts, len(data)]
        return [data[one:other] for one, other in pairwise(ends) if other > one]


def _piece(chance: random.Random, ping: bytes) -> bytes:
    if chance.random() < 0.3:
        return chance.choice(_BROKEN)
    piece = chance.choice(_SHAPES).replace(b"PING", ping)
    while b"ID" in piece:
        piece = piece.replace(b"ID", chance.choice(_IDS), 1)
    if chance.random() < 0.15:  # a byte is missing, doubled or another one
        at = chance.randrange(len(piece))
        change = chance.choice((b"", piece[at : at + 1] * 2, bytes([chance.randrange(256)])))
        piece = piece[:at] + change + piece[at + 1 :]
    return piece + chance.choice((b"", b"\n", b"\r\n", b" "))


def fuzz(trial: Trial, seed: int, count: int) -> None:
    """Try random inputs until one fails.

    Args:
        trial: The trial of the case.
        seed: The seed of the first input; the next one has the next number.
        count: The number of inputs.

    Raises:
        Mismatch: If an input isn't answered as the model does.
    """
    suite = trial.facts.suite
    can_use_oob = "oob" in trial.facts.capabilities
    for each in range(seed, seed + count):
        tried = Input(each, suite, can_use_oob)
        difference = _difference(trial, tried, tried.pieces)
        if difference is not None:
            raise _failure(trial, tried, difference)
        trial.forget()


def _failure(trial: Trial, tried: Input, first: "Difference") -> Mismatch:
    """Return the mismatch for an input that failed, reduced if the server can still be asked."""
    again = f"--fuzz 1 --seed {tried.seed}"
    difference: Difference | None = first
    if trial.can_go_on():
        fewest = _reduced(trial, tried)
        trial.forget()
        trial.can_go_on()
        difference = _difference(trial, tried, fewest)
    if difference is None:
        return Mismatch("the same replies each time", f"other ones at first; {again}")
    return Mismatch(listed(difference.expected), f"{listed(difference.came)}; {again}")


class Difference(NamedTuple):
    """Replies that aren't the model's.

    Attributes:
        expected: The model's.
        came: The server's.
    """

    expected: list[Answer]
    came: list[Answer]


def _difference(trial: Trial, tried: Input, pieces: Sequence[bytes]) -> Difference | None:
    """Send an input; return the difference between the replies and the model's, or None."""
    data = b"".join(pieces) + b"\xff"
    end = f'{{"execute": "{trial.facts.ping}", "id": "the end"}}\n'.encode()
    expected = model(data + end, trial.facts.suite, tried.uses_oob)
    uses_oob = tried.uses_oob
    if uses_oob and len(expected) > limits.IN_BAND_QUEUE:
        # R42: more than eight in flight stop the reading. QEMU 7.2 and 10.0 even fail an assertion
        # if one byte then completes two texts.
        uses_oob = False
        expected = model(data + end, trial.facts.suite, uses_oob)
    connection = trial.ready(*(("oob",) if uses_oob else ()))
    connection.send_each(*tried.chunks(data))
    came = _until_end(connection, end, len(expected))
    connection.close()
    texts = [list(map(_text, each)) for each in (expected, came)]
    if uses_oob:  # an out-of-band reply may come at any place
        texts = [sorted(each) for each in texts]
    return None if texts[0] == texts[1] else Difference(expected, came)


def _until_end(connection: Connection, end: bytes, most: int) -> list[Answer]:
    """Return the replies up to that of the last command."""
    connection.send(end)
    came: list[Answer] = []
    while (message := connection.reply()) is not None:
        came.append(answer_of(message))
        if came[-1].id == "the end" or len(came) > most + 1000:
            break
    return came


def _text(answer: Answer) -> str:
    return f"{answer.kind} {'' if answer.id is msgspec.UNSET else json.dumps(answer.id)}"


def _reduced(trial: Trial, tried: Input) -> list[bytes]:
    """Return the fewest pieces, and of each the shortest part, that still fail."""
    parts = list(tried.pieces)
    attempts = _ATTEMPTS
    for is_fine in (False, True):
        if is_fine:
            whole = b"".join(parts)
            parts = [whole[at : at + 1] for at in range(len(whole))]
        size = max(len(parts) // 2, 1)
        while size and attempts > 0:
            at = 0
            while at < len(parts) and attempts > 0:
                fewer = parts[:at] + parts[at + size :]
                attempts -= 1
                trial.forget()
                if _difference(trial, tried, fewer) is None:
                    at += size
                    continue
                parts = fewer
                if not trial.can_go_on():
                    return parts
            size //= 2
    return parts


# The model


def model(data: bytes, suite: str, uses_oob: bool) -> list[Answer]:
    """Return the replies of our own server to some bytes.

    Example:
        >>> print(listed(model(b'{"execute": "query-version", "id": 1} ]', "server", False)))
        return with the id 1, GenericError without an id
    """
    session = ServerSession(None)
    session.is_oob_enabled = uses_oob
    session.receive_data(data)
    while True:
        admitted = session.admit()
        if isinstance(admitted, CommandMessage):
            _execute(session, admitted, suite)
        elif session.can_take:
            command = session.take()
            if command is not None:
                _execute(session, command, suite)
        elif not admitted:
            break
    reader: ClientReader[Any] = ClientReader(msgspec.json.Decoder())
    messages = reader.receive_data(session.data_to_send())
    while reader.is_busy:
        messages += reader.resume()
    return [answer_of(each) for each in messages]


def _execute(session: ServerSession, command: CommandMessage, suite: str) -> None:
    """Answer a command as a server does that has only the command without effect."""
    if (command.name == "qmp_capabilities" and suite == "server") or command.name != PINGS[suite]:
        session.respond_error(command, "CommandNotFound", "")
    elif command.is_oob or command.arguments:
        session.respond_error(command, "GenericError", "")
    else:
        session.respond(command, {})
