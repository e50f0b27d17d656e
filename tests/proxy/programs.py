"""The random programs of a proxy's clients: the bytes that one sends, and what it must get.

What a client must get is what a server with no other client would answer: each client has keys of
its own. Its in-band responses come in the order of its requests, also those that the proxy answers.
"""

import json
from random import Random
from typing import Any, Final

from tests.proxy.modelled import Message, Model, generic

__all__ = ["Program", "canonical"]

NO_ID: Final = object()

# Texts that the server refuses, and the descriptions in its errors. None has an id.
_MALFORMED: Final[tuple[tuple[bytes, tuple[str, ...]], ...]] = (
    (b"[]", ("QMP input must be a JSON object",)),
    (b'"text"', ("QMP input must be a JSON object",)),
    (b"null ", ("QMP input must be a JSON object",)),
    (b"{}", ("QMP input lacks member 'execute'",)),
    (b'{"execute": 1}', ("QMP input member 'execute' must be a string",)),
    (b'{"execute": "get", "arguments": []}', ("QMP input member 'arguments' must be an object",)),
    (b'{"execute": "get", "EXECUTE": 1}', ("QMP input member 'EXECUTE' is unexpected",)),
    (b'{"execute": "a", "execute": "a"}', ("JSON parse error, duplicate key",)),
    (
        b'{"execute": "a", "arguments": {"a": 1, "\\u0061": 2}}',
        ("JSON parse error, duplicate key",),
    ),
    (b'{"execute":zz}\n', ("JSON parse error, invalid keyword 'zz'",)),
    (b"}", ("JSON parse error, expecting value",)),
    (b"\x01", ("JSON parse error, stray '\x01'",)),
    (
        b'{"a":1]}',
        ("JSON parse error, expected separator in dict", "JSON parse error, expecting value"),
    ),
    (
        b"it's\n",
        ("JSON parse error, invalid keyword 'it'", "JSON parse error, stray ''s\n'"),
    ),
)
_NEGOTIATED: Final = {
    "error": {
        "class": "CommandNotFound",
        "desc": "Capabilities negotiation is already complete, command ignored",
    }
}
_NOT_NEGOTIATED: Final = {
    "error": {
        "class": "CommandNotFound",
        "desc": "Expecting capabilities negotiation with 'qmp_capabilities'",
    }
}
_sorted = json.JSONEncoder(sort_keys=True).encode
_ENCODERS: Final = tuple(
    json.JSONEncoder(ensure_ascii=is_ascii, separators=separators).encode
    for is_ascii in (True, False)
    for separators in (None, (",", ":"))
)
_PRETTY: Final = json.JSONEncoder(indent=4).encode
_BOGUS: Final = generic("Parameter 'null' does not accept value 'bogus'")


def canonical(value: Any) -> str:
    """Return a text in which different JSON values differ, and the order of members doesn't."""
    return _sorted(value)


