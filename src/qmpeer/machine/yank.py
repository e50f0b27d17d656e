"""The arguments of yank: which connections to cut."""

from typing import Literal, cast

import msgspec

from qmpeer.machine.unions import branch_reader, read_members, union_reader
from qmpeer.monitor.readers import Member, list_reader
from qmpeer.values import JsonObject


class _Chardev(msgspec.Struct):
    type: Literal["chardev"]
    id: str


class _BlockNode(msgspec.Struct):
    type: Literal["block-node"]
    node_name: str


class _Migration(msgspec.Struct):
    type: Literal["migration"]


_INSTANCE = union_reader(
    "type",
    {
        "block-node": branch_reader(_BlockNode),
        "chardev": branch_reader(_Chardev),
        "migration": branch_reader(_Migration),
    },
)
_MEMBERS = [Member("instances", "instances", list_reader(_INSTANCE), is_optional=False)]


def read_yank_instances(arguments: JsonObject) -> list[str]:
    """Read the arguments of yank.

    Returns:
        The label of each character device; "" for an instance of another kind, of which there
        are none in this machine.

    Raises:
        CommandError: If the arguments describe no instances.
    """
    instances = cast(list[object], read_members(_MEMBERS, arguments)["instances"])
    return [item.id if isinstance(item, _Chardev) else "" for item in instances]
