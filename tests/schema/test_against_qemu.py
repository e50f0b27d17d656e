"""The model compared with a real QEMU: both give the same answers."""

import json
import re
import subprocess
from collections.abc import Callable

import pytest

from qmpeer.errors import ValidationError
from qmpeer.schema import (
    Schema,
    Validator,
    hide_deprecated,
    introspection_of,
    schema_from_introspection,
    select,
)
from qmpeer.values import JsonObject
from tests.corpus import qapi_schema
from tests.qemu import BASE, QEMU

Program = Callable[[str], str]
Ask = Callable[..., list[JsonObject]]

pytestmark = pytest.mark.real

QUERY: JsonObject = {"execute": "query-qmp-schema"}
LEFT_OUT = {"CONFIG_BLKIO", "CONFIG_COCOA", "CONFIG_VMNET", "TARGET_ARM", "TARGET_S390X"}
"""What the QEMU 7.2 of Debian 12 was built without."""

OF_INTEGERS = re.compile("expects u?int[0-9]+|expected: integer")

CASES: list[tuple[str, JsonObject]] = [
    ("blockdev-add", {}),
    ("blockdev-add", {"node-name": 3}),
    ("blockdev-add", {"driver": 3}),
    ("blockdev-add", {"driver": "nope"}),
    ("blockdev-add", {"driver": "qcow2"}),
    ("blockdev-add", {"driver": "qcow2", "file": 3}),
    ("blockdev-add", {"driver": "qcow2", "file": "x", "backing": 3}),
    ("blockdev-add", {"driver": "qcow2", "file": "x", "overlap-check": 3}),
    ("blockdev-add", {"driver": "qcow2", "file": "x", "overlap-check": "some"}),
    ("blockdev-add", {"driver": "qcow2", "file": {"driver": "null-co", "foo": 1}}),
    ("blockdev-add", {"driver": "qcow2", "file": {"driver": "raw", "file": {"driver": []}}}),
    ("blockdev-add", {"driver": "null-co", "read-only": 1}),
    ("blockdev-add", {"driver": "null-co", "size": "x"}),
    ("blockdev-add", {"driver": "null-co", "size": 1 << 63}),
    ("blockdev-add", {"driver": "null-co", "latency-ns": 1.5}),
    ("blockdev-add", {"driver": "null-co", "latency-ns": -1, "zz": 1}),
    ("blockdev-add", {"driver": "null-co", "b": 1, "a": 2, "c": 3}),
    ("transaction", {"actions": 3}),
    ("transaction", {"actions": [3]}),
    ("transaction", {"actions": [{}]}),
    ("transaction", {"actions": [{"type": "zzz"}]}),
    ("transaction", {"actions": [{"type": "abort", "data": {"x": 1}}]}),
    ("migrate-set-parameters", {"multifd-zlib-level": 256}),
    ("migrate-set-parameters", {"multifd-zlib-level": -1}),
    ("migrate-set-parameters", {"max-bandwidth": "1"}),
    ("migrate-set-parameters", {"tls-creds": 3}),
    ("migrate-set-parameters", {"tls-creds": None, "x": 1}),
    ("migrate-set-capabilities", {"capabilities": [{"capability": "xbzrle", "state": 1}]}),
    ("migrate-set-capabilities", {"capabilities": [{"capability": "zz", "state": True}]}),
    ("human-monitor-command", {"cpu-index": 1}),
    ("human-monitor-command", {"command-line": "x", "cpu-index": 1.0}),
    ("human-monitor-command", {"command-line": "x", "cpu-index": 1 << 63}),
    ("stop", {"a": 1}),
    ("send-key", {"keys": [{"type": "qcode", "data": "zz"}]}),
    ("send-key", {"keys": [{"type": "number"}]}),
    ("object-add", {"qom-type": "iothread", "id": "a", "poll-max-ns": "x"}),
    ("object-add", {"qom-type": "memory-backend-ram", "id": "a", "size": 1, "host-nodes": [70000]}),
    ("object-add", {"qom-type": "memory-backend-ram", "id": "a", "size": 1, "host-nodes": ["x"]}),
    ("netdev_add", {"type": "user", "id": "a", "net": None}),
    ("block-dirty-bitmap-merge", {"node": "a", "target": "b", "bitmaps": [3]}),
    ("block-dirty-bitmap-merge", {"node": "a", "target": "b", "bitmaps": [{"node": "x"}]}),
    ("block-latency-histogram-set", {"id": "a", "boundaries": [1, -1, "x"]}),
    ("set_password", {"protocol": "vnc", "password": "x", "foo": 1}),
]
UNSTABLE: list[tuple[str, JsonObject]] = [
    ("migrate-set-parameters", {"x-checkpoint-delay": "x"}),
    ("migrate-set-capabilities", {"capabilities": [{"capability": "x-colo", "state": True}]}),
    ("blockdev-add", {"driver": "file", "filename": "x", "x-check-cache-dropped": True}),
]


