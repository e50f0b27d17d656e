"""The objects of ``-object`` and ``object-add``: TLS credentials, secrets, and who may come in.

An option is read in two steps, as QEMU does, because all options are read before anything is made:
`read_object` gives what ``object-add`` takes, judged by the schema; `Objects.add` makes the object.

Spec: QAPI, ObjectOptions. The texts are QEMU's. [Secrets that are encrypted with another one are
refused: the standard library has no AES.]
"""

import base64
import fnmatch
import os
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

from qmpeer import limits
from qmpeer.chardev import TlsCredentials
from qmpeer.chardev.key_values import (
    KeyValue,
    check_id,
    parse_key_values,
    read_boolean,
    read_structured,
)
from qmpeer.errors import ChardevError, ValidationError
from qmpeer.machine.interface import load
from qmpeer.machine.start_error import StartHelp
from qmpeer.schema import Array, Enum, Schema, Struct, Union, Validator
from qmpeer.values import JsonObject
from qmpeer.wire import ServerReader

__all__ = ["Objects", "object_types", "read_object"]

_TYPE: Final = "qom-type"
_BASE64: Final = re.compile(rb"[A-Za-z0-9+/=\r\n]*")


class Objects:
    """Hold the objects of one machine.

    Attributes:
        credentials: TLS credentials by their ids.
        authorizers: By their ids, what decides whether the owner of a certificate may come in.
        types: The types of all objects by their ids.
    """

    def __init__(self, open_path: Callable[[str, int], int]) -> None:
        self.credentials: dict[str, TlsCredentials] = {}
        self.authorizers: dict[str, Callable[[str], bool]] = {}
        self.types: dict[str, str] = {}
        self._secrets: dict[str, bytes] = {}
        self._open_path = open_path
        self._makers: dict[str, Callable[[str, JsonObject], None]] = {
            "authz-list": self._add_list,
            "authz-simple": self._add_simple,
            "secret": self._add_secret,
            "tls-creds-anon": self._add_anonymous,
            "tls-creds-psk": self._add_psk,
            "tls-creds-x509": self._add_x509,
        }

    @property
    def names(self) -> list[str]:
        """The ids of all objects."""
        return list(self.types)

    def add(self, properties: JsonObject) -> None:
        """Make an object.

        Args:
            properties: Of QAPI's type ObjectOptions, checked against it.

        Raises:
            ChardevError: If it can't be made, in QEMU's words.
        """
        id = check_id(str(properties["id"]))
        if id in self.types:
            what = "to object (type 'container')"
            raise ChardevError(f"attempt to add duplicate property '{id}' {what}")
        if len(self.types) >= limits.OBJECTS:
            raise ChardevError(f"there are {limits.OBJECTS} objects already")
        kind = str(properties[_TYPE])
        if "loaded" in properties:
            raise ChardevError(f"Property '{kind}.loaded' is not writable")
        self._makers[kind](id, properties)
        self.types[id] = kind

    def remove(self, id: str) -> None:
        """Remove an object; who uses it already goes on with it.

        Raises:
            ChardevError: If there is none of that name.
        """
        if self.types.pop(id, None) is None:
            raise ChardevError(f"object '{id}' not found")
        table: dict[str, Any]
        for table in (self.credentials, self.authorizers, self._secrets):
            table.pop(id, None)

    # Who may come in

    def _add_list(self, id: str, properties: JsonObject) -> None:
        rules: Any = properties.get("rules", [])
        allows_others = properties.get("policy") == "allow"
        self.authorizers[id] = lambda name: _decide(rules, allows_others, name)

    def _add_simple(self, id: str, properties: JsonObject) -> None:
        self.authorizers[id] = lambda name: name == properties["identity"]

    # Secrets

    def _add_secret(self, id: str, properties: JsonObject) -> None:
        data, path = properties.get("data"), properties.get("file")
        if "keyid" in properties:
            self._secret(str(properties["keyid"]))
            raise ChardevError("secrets that are encrypted with another one can't be read here")
        if data is not None and path is not None:
            raise ChardevError("'file' and 'data' are mutually exclusive")
        if data is not None:
            secret = str(data).encode()
        elif path is not None:
            secret = self._read(str(path))
        else:
            raise ChardevError("Either 'file' or 'data' must be provided")
        if properties.get("format") == "base64":
            secret = _from_base64(secret)
        self._secrets[id] = secret

    def _read(self, path: str) -> bytes:
        try:
            with os.fdopen(self._open_path(path, os.O_RDONLY), "rb") as file:
                secret = file.read(limits.SECRET + 1)
        except OSError as error:
            why = f"Failed to open file “{path}”: {error.strerror}"
            raise ChardevError(f"Unable to read {path}: {why}") from error
        if len(secret) > limits.SECRET:
            raise ChardevError(f"Unable to read {path}: more than {limits.SECRET} bytes")
        return secret

    def _secret(self, id: str) -> bytes:
        if id not in self._secrets:
            raise ChardevError(f"No secret with id '{id}'")
        return self._secrets[id]

    # TLS

    def _add_anonymous(self, id: str, properties: JsonObject) -> None:
        from qmpeer.transport.filters import anonymous_context

        is_server = _is_server(properties)
        folder = properties.get("dir")
        context = _made(
            lambda: anonymous_context(
                None if folder is None else str(folder), server_side=is_server
            )
        )
        self.credentials[id] = TlsCredentials(context, is_server, identifies_clients=False)

    def _add_psk(self, id: str, properties: JsonObject) -> None:
        from qmpeer.transport.filters import psk_context

        is_server, folder = _is_server(properties), _folder(properties)
        user = str(properties.get("username", "qemu"))
        context = _made(lambda: psk_context(folder, server_side=is_server, username=user))
        self.credentials[id] = TlsCredentials(context, is_server, identifies_clients=True)

    def _add_x509(self, id: str, properties: JsonObject) -> None:
        from qmpeer.transport.filters import x509_context

        is_server, folder = _is_server(properties), _folder(properties)
        verifies = bool(properties.get("verify-peer", True))
        password = properties.get("passwordid")
        secret = None if password is None else self._secret(str(password))
        context = _made(
            lambda: x509_context(
                folder, server_side=is_server, verify_peer=verifies, passphrase=secret
            )
        )
        self.credentials[id] = TlsCredentials(context, is_server, identifies_clients=verifies)


