"""Faults between a client and a server: a small language, and the engine that makes them happen.

`Faults` is a plan, built in Python or read from a text. `Injector` puts it into the connections of
a server of ours. `Engine` is the same without I/O, for any other connection.
"""

from typing import TYPE_CHECKING

from qmpeer.errors import FaultError
from qmpeer.faults.fault import Fault
from qmpeer.faults.fault_text import parse_fault, parse_faults
from qmpeer.faults.plan import Faults
from qmpeer.lazy import handed_out

if TYPE_CHECKING:
    from qmpeer.faults.actions import (
        Action,
        Asked,
        Close,
        Discard,
        EndOutput,
        Happened,
        PauseReading,
        ResumeReading,
        Send,
        ToProcess,
    )
    from qmpeer.faults.engine import Engine
    from qmpeer.faults.injector import ArmedFault, Connections, Injector
    from qmpeer.faults.process import ProcessFaults
    from qmpeer.faults.random_plans import random_faults

__all__ = [
    "Action",
    "ArmedFault",
    "Asked",
    "Close",
    "Connections",
    "Discard",
    "EndOutput",
    "Engine",
    "Fault",
    "FaultError",
    "Faults",
    "Happened",
    "Injector",
    "PauseReading",
    "ProcessFaults",
    "ResumeReading",
    "Send",
    "ToProcess",
    "parse_fault",
    "parse_faults",
    "random_faults",
]

_HOMES = {
    **dict.fromkeys(
        (
            "Action",
            "Asked",
            "Close",
            "Discard",
            "EndOutput",
            "Happened",
            "PauseReading",
            "ResumeReading",
            "Send",
            "ToProcess",
        ),
        "qmpeer.faults.actions",
    ),
    "Engine": "qmpeer.faults.engine",
    **dict.fromkeys(("ArmedFault", "Connections", "Injector"), "qmpeer.faults.injector"),
    "ProcessFaults": "qmpeer.faults.process",
    "random_faults": "qmpeer.faults.random_plans",
}


def __getattr__(name: str) -> object:
    return handed_out(__name__, _HOMES, name)
