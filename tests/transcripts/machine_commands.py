"""A table of a machine's commands without a machine, sufficient to check requests."""

from collections.abc import Callable, Mapping

from qmpeer.errors import CommandError
from qmpeer.messages import unexpected_member
from qmpeer.values import JsonObject, JsonValue

__all__ = ["COMMANDS", "OUT_OF_BAND"]


def _without_arguments(value: JsonValue) -> Callable[[JsonObject], JsonValue]:
    def answer(arguments: JsonObject) -> JsonValue:
        if arguments:
            name = unexpected_member(list(arguments), [])
            raise CommandError("GenericError", f"Parameter '{name}' is unexpected")
        return value

    return answer


def _migrate_pause(arguments: JsonObject) -> JsonValue:
    _without_arguments({})(arguments)
    desc = "migrate-pause is currently only supported during postcopy-active state"
    raise CommandError("GenericError", desc)


COMMANDS: Mapping[str, Callable[[JsonObject], JsonValue]] = {
    "query-name": _without_arguments({}),
    "query-uuid": _without_arguments({"UUID": "00000000-0000-0000-0000-000000000000"}),
    "query-yank": _without_arguments([{"type": "chardev", "id": "compat_monitor0"}]),
    "migrate-pause": _migrate_pause,
}
OUT_OF_BAND = ("migrate-pause", "query-yank")