def _from_base64(text: bytes) -> bytes:
    """Decode base64. Spec: QEMU minds other characters, and no missing end."""
    if not _BASE64.fullmatch(text):
        raise ChardevError("Base64 data contains invalid characters")
    digits = text.translate(None, b"=\r\n")
    if len(digits) % 4 == 1:
        digits = digits[:-1]
    return base64.b64decode(digits + b"=" * (-len(digits) % 4))


def _decide(rules: list[JsonObject], allows_others: bool, name: str) -> bool:
    for rule in rules:
        pattern = str(rule["match"])
        if rule.get("format") == "glob":
            matches = fnmatch.fnmatchcase(name, pattern)
        else:
            matches = name == pattern
        if matches:
            return rule["policy"] == "allow"
    return allows_others


def _is_server(properties: JsonObject) -> bool:
    return properties.get("endpoint") == "server"


def _folder(properties: JsonObject) -> str:
    if "dir" not in properties:
        raise ChardevError("Missing 'dir' property value")
    return str(properties["dir"])


def _made(make: Callable[[], Any]) -> Any:
    try:
        return make()
    except OSError as error:
        raise ChardevError(error.strerror or str(error)) from error
    except ValueError as error:
        raise ChardevError(str(error)) from error


# What an option says


def read_object(
    argument: str, taken: Collection[str], *, is_option: bool = True
) -> tuple[JsonObject, list[str]]:
    """Read the argument of ``-object``: JSON, or keys with their values.

    Args:
        argument: The argument.
        taken: Ids of objects that other options describe by keys and values.
        is_option: It is an option's; a human command's has another syntax, without flags.

    Returns:
        What ``object-add`` takes, and what QEMU warns of.

    Raises:
        ChardevError: If it can't be read, in QEMU's words.
        StartHelp: If it asks which objects there are, or what one takes.
    """
    if argument.startswith("{"):
        properties = _read_json(argument)
        _judge(properties)
        return properties, []
    schema = load()
    if not is_option:
        return _read_plainly(schema, argument), []
    pairs = parse_key_values(argument, implied_key=_TYPE)
    _help(schema, pairs)
    id = next((pair.value for pair in pairs if pair.key == "id"), None)
    if id is not None and check_id(id) in taken:
        raise ChardevError(f"Duplicate ID '{id}' for object")
    warnings = [pair.warning for pair in pairs if pair.warning is not None]
    values = {pair.key: pair.value for pair in pairs}
    try:
        properties = _typed(schema, values)
    except ChardevError as error:
        earlier = tuple(f"warning: {warning}" for warning in warnings)
        raise ChardevError(error.reason, error.hint, earlier) from None
    return properties, warnings