class Program:
    """The requests of one client, and the answers that it must get.

    Args:
        random: Decides everything.
        number: The client's number, which is part of its keys.

    Attributes:
        text: The bytes to send.
        in_band: The responses that must come, in this order.
        out_of_band: The responses that must come at any time, by `canonical` form and count.
        sent: The numbers ``n`` of the in-band commands that reach the server, in order.
        negotiation: The place of the response in `in_band` after which it gets events; or None.
    """

    def __init__(self, random: Random, number: int) -> None:
        self._random = random
        self._number = number
        self._model = Model()
        self._count = 0
        self._is_oob_enabled = False
        self.text = b""
        self.in_band: list[Message] = []
        self.out_of_band: list[Message] = []
        self.sent: list[int] = []
        self.negotiation: int | None = None
        for _ in range(random.choice((0, 0, 0, 1, 2))):
            self._before_negotiation()
        if random.random() < 0.96:
            self._negotiate()
            for _ in range(random.choice((0, 1, 1, 2, 2, 3, 4, 8))):
                self._step()

    # Requests

    def _before_negotiation(self) -> None:
        kind = self._random.randrange(4)
        if kind == 0:
            self._malformed()
        elif kind == 1:
            self._ask({"execute": "qmp_capabilities", "arguments": {"enable": ["bogus"]}}, _BOGUS)
        elif kind == 2:
            unexpected = generic("QMP input member 'exec-oob' is unexpected")
            self._ask({"exec-oob": "peek"}, unexpected)
        else:
            self._ask({"execute": self._random.choice(("get", "nothing"))}, _NOT_NEGOTIATED)

    def _negotiate(self) -> None:
        self._is_oob_enabled = self._random.random() < 0.6
        request: Message = {"execute": "qmp_capabilities"}
        if self._is_oob_enabled:
            request["arguments"] = {"enable": ["oob"]}
        self.negotiation = len(self.in_band)
        self._ask(request, {"return": {}})

    def _step(self) -> None:
        kind = self._random.random()
        if kind < 0.1:
            self._malformed()
        elif kind < 0.14:
            self._ask({"execute": "qmp_capabilities"}, _NEGOTIATED)
        elif kind < 0.16:
            self._ask({"execute": "qmp_capabilities", "arguments": {"enable": ["bogus"]}}, _BOGUS)
        elif kind < 0.24:
            self._command("query-version", {})
        elif kind < 0.28:
            self._command("query-qmp-schema", {})
        elif kind < 0.32:
            self._command("query-version", self._arguments(None))
        elif kind < 0.5 and self._is_oob_enabled:
            self._out_of_band()
        elif kind < 0.53:
            desc = (
                "QMP input member 'execute' clashes with 'exec-oob'"
                if self._is_oob_enabled
                else "QMP input member 'exec-oob' is unexpected"
            )
            self._ask({"exec-oob": "peek", "execute": "peek"}, generic(desc))
        elif kind < 0.58:
            self._command(f"nothing-{self._count}", self._arguments(None))
        elif kind < 0.6:
            self._command(
                "large", {**self._arguments("a"), "size": 10 ** self._random.randrange(6)}
            )
        elif kind < 0.66:
            self._command("emit", self._arguments("a"))
        elif kind < 0.7:
            self._command("get", self._arguments(None))
        elif kind < 0.85:
            self._command("put", {**self._arguments("a"), "value": self._value()})
        else:
            self._command(self._random.choice(("get", "peek")), self._arguments("a"))

    def _arguments(self, key: str | None) -> Message:
        self._count += 1
        arguments: Message = {"n": self._number * 1000 + self._count}
        if key is not None:
            arguments["key"] = f"{key}{self._number}{self._random.choice(('', 'é', '😀'))}"
        if self._random.random() < 0.4:
            arguments["turns"] = self._random.randrange(8)
        return arguments

    def _command(self, name: str, arguments: Message) -> None:
        if "n" in arguments:
            self.sent.append(arguments["n"])
        request: Message = {"execute": name}
        if arguments or self._random.random() < 0.3:
            request["arguments"] = arguments
        self._ask(request, self._model.answer(name, arguments))

    def _out_of_band(self) -> None:
        name = self._random.choice(("peek", "peek", "peek", "put", "query-version", "nothing"))
        arguments: Message = {**self._arguments("oob"), "value": 1}
        if name == "query-version" and self._random.random() < 0.7:
            arguments = {}
        response = self._model.answer(name, arguments, is_oob=True)
        id = self._random.choice((f"oob {self._count}", {"oob": [self._count]}, self._count + 0.5))
        self._write({"exec-oob": name, "arguments": arguments, "id": id})
        self.out_of_band.append({**response, "id": id})

    def _malformed(self) -> None:
        text, descs = self._random.choice(_MALFORMED)
        self.text += text + b"\n"
        self.in_band += map(generic, descs)

    def _ask(self, request: Message, response: Message) -> None:
        """Write an in-band request with a random id."""
        id = self._id()
        if id is not NO_ID:
            request["id"] = id
            response = {**response, "id": id}
        self._write(request)
        self.in_band.append(response)

    # Values and texts

    def _id(self) -> Any:
        n, random = self._number * 1000 + len(self.in_band), self._random
        fixed: tuple[Any, ...] = (
            NO_ID,
            NO_ID,
            None,
            True,
            "",
            "twice",
            "twice",
            0,
            7,
            -1,
            0.25,
            [],
            {},
            "\0é😀",
        )
        made = (
            n,
            str(n),
            [n, [None, {"a": 0.5}]],
            {"n": n, "": {}},
            n + 0.125,
            1 << 63,
            -(1 << 63),
        )
        return random.choice(fixed if random.random() < 0.5 else made)

    def _value(self) -> Any:
        return self._random.choice((1, "two", [3, {"four": None}], {"five": 0.1}, False, "\\\"'\0"))

    def _write(self, request: Message) -> None:
        random = self._random
        members = list(request.items())
        random.shuffle(members)
        encode = _PRETTY if random.random() < 0.1 else random.choice(_ENCODERS)
        text = encode(dict(members))
        self.text += text.encode() + random.choice((b"", b"\n", b"\r\n", b" \t\n"))
