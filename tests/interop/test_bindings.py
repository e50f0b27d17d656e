"""The binding of the installed QEMU in both clients, and clients that check their commands."""

import importlib
import json
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from qmpeer import Client, CommandError, Monitor
from qmpeer.bindings import UnknownBranch, encode
from qmpeer.codegen import bindings_text
from qmpeer.errors import ValidationError
from qmpeer.schema import introspection_hash
from qmpeer.sources import load_schema
from tests.client.faces import Face, Vm
from tests.interop.conftest import Server
from tests.patience import PATIENCE
from tests.qemu import BASE, QEMU

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def qemu_answer(program: Callable[[str], str]) -> Any:
    with Client.launch([program(QEMU), *BASE]) as vm:
        return vm.execute("query-qmp-schema")


@pytest.fixture(scope="module")
def q(qemu_answer: list[Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    """Generate and import the binding of the installed QEMU, from a saved answer."""
    directory = tmp_path_factory.mktemp("binding")
    saved = directory / "schema.json"
    saved.write_text(json.dumps(qemu_answer))
    (directory / "qemu_binding.py").write_text(bindings_text(load_schema(saved), source="QEMU"))
    sys.path.insert(0, str(directory))
    yield importlib.import_module("qemu_binding")
    sys.path.remove(str(directory))
    del sys.modules["qemu_binding"]


@pytest.fixture
def vm(face: Face, shared_qemu: Server) -> Iterator[Vm]:
    with face.connect(shared_qemu.address) as made:
        yield made


def test_it_is_for_this_server(vm: Vm, q: ModuleType, qemu_answer: list[Any]) -> None:
    assert introspection_hash(qemu_answer) == q.SCHEMA_HASH
    found = vm.check(q)
    assert not found
    assert str(found) == "no differences"


def test_queries(vm: Vm, q: ModuleType) -> None:
    status = vm.execute(q.query_status(), timeout=PATIENCE)
    assert (type(status).__name__, status.running, status.status) == ("StatusInfo", True, "running")
    assert status.extra == {}
    assert vm.execute(q.query_block()) == []


def test_a_union_goes_in_and_comes_out(vm: Vm, q: ModuleType) -> None:
    node = q.BlockdevAddArgumentsNullCo(node_name="n0", size=1 << 20, read_zeroes=True)
    assert node.driver == "null-co"
    vm.execute(q.blockdev_add(node), timeout=PATIENCE)
    top = q.BlockdevAddArgumentsRaw(node_name="top", file="n0", offset=0, size=4096)
    vm.execute(q.blockdev_add(top), timeout=PATIENCE)
    nodes = {node.node_name: node for node in vm.execute(q.query_named_block_nodes())}
    assert nodes["top"].drv == "raw"
    assert nodes["n0"].image.virtual_size == 1 << 20
    vm.execute(q.blockdev_del(node_name="top"))
    with pytest.raises(CommandError, match="top"):
        vm.execute(q.blockdev_del(node_name="top"))


def test_an_unknown_branch_is_sent_as_it_is(vm: Vm, q: ModuleType) -> None:
    node = q.UnknownBlockdevAddArguments(tag="null-aio", members={"node-name": "n0"})
    assert isinstance(node, UnknownBranch)
    vm.execute(q.blockdev_add(node), timeout=PATIENCE)
    assert [n.node_name for n in vm.execute(q.query_named_block_nodes())] == ["n0"]


def test_a_transaction(vm: Vm, q: ModuleType) -> None:
    vm.execute(q.blockdev_add(q.BlockdevAddArgumentsNullCo(node_name="n0", size=1 << 20)))
    bitmaps = [
        q.TransactionActionBlockDirtyBitmapAdd(
            data=q.BlockDirtyBitmapAddArguments(node="n0", name=name, granularity=65536)
        )
        for name in ("a", "b")
    ]
    command = q.transaction(actions=bitmaps)
    assert command.arguments["actions"][0]["type"] == "block-dirty-bitmap-add"
    vm.execute(command, timeout=PATIENCE)
    (node,) = vm.execute(q.query_named_block_nodes())
    assert sorted(bitmap.name for bitmap in node.dirty_bitmaps) == ["a", "b"]


def test_an_event_with_data(vm: Vm, q: ModuleType) -> None:
    mark = vm.event_mark()
    with_data = vm.events(q.RESET)
    vm.execute(q.stop(), timeout=PATIENCE)
    vm.execute(q.system_reset(), timeout=PATIENCE)
    assert vm.wait_event(q.STOP, since=mark, timeout=PATIENCE).data.extra == {}
    reset = with_data.next(PATIENCE)
    assert (reset.data.guest, reset.data.reason) == (False, "host-qmp-system-reset")
    assert reset.timestamp.seconds > 0


def test_all_that_it_says_of_itself_is_kept(vm: Vm, q: ModuleType) -> None:
    for name in (
        "query-qmp-schema",
        "query-machines",
        "query-command-line-options",
        "query-version",
    ):
        plain = vm.execute(name)
        typed = vm.execute(getattr(q, name.replace("-", "_"))())
        assert encode(typed) == plain


REFUSED: list[tuple[str, Any]] = [
    ("query-statu", None),
    ("query-status", {"x": 1}),
    ("set-action", {"reboot": "bogus"}),
    ("set-action", {"reboot": 1}),
    ("human-monitor-command", {}),
    ("human-monitor-command", {"command-line": 1}),
    ("human-monitor-command", {"command-line": "", "cpu-index": 1.5}),
    ("blockdev-add", {"driver": "nope"}),
    ("blockdev-add", {"driver": "null-co", "size": "1"}),
    ("blockdev-add", {"driver": "raw", "node-name": "n", "file": {"driver": "null-co", "x": 0}}),
    ("blockdev-add", {"driver": "qcow2", "file": 3}),
    ("transaction", {"actions": [{"type": "abort", "data": {}}, {"data": {}}]}),
]
TAKEN: list[tuple[str, Any]] = [
    ("query-status", None),
    ("query-status", {}),
    ("set-action", {"reboot": "shutdown"}),
    ("blockdev-add", {"driver": "null-co", "node-name": "n1", "latency-ns": -1}),
    ("blockdev-add", {"driver": "null-co", "node-name": "n2", "cache": {"direct": True}}),
    ("migrate-set-parameters", {"max-bandwidth": 1 << 40}),
    ("migrate-set-parameters", {"multifd-zlib-level": 256}),  # introspection has no 8-bit type
    ("qom-set", {"path": "/nowhere", "property": "x", "value": [None]}),
]


def test_strict_refuses_what_the_server_refuses(face: Face, shared_qemu: Server) -> None:
    with face.connect(shared_qemu.address) as lax, warnings.catch_warnings():
        outcomes = [outcome(lax, *call) for call in REFUSED + TAKEN]
    with face.connect(shared_qemu.address, strict=True) as strict:
        for call, expected in zip(REFUSED, outcomes, strict=False):
            with pytest.raises(ValidationError) as caught:
                strict.execute(call[0], call[1])
            assert caught.value.desc == expected
        for call in TAKEN:
            try:
                strict.execute(*call, timeout=PATIENCE)
            except CommandError:
                pass  # checked by the command itself


def outcome(vm: Vm, command: str, arguments: Any) -> str:
    try:
        vm.execute(command, arguments, timeout=PATIENCE)
    except CommandError as error:
        return error.desc
    return ""


def test_strict_warns_once_of_what_is_deprecated(face: Face, shared_qemu: Server) -> None:
    with face.connect(shared_qemu.address, strict=True) as strict:
        with pytest.warns(DeprecationWarning, match="command drive-backup is deprecated"):
            outcome(strict, "drive-backup", {"device": "d", "target": "t", "sync": "full"})
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            outcome(strict, "drive-backup", {"device": "d", "target": "t", "sync": "full"})


def test_strict_needs_a_server_that_knows_its_schema(face: Face, tmp_path: Path) -> None:
    monitor = Monitor()
    address = f"unix:{tmp_path / 'q'}"
    monitor.start(address, many=True)
    try:
        with face.connect(address, strict=False) as vm:
            if "query-qmp-schema" in [c["name"] for c in vm.execute("query-commands")]:
                pytest.skip("this monitor knows its schema")
        with pytest.raises(CommandError, match="strict=True asks the server for its schema"):
            face.connect(address, strict=True)
    finally:
        monitor.stop()
