"""The same commands to a real QEMU and to the built-in machine."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from qmpeer import Client, CommandError
from qmpeer.machine.command_line_options import describe_options
from tests.machine.block_conversation import CONVERSATION
from tests.machine.serving import RawClient, Served, Serving, Threaded

PROGRAMS = ["ours", pytest.param("qemu", marks=pytest.mark.real)]


@pytest.fixture(scope="module", params=PROGRAMS)
def client(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Client]:
    """Return a client of a machine of this kind; all tests share one machine."""
    path = tmp_path_factory.mktemp(request.param) / "q"
    with serve(path, request) as served, served.client() as client:
        yield client


def serve(path: Path, request: pytest.FixtureRequest, *options: str) -> Served:
    if request.param == "ours":
        return Threaded(path, *options)
    return Serving(path, *options, program=[request.getfixturevalue("recorded_qemu")])


def desc_of(client: Client, command: str, arguments: dict[str, Any], fds: list[int]) -> str | None:
    try:
        client.execute(command, arguments, fds=fds)
    except CommandError as error:
        return f"{error.error_class}: {error.desc}"
    return None


def test_block_nodes(client: Client) -> None:
    for entry, expected in CONVERSATION:
        command, arguments = "blockdev-add", entry
        if isinstance(entry, str):
            command, arguments = "blockdev-del", {"node-name": entry}
        assert isinstance(arguments, dict)
        found = desc_of(client, command, arguments, [])
        assert found == (None if expected is None else f"GenericError: {expected}"), entry


DESCRIPTORS: list[tuple[str, dict[str, Any], int, str | None]] = [
    ("getfd", {}, 0, "Parameter 'fdname' is missing"),
    ("getfd", {"fdname": "1"}, 0, "No file descriptor supplied via SCM_RIGHTS"),
    ("getfd", {"fdname": "1"}, 1, "Parameter 'fdname' expects a name not starting with a digit"),
    ("getfd", {"fdname": "a"}, 0, "No file descriptor supplied via SCM_RIGHTS"),
    ("getfd", {"fdname": "a"}, 1, None),
    ("getfd", {"fdname": "a"}, 2, None),
    ("getfd", {"fdname": ""}, 1, None),
    ("closefd", {"fdname": ""}, 0, None),
    ("query-name", {}, 2, None),
    ("getfd", {"fdname": "b"}, 0, None),
    ("getfd", {"fdname": "c"}, 0, "No file descriptor supplied via SCM_RIGHTS"),
    ("closefd", {"fdname": "c"}, 0, "File descriptor named 'c' not found"),
    ("add-fd", {"fdset-id": -1}, 0, "No file descriptor supplied via SCM_RIGHTS"),
    ("add-fd", {"fdset-id": -1}, 1, "Parameter 'fdset-id' expects a non-negative value"),
    ("add-fd", {}, 1, None),
    ("add-fd", {"fdset-id": 7, "opaque": "x"}, 1, None),
    ("remove-fd", {}, 0, "Parameter 'fdset-id' is missing"),
    ("remove-fd", {"fdset-id": 7}, 0, None),
    ("remove-fd", {"fdset-id": 7}, 0, "File descriptor named 'fdset-id:7' not found"),
    ("remove-fd", {"fdset-id": 0, "fd": 999}, 0, "File descriptor named 'fdset-id:0, fd:999' not"),
]


def test_descriptors(client: Client) -> None:
    with open(os.devnull) as file:
        for command, arguments, count, expected in DESCRIPTORS:
            found = desc_of(client, command, arguments, [file.fileno()] * count)
            if expected is None:
                assert found is None, (command, arguments)
            else:
                assert (found or "").startswith(f"GenericError: {expected}"), (command, arguments)


def conversation(served: Served) -> list[Any]:
    with RawClient(served.path) as raw:
        raw.negotiate()
        commands = "query-name query-uuid query-kvm query-target query-cpus-fast query-mice"
        commands += " query-block query-chardev query-yank query-fdsets migrate-pause"
        commands += " query-status stop stop query-status system_reset query-status stop"
        commands += " system_powerdown cont cont system_reset query-status quit"
        return [raw.exchange(command) for command in commands.split()]


@pytest.mark.real
def test_answers_and_events(
    recorded_qemu: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "qmpeer.machine.machine.KVM_DEVICE", "/dev/null"
    )  # this QEMU was built with KVM
    named = ("-name", "vm0")
    found = []
    for served in (
        Threaded(tmp_path / "ours", *named),
        Serving(tmp_path / "real", *named, program=[recorded_qemu]),
    ):
        with served:
            answers = json.dumps(conversation(served))
            found.append(json.loads(answers.replace(str(served.path), "PATH")))
            assert served.wait() == 0
    assert found[0] == found[1]


@pytest.mark.parametrize("option", ["mon", "chardev", "add-fd", "name", "object", "accel", ""])
def test_options_are_told(client: Client, option: str) -> None:
    (found,) = client.execute("query-command-line-options", {"option": option})
    told = [
        tuple(parameter.get(part) for part in ("name", "type", "default"))
        for parameter in found["parameters"]
    ]
    ours = describe_options(option)[0]
    assert isinstance(ours, dict)
    assert found["option"] == option
    assert told == [
        tuple(parameter.get(part) for part in ("name", "type", "default"))
        for parameter in ours["parameters"]
    ]
    unknown = desc_of(client, "query-command-line-options", {"option": "nope"}, [])
    assert unknown == "GenericError: invalid option name: nope"


OBJECTS: list[tuple[str, dict[str, Any]]] = [
    *(
        ("qom-list", {"path": path})
        for path in ("/", "/objects", "//objects/", "objects", "/machine", "unattached", "/nope")
    ),
    *(("qom-list", {"path": path}) for path in ("", "nope", "/chardevs", "/machine/unattached")),
    *(
        ("qom-get", {"path": "/machine", "property": name})
        for name in ("type", "boot", "memory", "smp", "usb", "peripheral", "memory-backend", "nope")
    ),
    ("qom-get", {"path": "/objects/s", "property": "type"}),
    ("qom-get", {"path": "s", "property": "nope"}),
    ("qom-get", {"path": "", "property": "type"}),
    ("qom-get", {"path": "/nope", "property": "type"}),
    ("qom-list-types", {"implements": "authz"}),
    ("qom-list-types", {"implements": "authz-simple", "abstract": True}),
    ("qom-list-types", {"implements": "monitor-qmp"}),
    ("qom-list-types", {"implements": "nope", "abstract": True}),
]


@pytest.mark.real
def test_the_tree_of_objects(recorded_qemu: str, tmp_path: Path) -> None:
    words = ("-object", "secret,id=s,data=x", "-chardev", "null,id=n")
    found: list[list[Any]] = []
    with (
        Threaded(tmp_path / "ours", *words) as ours,
        Serving(tmp_path / "real", *words, program=[recorded_qemu]) as real,
    ):
        for served in (ours, real):
            with served.client() as client:
                found.append([answer(client, *asked) for asked in OBJECTS])
                types = client.execute("qom-list-types", {"abstract": True})
                found[-1].append({(each["name"], each.get("parent")) for each in types})
    mine, theirs = found[0].pop(), found[1].pop()
    assert mine <= theirs
    for asked, one, other in zip(OBJECTS, *found, strict=True):
        assert one == other, asked


def answer(client: Client, command: str, arguments: dict[str, Any]) -> Any:
    """Return a value or the error; lists without their order, and without QEMU's own types."""
    try:
        value = client.execute(command, arguments)
    except CommandError as error:
        return f"{error.error_class}: {error.desc}"
    if not isinstance(value, list):
        return value
    own = {"authz-list-file", "authz-pam"}
    return sorted(
        (each for each in value if each["name"] not in own), key=lambda each: each["name"]
    )
