"""The ready behaviours of a script in TOML: the tables of ``behaviours``, and their keys."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, TypeAlias, get_args

from qmpeer.errors import ScriptError
from qmpeer.machine.run_states import RunState
from qmpeer.script.agent_behaviour import Agent, Program
from qmpeer.script.behaviours import Behaviour, Host
from qmpeer.script.hotplug_behaviour import Deleted, Hotplug
from qmpeer.script.job_behaviour import Jobs
from qmpeer.script.machine_behaviour import RunningMachine
from qmpeer.script.migration_behaviour import Migration, MigrationEnd
from qmpeer.script.screen_behaviour import Screen, Writes
from qmpeer.toml.items import Item

_Read: TypeAlias = Callable[[Item], Any]
_MACHINE: Final = "running-machine"
_MIGRATION: Final = "migration"


def add_behaviours(host: Host, item: Item) -> None:
    """Add the table ``behaviours``: a table for each behaviour, with its settings.

    Raises:
        ScriptError: If it can't be.
    """
    machine: Behaviour | None = None
    tables = item.table(_BEHAVIOURS)
    for name, (make, readers) in _BEHAVIOURS.items():
        if (each := tables.get(name)) is None:
            continue
        settings = {key: readers[key](value) for key, value in each.table(readers).items()}
        if name == _MIGRATION and machine is not None:
            settings["machine"] = machine  # which stops when the migration completes
        try:
            made = make(host, **settings)
        except (ScriptError, ValueError) as error:
            raise each.refused(getattr(error, "reason", str(error))) from None
        machine = made if name == _MACHINE else machine


def _texts(item: Item) -> dict[str, str]:
    return {key: value.text() for key, value in item.any_table().items()}


def _files(item: Item) -> dict[str, bytes]:
    return {key: text.encode() for key, text in _texts(item).items()}


def _numbers(count: int, most: int, item: Item) -> tuple[int, ...]:
    numbers = tuple(each.integer(0, most) for each in item.array())
    if len(numbers) != count:
        raise item.wrong(f"{count} numbers")
    return numbers


def _powerdown(item: Item) -> float | None:
    """Return the seconds to the end of the guest; None for "never"."""
    if isinstance(item.value, str):
        item.text("never")
        return None
    return item.seconds()


def _programs(item: Item) -> dict[str, Program]:
    return {path: _program(each) for path, each in item.any_table().items()}


def _program(item: Item) -> Program:
    keys = item.table(_PROGRAM)
    return Program(**{key.replace("-", "_"): _PROGRAM[key](each) for key, each in keys.items()})


def _bytes(item: Item) -> bytes:
    return item.text().encode()


_PROGRAM: Final[Mapping[str, _Read]] = {
    "exit-code": partial(Item.integer, least=0, most=255),
    "stdout": _bytes,
    "stderr": _bytes,
    "seconds": Item.seconds,
}
_WORK: Final[Mapping[str, _Read]] = {
    "seconds": Item.seconds,
    "steps": partial(Item.integer, least=1),
    "size": partial(Item.integer, least=1),
}
_STATES: Final = tuple(state.value for state in RunState)


def _choice(words: tuple[str, ...]) -> _Read:
    return lambda item: item.text(*words)


_BEHAVIOURS: Final[Mapping[str, tuple[Callable[..., Behaviour], Mapping[str, _Read]]]] = {
    # The machine first: a migration stops it.
    _MACHINE: (RunningMachine, {"status": _choice(_STATES), "powerdown": _powerdown}),
    "hotplug": (
        Hotplug,
        {"deleted": _choice(get_args(Deleted)), "seconds": Item.seconds, "devices": _texts},
    ),
    "jobs": (Jobs, {"fault": Item.text, **_WORK}),
    _MIGRATION: (
        Migration,
        {"end": _choice(get_args(MigrationEnd)), "error": Item.text, **_WORK},
    ),
    "screen": (
        Screen,
        {
            "writes": _choice(get_args(Writes)),
            "seconds": Item.seconds,
            "size": partial(_numbers, 2, 16384),
            "color": partial(_numbers, 3, 255),
        },
    ),
    "guest-agent": (
        Agent,
        {"programs": _programs, "files": _files, "filesystems": Item.integer},
    ),
}
