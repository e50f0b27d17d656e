"""The same questions to a real QEMU and to the built-in machine."""

import json
import os
import shlex
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from qmpeer import Client, CommandError
from qmpeer.machine.command_line_options import describe_options
from tests.machine.block_conversation import CONVERSATION
from tests.machine.serving import BASE, PATIENCE, SERVE, RawClient, Serving

pytestmark = pytest.mark.real


@pytest.fixture
def qemu(program: Callable[[str], str]) -> list[str]:
    path = program("qemu-system-x86_64")
    version = subprocess.run([path, "--version"], capture_output=True, text=True).stdout
    if "version 7.2." not in version:
        pytest.skip(f"the machine is QEMU 7.2's, and this is {version.splitlines()[0]}")
    return [path]


@pytest.fixture(params=["ours", "qemu"])
def client(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Client]:
    program = SERVE if request.param == "ours" else request.getfixturevalue("qemu")
    with Serving(tmp_path / "q", program=program) as serving, serving.client() as client:
        yield client


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


def conversation(path: Path) -> list[Any]:
    with RawClient(path) as raw:
        raw.negotiate()
        commands = "query-name query-uuid query-kvm query-target query-cpus-fast query-mice"
        commands += " query-block query-chardev query-yank query-fdsets migrate-pause"
        commands += " query-status stop stop query-status system_reset query-status stop"
        commands += " system_powerdown cont cont system_reset query-status quit"
        return [raw.exchange(command) for command in commands.split()]


def test_answers_and_events(qemu: list[str], tmp_path: Path) -> None:
    found = []
    for name, program in (("ours", SERVE), ("real", qemu)):
        with Serving(tmp_path / name, "-name", "vm0", program=program) as serving:
            answers = json.dumps(conversation(serving.path))
            found.append(json.loads(answers.replace(str(serving.path), "PATH")))
            assert serving.wait() == 0
    assert found[0] == found[1]