@pytest.fixture(scope="module")
def ask(program: Program) -> Ask:
    """Return a function that sends commands to a private QEMU and returns the answers."""
    command = [program(QEMU), *BASE]

    def send(commands: list[JsonObject], *options: str) -> list[JsonObject]:
        return conversation([*command, "-qmp", "stdio", *options], commands)

    return send


@pytest.fixture
def from_files(qemu_version: tuple[int, int]) -> bool:
    """Return True if the schema comes from files, which exist for one release only."""
    return qemu_version == (7, 2)


@pytest.fixture
def schema(ask: Ask, from_files: bool) -> Schema:
    """Return the model of the release's files, or else of its own answer."""
    if from_files:
        return release_7_2()
    (reply,) = ask([QUERY])
    return schema_from_introspection(reply["return"])


def release_7_2(*root: str) -> Schema:
    return select(qapi_schema("v7.2", *root), lambda name: name not in LEFT_OUT)


def conversation(command: list[str], commands: list[JsonObject]) -> list[JsonObject]:
    lines = [{"execute": "qmp_capabilities"}, *commands]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    answers: list[JsonObject] = []
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        stdin, stdout = process.stdin, process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(text)
        stdin.flush()
        while len(answers) < len(lines) and (line := stdout.readline()):
            answer = json.loads(line)
            if "return" in answer or "error" in answer:
                answers.append(answer)
        # Only now: output that the pipe hasn't taken when QEMU quits is lost.
        stdin.write('{"execute": "quit"}\n')
    return answers[1:]


def test_schema_is_the_same(ask: Ask, schema: Schema) -> None:
    (reply,) = ask([QUERY])
    assert introspection_of(schema) == reply["return"]


def test_schema_without_the_deprecated_is_the_same(ask: Ask, schema: Schema) -> None:
    (reply,) = ask([QUERY], "-compat", "deprecated-output=hide")
    assert introspection_of(hide_deprecated(schema)) == reply["return"]


def test_schema_of_the_storage_daemon_is_the_same(program: Program, from_files: bool) -> None:
    command = [program("qemu-storage-daemon"), "--chardev", "stdio,id=c", "--monitor", "c"]
    (reply,) = conversation(command, [QUERY])
    if from_files:
        root = "storage-daemon/qapi/qapi-schema.json"
        schema = release_7_2(root)
    else:
        schema = schema_from_introspection(reply["return"])
    assert introspection_of(schema) == reply["return"]


def test_answer_comes_back_as_it_was(ask: Ask) -> None:
    (reply,) = ask([QUERY])
    assert introspection_of(schema_from_introspection(reply["return"])) == reply["return"]


def messages(validator: Validator, cases: list[tuple[str, JsonObject]]) -> list[str | None]:
    """Return the error texts, with None for each accepted command."""
    found: list[str | None] = []
    for command, arguments in cases:
        try:
            validator.arguments(command)(arguments)
        except ValidationError as error:
            found.append(str(error))
        else:
            found.append(None)
    return found


def real_messages(ask: Ask, cases: list[tuple[str, JsonObject]], *options: str) -> list[str]:
    commands: list[JsonObject] = [{"execute": name, "arguments": data} for name, data in cases]
    return [str(reply["error"]["desc"]) for reply in ask(commands, *options)]


def without_name(text: str | None) -> str:
    return re.sub(r"(?<=expected: )[A-Z]\w+", "ALTERNATE", text or "")


def test_texts_are_the_same(ask: Ask, schema: Schema, from_files: bool) -> None:
    ours, theirs = messages(Validator(schema), CASES), real_messages(ask, CASES)
    if from_files:
        assert ours == theirs
        return
    # An answer lists neither the names of alternates nor the widths of integers.
    pairs = zip(map(without_name, ours), map(without_name, theirs), strict=True)
    differing = [pair for pair in pairs if pair[0] != pair[1]]
    assert [their for _, their in differing if not OF_INTEGERS.search(their)] == []
    assert len(differing) < 10


def test_policy_is_the_same(ask: Ask, schema: Schema) -> None:
    validator = Validator(schema, frozenset({"unstable"}))
    real = real_messages(ask, UNSTABLE, "-compat", "unstable-input=reject")
    assert messages(validator, UNSTABLE) == real
