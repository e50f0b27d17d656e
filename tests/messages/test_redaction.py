"""Redaction: each row of the table of secrets, at each depth, and nothing else."""

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpeer import limits
from qmpeer.messages import (
    REDACTED,
    Scrubber,
    redact_arguments,
    redact_human_line,
    redact_message,
    redact_urls,
)
from qmpeer.values import JsonObject, JsonValue
from tests.growth import assert_linear
from tests.wire.strategies import json_values

SECRET = "pa55"


def placed(path: tuple[str, ...], secret: JsonValue) -> JsonValue:
    """Return arguments with a secret at a row's path."""
    if not path:
        return secret
    step, rest = path[0], path[1:]
    if step == "*":
        return [placed(rest, secret), placed(rest, secret)]
    if step == "**":
        inner = placed(rest, secret)
        return {"a": {"b": [inner, {"c": [inner]}]}, "plain": 1, **dict(_as_object(inner))}
    return {"other": 1, step: placed(rest, secret)}


def _as_object(value: JsonValue) -> JsonObject:
    assert isinstance(value, dict)
    return value


ROWS = (
    ("block_passwd", ("password",)),
    ("change-vnc-password", ("password",)),
    ("change", ("arg",)),
    ("set_password", ("password",)),
    ("guest-set-user-password", ("password",)),
    ("guest-ssh-add-authorized-keys", ("keys",)),
    ("object-add", ("data",)),
    ("object-add", ("props", "data")),
    ("object_add", ("data",)),
    ("guest-file-write", ("buf-b64",)),
    ("guest-exec", ("input-data",)),
    ("guest-exec", ("env",)),
    ("guest-exec", ("arg",)),
    ("migrate", ("**", "args")),
    ("blockdev-add", ("**", "cookie")),
    ("*", ("**", "password")),
    ("*", ("**", "proxy-password")),
    ("*", ("**", "secret")),
    ("*", ("**", "passwrd")),
)
"""Commands with the path of a secret; the command * stands for any."""


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0]}: {'.'.join(row[1])}")
@pytest.mark.parametrize("secret", [SECRET, {"a": SECRET}, [SECRET], 17, None], ids=repr)
def test_each_row(row: tuple[str, tuple[str, ...]], secret: JsonValue) -> None:
    command, path = row
    name = "any-command" if command == "*" else command
    arguments = placed(path, secret)
    assert isinstance(arguments, dict)
    before = copy.deepcopy(arguments)
    redacted = redact_arguments(name, arguments)
    assert redacted == placed(path, REDACTED)
    assert arguments == before  # the original is unchanged
    message: JsonObject = {"execute": name, "arguments": arguments, "id": 1}
    assert redact_message(message) == {**message, "arguments": redacted}
    assert SECRET not in repr(redact_message(message))


@pytest.mark.parametrize(
    "arguments", [None, {}, {"a": 1}, {"key": "x"}, {"a": {"password-secret": "x"}}]
)
def test_what_holds_no_secret_is_the_same_object(arguments: JsonObject | None) -> None:
    assert redact_arguments("query-name", arguments) is arguments


def test_what_stands_beside_is_left() -> None:
    redacted = redact_arguments("set_password", {"protocol": "vnc", "password": SECRET})
    assert redacted == {"protocol": "vnc", "password": REDACTED}


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("set_password vnc pa55", f"set_password vnc {REDACTED}"),
        ("set_password vnc pa55 keep", f"set_password vnc {REDACTED}"),
        ("  set_password  vnc   pa55", f"set_password vnc {REDACTED}"),
        ("change vnc password pa55", f"change vnc {REDACTED}"),
        ("object_add secret,id=s,data=pa55", f"object_add {REDACTED}"),
        ("object_add secret,data=pa55,id=s file=x", f"object_add {REDACTED}"),
        ("change  vnc\tpassword pa55", f"change vnc {REDACTED}"),
        ("object_add  qom-type=secret,data=pa55", f"object_add {REDACTED}"),
        ("block_passwd ide0 pa55", f"block_passwd ide0 {REDACTED}"),
    ],
)
def test_a_human_command(line: str, shown: str) -> None:
    arguments: JsonObject = {"command-line": line, "cpu-index": 0}
    redacted = redact_arguments("human-monitor-command", arguments)
    assert redacted == {"command-line": shown, "cpu-index": 0}


@pytest.mark.parametrize(
    "line",
    ["info status", "help set_password", "change ide0 x.iso", "set_password", "change vnc", "", 7],
)
def test_a_human_command_without_a_secret(line: JsonValue) -> None:
    arguments: JsonObject = {"command-line": line}
    assert redact_arguments("human-monitor-command", arguments) is arguments


def test_actions_of_a_transaction() -> None:
    message: JsonValue = {
        "execute": "transaction",
        "arguments": {"actions": [{"type": "block_passwd", "data": {"password": SECRET, "a": 1}}]},
    }
    assert SECRET not in repr(redact_message(message))


@pytest.mark.parametrize("actions", [None, [], [1, {}, {"type": "abort", "data": {"a": 1}}]])
def test_a_transaction_without_secrets(actions: JsonValue) -> None:
    arguments: JsonObject = {"actions": actions}
    assert redact_arguments("transaction", arguments) is arguments


@pytest.mark.parametrize(
    "message",
    [
        None,
        1,
        [],
        "x",
        {},
        {"execute": 1, "arguments": {"a": 1}},
        {"execute": "x"},
        {"return": {"password": "x"}},
        {"execute": "x", "arguments": ["password"]},
    ],
)
def test_what_is_no_command_is_left(message: JsonValue) -> None:
    assert redact_message(message) == message


