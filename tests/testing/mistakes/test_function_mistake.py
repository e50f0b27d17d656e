"""A function of the script that raises an error."""

from contextlib import suppress

from qmpeer import Client, CommandError
from qmpeer.testing import Call, ScriptedServer
from qmpeer.values import JsonObject


def slot(call: Call) -> JsonObject:
    return {"slot": call.arguments["slot"]}


def test_function_mistake(qmp_server: ScriptedServer) -> None:
    qmp_server.on("device_add").call(slot)
    with Client.connect(qmp_server.address) as vm, suppress(CommandError):
        vm.execute("device_add", {"driver": "virtio-blk-pci"})