START_ERRORS = [
    "-foo",
    "--foo bar",
    "-",
    "-qmp",
    "-qmp bogus",
    "-qmp none",
    "-qmp bogus:x",
    "-qmp stdio,signal=off",
    "-qmp-pretty bogus",
    "-qmp tcp:",
    "-qmp tcp:localhost",
    "-qmp tcp:localhost:x",
    "-qmp tcp:127.0.0.1:1",
    "-qmp unix:@/q",
    "-qmp unix:@/plain",
    "-qmp unix:@/q,server=maybe",
    "-qmp unix:@/q,server=on,wait=perhaps",
    "-qmp unix:@/q,foo=1",
    "-qmp unix:@/q,nofoo",
    "-qmp unix:@/q,=1",
    "-qmp unix:@/q,wait=off",
    "-qmp unix:@/q,nowait",
    "-qmp unix:@/q,noserver",
    "-qmp unix:@/no/q,server=on,wait=off",
    "-qmp tcp:nosuch.invalid:1,server=on,wait=off",
    "-qmp tcp:nosuch.invalid:1",
    "-qmp stdio -qmp stdio",
    "-qmp stdio -daemonize",
    "-daemonize -qmp bogus",
    "-name",
    "-name a,b=1",
    "-name =x",
    "-name a,debug-threads=maybe",
    "-uuid x",
    "-uuid 550e8400e29b41d4a716446655440000",
    "-display bogus",
    "-display none,x=1",
    "-mon chardev=c,mode=bogus",
    "-chardev null,id=c -mon c,pretty",
    "-chardev null,id=c -mon c,pretty=x",
    "-chardev null,id=c -mon c,nopretty,mode=bogus",
    "-chardev null,id=c -mon c,id=1x",
    "-chardev null,id=c -chardev null,id=d -mon c,id=x -mon d,id=x",
    "-qmp chardev:c -qmp chardev:c",
    "-qmp chardev:c",
    "-qmp chardev:1c",
    "-qmp chardev:",
    "-chardev null,id=compat_monitor0 -qmp null",
    "-chardev null,id=serial0 -serial null",
    "-mon help",
    "-mon c,help",
    '-mon ""',
    "-mon c,foo",
    "-mon c,foo,pretty=x",
    "-mon c,pretty,foo",
    "-mon c,mode",
    "-monitor no",
    "-echr",
    "-serial bogus",
    "-serial tcp:127.0.0.1:1",
    "-serial tcp:127.0.0.1",
    "-serial chardev:x",
    "-parallel bogus:x",
    "-object bogus,id=x",
    "-object tls-creds-x509",
    "-object tls-creds-x509,id=1",
    "-object tls-creds-x509,id=t",
    "-object tls-creds-x509,id=t,dir=/nonexistent,endpoint=server",
    "-object tls-creds-x509,id=t,dir=/tmp,endpoint=bogus",
    "-object tls-creds-x509,id=t,dir=/tmp,endpoint=server,foo=1",
    "-object tls-creds-x509,id=t,dir=/tmp,endpoint=server,verify-peer=maybe",
    "-object tls-creds-x509,id=t,foo=1,verify-peer=maybe",
    "-object secret,id=s",
    "-object secret,id=s,data=x -object secret,id=s,data=y",
    '-object secret,id=s,data=x -object \'{"qom-type":"secret","id":"s","data":"x"}\'',
    "-object secret,id=s,data=x,file=/x",
    "-object secret,id=s,file=/nonexistent",
    "-object secret,id=s,data=z!z,format=base64",
    "-object secret,id=s,data=zz,keyid=k",
    "-object secret,id=s,data=x,format=bogus",
    '-object \'{"qom-type":"secret","id":"s","data":1}\'',
    '-object \'{"qom-type":"secret","id":"s","data":"x"\'',
    '-object \'{"qom-type":"secret","data":"x"}\'',
    '-object \'{"qom-type":"bogus","id":"s"}\'',
    '-object \'{"qom-type":"secret","id":"1s","data":"x"}\'',
    '-object \'{"qom-type":"secret","id":"s","data":"x","foo":1}\'',
    "-object '{}'",
    "-object '[]'",
    "-object authz-list,id=a,policy=bogus",
    "-object authz-simple,id=a",
    '-object \'{"qom-type":"authz-list","id":"a","rules":[{"match":"x","policy":"bogus"}]}\'',
    '-object \'{"qom-type":"authz-list","id":"a","rules":[{"match":"x"}]}\'',
    "-object tls-creds-psk,id=t,dir=/nonexistent,endpoint=server",
    "-object tls-creds-psk,id=t,endpoint=server",
    "-object tls-creds-anon,endpoint=server",
    "-object secret,help",
    '-object ""',
    "-object secret",
    "-object =x",
    "-object secret,data=x",
    "-chardev stdio,id=s -daemonize",
    "-qmp tcp:127.0.0.1:0,server,nowait,foo=1",
    "-qmp tcp:127.0.0.1:0,server,nowait,wait=x",
    "-qmp unix:server,nowait",
    "-chardev null,id=c,mux=on -mon c -mon c -mon c -mon c -mon c",
    "-chardev null,id=c,logfile=/nonexistent/x",
    "-chardev file,id=c,path=/dev/fdset/1",
    "-add-fd fd=0,set=1",
    "-add-fd fd=77,set=1",
    "-add-fd set=1",
    "-add-fd fd=3",
    "-add-fd fd=x,set=1",
    "-add-fd foo=1",
    "-chardev help -qmp bogus",
    "-chardev help -chardev bogus,id=x",
    "-chardev bogus,id=x -chardev help",
    "-chardev null,help",
    "-chardev null,id=x,help",
    "-chardev ?",
    "-chardev null,id=1 -object bogus",
    "-pidfile /nonexistent/p",
    "-name a,foo=1",
    "-compat deprecated-input=foo",
    "-compat {",
    '-compat \'{"a": 1} {"b": 2}\'',
    "-chardev",
]


@pytest.mark.parametrize("words", START_ERRORS, ids=lambda words: words)
def test_start_errors(qemu: list[str], tmp_path: Path, words: str) -> None:
    (tmp_path / "plain").touch()
    found = []
    for program in (SERVE, qemu):
        argv = [*program, *BASE, *shlex.split(words.replace("@", str(tmp_path)))]
        done = subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE
        )
        name = "qmpeer serve" if program is SERVE else Path(qemu[0]).name
        said = [line.removeprefix(f"{name}: ") for line in done.stderr.splitlines()]
        found.append((done.returncode, done.stdout, said))
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