@pytest.mark.property
@given(st.sampled_from([row[0] for row in ROWS]), json_values)
def test_any_arguments(command: str, value: JsonValue) -> None:
    arguments: JsonObject = {"data": value, "password": [value], "props": value, "x": value}
    before = copy.deepcopy(arguments)
    redacted = redact_arguments(command, arguments)
    assert arguments == before
    assert redacted is not None
    assert redacted["password"] == REDACTED
    assert redact_arguments(command, redacted) == redacted


@pytest.mark.parametrize("verb", [{}, {"execute": 1}, {"exekute": "set_password"}])
def test_a_misspelt_verb_gives_nothing_away(verb: JsonObject) -> None:
    message: JsonObject = {**verb, "arguments": {"protocol": "vnc", "password": SECRET}}
    assert SECRET not in repr(redact_message(message))


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        ("qom-set", {"path": "/objects/s", "property": "data", "value": SECRET}),
        ("qom-set", {"path": "/objects/s", "property": "data", "value": [SECRET]}),
        ("set_passwrd", {"x": SECRET}),
        ("set_password", {"protocol": SECRET}),
        ("expire_password", {"protocol": "vnc", "time": SECRET}),
        ("blockdev-add", {"driver": "https", "url": f"https://me:{SECRET}@h/"}),
        ("blockdev-add", {"driver": "raw", "file": {"driver": "https", "cookie": SECRET}}),
        ("blockdev-add", {"filename": f'json:{{"driver":"https","password":"{SECRET}"}}'}),
        ("blockdev-add", {"filename": f"rbd:p/i:id=me:key={SECRET}:x=y"}),
        ("migrate", {"uri": f"exec:curl -u me:{SECRET} x"}),
        ("object-add", {"qom-type": "secret", "dta": {"a": SECRET}}),
        ("object-add", {"qom-type": "secrt", "dta": SECRET}),
        ("anything", {"a": [[[{"passwd": SECRET}]]]}),
    ],
)
def test_spellings(command: str, arguments: JsonObject) -> None:
    assert SECRET not in repr(redact_arguments(command, arguments))
    assert SECRET not in repr(redact_message({"execute": command, "arguments": arguments}))
    action: JsonValue = {"type": command, "data": arguments}
    assert SECRET not in repr(redact_arguments("transaction", {"actions": [action]}))


def test_what_is_nested_deep_is_blanked_whole() -> None:
    value: JsonValue = SECRET
    for _ in range(900):
        value = {"a": [value]}
    assert SECRET not in repr(redact_arguments("x", {"a": value}))


def test_a_number_is_shown() -> None:
    """Numbers are shown: no secret in QAPI is a number."""
    arguments: JsonObject = {"path": "/machine", "property": "rombar", "value": 1}
    assert redact_arguments("qom-set", arguments) is arguments


def test_errors_without_the_secrets_of_their_commands() -> None:
    scrubber = Scrubber()
    scrubber.arguments("change", {"device": "vnc", "arg": "hunter2"})
    scrubber.arguments("human-monitor-command", {"command-line": "set_password vnc geheim"})
    assert scrubber.text("no 'hunter2' in vnc") == f"no '{REDACTED}' in vnc"
    assert (
        scrubber.text("'geheim' is bad, http://a:b@c")
        == f"'{REDACTED}' is bad, http://a:{REDACTED}@c"
    )


def test_urls() -> None:
    assert redact_urls("x https://me:pw@h/ y") == f"x https://me:{REDACTED}@h/ y"
    assert redact_urls("iscsi://me%pw@h/t/1") == f"iscsi://me%{REDACTED}@h/t/1"
    for plain in ("https://me@h:80/a@b", "tcp:h:1", "http://[::1]:80/x@y", "a://b:1/c"):
        assert redact_urls(plain) == plain


@pytest.mark.parametrize(
    "piece",
    ["a", "a-", "a=", "//a:", '"', "-", "\\u0061", "password=", 'password="', "://:", "secret, "],
)
def test_a_long_text_takes_no_long_time(piece: str) -> None:
    def run(size: int) -> None:
        text = piece * (size // len(piece))
        redact_human_line(text)
        redact_arguments("x", {"a": text})

    assert_linear(run, 200_000)


def test_many_names_take_no_long_time() -> None:
    """Misspelt names are only searched for among the first names."""

    def run(size: int) -> None:
        message: JsonObject = {f"passvord{number}"[-11:]: "x" for number in range(size)}
        redact_message({"execute": "x", "arguments": message})
        redact_message(message)

    assert_linear(run, 16_000)


def test_a_scrubber_remembers_secrets_at_any_depth() -> None:
    deep: JsonValue = "s3cret!"
    for _ in range(5000):
        deep = [deep]
    scrubber = Scrubber()
    scrubber.blanked({"a": deep, "b": "shown"}, {"a": "<redacted>", "b": "shown"})
    assert scrubber.text("s3cret! is shown") == "<redacted> is shown"


def test_lists_of_any_depth() -> None:
    deep: JsonValue = [SECRET]
    for _ in range(1023):
        deep = [deep]
    shown, levels = redact_message(deep), 0
    while isinstance(shown, list):
        shown, levels = shown[0], levels + 1
    assert (shown, levels) == (REDACTED, limits.REDACTION_DEPTH + 1)