def _read_plainly(schema: Schema, argument: str) -> JsonObject:
    """Read keys with their values as QEMU reads what it declares in QAPI."""
    kind, comma, rest = argument.partition(",")
    text = argument if "=" in kind else f"{_TYPE}={kind}{comma}{rest}"
    if kind in ("help", "?") or rest in ("help", "?"):
        _help(schema, parse_key_values(argument, implied_key=_TYPE))
    try:
        values = read_structured(text)
    except ValueError as error:
        raise ChardevError(str(error)) from error
    return _typed(schema, {key: str(value) for key, value in values.items()}, is_option=False)


def _read_json(text: str) -> JsonObject:
    found = ServerReader().receive_data(f"{text}\n".encode("utf-8", "surrogateescape"))
    if len(found) > 1:
        raise ChardevError("Expecting at most one JSON value")
    if found and isinstance(found[0], dict):
        return found[0]
    raise ChardevError(str(found[0]) if found else "JSON parse error, premature EOI")


def _judge(properties: JsonObject) -> None:
    try:
        Validator(load(), frozenset()).arguments("object-add")(properties)
    except ValidationError as error:
        raise ChardevError(error.desc) from error


def _typed(schema: Schema, values: Mapping[str, str], *, is_option: bool = True) -> JsonObject:
    """Read the values by the types that the schema gives their keys."""
    known = _members(schema, values.get(_TYPE, ""))
    properties: JsonObject = {}
    unknown: list[str] = []
    for key, value in values.items():
        of = known.get(key)
        if of == "bool":
            properties[key] = read_boolean(key, value)
        elif of is None or isinstance(schema.types.get(of), Array):
            unknown.append(key)
        else:
            properties[key] = value
    _judge(properties)  # a missing member comes before an unknown one
    if unknown:
        what = "Invalid parameter '{}'" if is_option else "Parameter '{}' is unexpected"
        raise ChardevError(what.format(unknown[0]))
    return properties


def _members(schema: Schema, kind: str) -> dict[str, str]:
    """Return the members of a type of object with their types; of an unknown one, all there are."""
    options = schema.types["ObjectOptions"]
    assert isinstance(options, Union)
    names = [branch.type for branch in options.branches if kind in (branch.name, "")]
    found = {_TYPE: "str", "id": "str"}
    while names:
        struct = schema.types[names.pop()]
        assert isinstance(struct, Struct)
        found.update({member.name: member.type for member in struct.members})
        if struct.base is not None:
            names.append(struct.base)
    return found


def object_types() -> list[str]:
    """Return the types of objects that there are."""
    kinds = load().types["ObjectType"]
    assert isinstance(kinds, Enum)
    return [value.name for value in kinds.values]


def _help(schema: Schema, pairs: list[KeyValue]) -> None:
    kind = next((pair.value for pair in pairs if pair.key == _TYPE), "")
    names = object_types()
    if kind in ("help", "?"):
        lines = "".join(f"  {name}\n" for name in sorted(names))
        raise StartHelp(f"List of user creatable objects:\n{lines}")
    if any(pair.flag in ("help", "?") for pair in pairs) and kind in names:
        members = _members(schema, kind)
        lines = "".join(
            f"  {name}=<{'string' if of == 'str' else of}>\n"
            for name, of in sorted(members.items())
            if name not in (_TYPE, "id", "loaded")  # which is deprecated
        )
        raise StartHelp(f"{kind} options:\n{lines}")
