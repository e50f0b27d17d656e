"""The ready behaviours of a script in TOML: a table for each, with the options of its method."""

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from qmpeer.script.agent_behaviour import Agent, Program
from qmpeer.script.behaviours import Behaviour, Host
from qmpeer.script.hotplug_behaviour import Hotplug
from qmpeer.script.job_behaviour import Jobs
from qmpeer.script.machine_behaviour import RunningMachine
from qmpeer.script.migration_behaviour import Migration
from qmpeer.script.screen_behaviour import Screen
from qmpeer.script.toml_items import Item

_Read: TypeAlias = Callable[[Item], Any]

_MOST: Final = 1 << 62


def _text(item: Item) -> str:
    return item.text()


def _seconds(item: Item) -> float:
    return item.seconds()


def _one_of(*choice: str) -> _Read:
    return lambda item: item.text(*choice)


def _number(item: Item) -> int:
    return item.integer(1, _MOST)


def _seconds_or_never(item: Item) -> float | None:
    return None if item.value is False else item.seconds()


def _numbers(count: int, least: int, most: int) -> _Read:
    def read(item: Item) -> tuple[int, ...]:
        numbers = [each.integer(least, most) for each in item.array()]
        if len(numbers) != count:
            raise item.wrong(f"{count} numbers")
        return tuple(numbers)

    return read


def _texts(item: Item) -> dict[str, str]:
    return {key: each.text() for key, each in item.any_table().items()}


def _files(item: Item) -> dict[str, bytes]:
    return {path: text.encode() for path, text in _texts(item).items()}
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
from qmpeer.script.toml_items import Item

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
    given = item.table({"exit-code", "stdout", "stderr", "seconds"})
    return Program(
        exit_code=given["exit-code"].integer(0, 255) if "exit-code" in given else 0,
        stdout=given["stdout"].text().encode() if "stdout" in given else b"",
        stderr=given["stderr"].text().encode() if "stderr" in given else b"",
        seconds=given["seconds"].seconds() if "seconds" in given else 0.0,
    )


_KINDS: Final[dict[str, tuple[Callable[..., Behaviour], dict[str, _Read]]]] = {
    "running-machine": (RunningMachine, {"status": _text, "powerdown": _seconds_or_never}),
    "hotplug": (
        Hotplug,
        {
            "deleted": _one_of("before", "after", "never", "refused"),
            "seconds": _seconds,
            "devices": _texts,
        },
    ),
    "jobs": (Jobs, {"fault": _text, "seconds": _seconds, "steps": _number, "size": _number}),
    "migration": (
        Migration,
        {
            "end": _one_of("completed", "failed", "cancelled", "never"),
            "error": _text,
            "seconds": _seconds,
            "steps": _number,
            "size": _number,
        },
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
            "writes": _one_of("now", "late", "never"),
            "seconds": _seconds,
            "size": _numbers(2, 1, 10_000),
            "color": _numbers(3, 0, 255),
        },
    ),
    "guest-agent": (Agent, {"programs": _programs, "files": _files, "filesystems": _number}),
}
"""The behaviours, each with the readers of its options."""


def add_behaviours(host: Host, item: Item) -> None:
    """Add the behaviours of a table. A migration stops the running machine.

    Args:
        host: The server.
        item: The table: options by the names of behaviours.

    Raises:
        ScriptError: If there is no such behaviour or option.
    """
    given = item.table(_KINDS)
    machine: Behaviour | None = None
    for name, (kind, readers) in _KINDS.items():
        if name not in given:
            continue
        options = {
            option: readers[option](each) for option, each in given[name].table(readers).items()
        }
        if kind is Migration:
            options["machine"] = machine
        behaviour = kind(host, **options)
        machine = behaviour if kind is RunningMachine else machine
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
