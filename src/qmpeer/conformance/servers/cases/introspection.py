"""Cases about introspection: R45 to R48."""

from collections.abc import Iterator
from typing import Any, Final

from qmpeer.conformance.results import Level
from qmpeer.conformance.servers.table import Table
from qmpeer.conformance.servers.trial import Trial, check
from qmpeer.conformance.servers.verdicts import NotTried
from qmpeer.errors import QMPError
from qmpeer.schema import Validator, schema_from_introspection

CASES: Final = Table()
MUST, SHOULD, AS_QEMU = Level
_TRIED: Final = ("query-version", "query-commands", "query-name", "query-status")
"""Commands without effect whose results are compared with their types."""


@CASES.case("query-commands", "R48", SHOULD, "query-commands lists objects with a name")
def _(trial: Trial) -> None:
    listed = trial.value(trial.ready(), "query-commands")
    is_right = isinstance(listed, list) and all(
        isinstance(each, dict) and isinstance(each.get("name"), str) for each in listed
    )
    check(is_right, "an array of objects with a name", listed)
    names = {each["name"] for each in listed}
    check({"query-commands", "qmp_capabilities"} <= names, "itself and qmp_capabilities", "neither")


def _schema(trial: Trial) -> list[dict[str, Any]]:
    if trial.facts.schema is None:
        if "query-qmp-schema" in trial.facts.commands:
            check(False, "an array from query-qmp-schema", "none")
        raise NotTried("the server doesn't list the command query-qmp-schema")
    entities = trial.facts.schema
    wrong = next((each for each in entities if not _is_entity(each)), None)
    check(wrong is None, "objects with name, meta-type and arrays of objects", wrong)
    return entities


def _is_entity(value: object) -> bool:
    """Return True for what looks like an entity, so that the cases can read it."""
    if not isinstance(value, dict):
        return False
    parts = (value.get("members", []), value.get("variants", []))
    return all(isinstance(value.get(key), str) for key in ("name", "meta-type")) and all(
        isinstance(part, list) and all(isinstance(each, dict) for each in part) for part in parts
    )


@CASES.case("query-qmp-schema", "R45", SHOULD, "query-qmp-schema returns a schema that can be read")
def _(trial: Trial) -> None:
    try:
        schema_from_introspection(_schema(trial))
    except QMPError as error:
        check(False, "a schema", str(error).splitlines()[0])


@CASES.case("schema-has-all-types", "R45", SHOULD, "each type that the schema refers to is in it")
def _(trial: Trial) -> None:
    entities = _schema(trial)
    names = {each.get("name") for each in entities}
    missing = sorted({name for each in entities for name in _references(each)} - names)
    check(not missing, "all of them", f"no type {', '.join(missing[:3])}")


def _references(entity: dict[str, Any]) -> Iterator[str]:
    within = [entity, *entity.get("members", ()), *entity.get("variants", ())]
    for each in within:
        for key in ("arg-type", "ret-type", "element-type", "type"):
            if isinstance(each.get(key), str):
                yield each[key]


@CASES.case("schema-has-all-commands", "R45", SHOULD, "the schema has the commands that are listed")
def _(trial: Trial) -> None:
    described = {each["name"] for each in _schema(trial) if each.get("meta-type") == "command"}
    listed = set(trial.facts.commands)
    differ = sorted(described ^ listed)
    check(not differ, "the same commands in both", f"only in one: {', '.join(differ[:3])}")


@CASES.case("schema-order", "R45", AS_QEMU, "commands and events come before the types")
def _(trial: Trial) -> None:
    kinds = [each.get("meta-type") in ("command", "event") for each in _schema(trial)]
    check(kinds == sorted(kinds, reverse=True), "commands and events first", "a type before one")


@CASES.case("optional-members", "R47", SHOULD, "the default of an optional member is null")
def _(trial: Trial) -> None:
    for entity in _schema(trial):
        for member in entity.get("members", ()):
            if member.get("default") is not None:
                check(False, "null", f"{member['default']} for {member.get('name')}")


@CASES.case("results-fit-the-schema", "R45", SHOULD, "results have the types that the schema says")
def _(trial: Trial) -> None:
    try:
        validator = Validator(schema_from_introspection(_schema(trial)))
    except QMPError:
        raise NotTried("the schema can't be read") from None
    connection = trial.ready()
    for name in _TRIED:
        if name in trial.facts.commands:
            value = trial.value(connection, name)
            try:
                validator.check_return(name, value)
            except QMPError as error:
                check(False, f"a result of {name} of its type", str(error))


@CASES.case("order-of-query-commands", "R48", AS_QEMU,
            "query-commands has the reverse order of the schema")  # fmt: skip
def _(trial: Trial) -> None:
    described = [each["name"] for each in _schema(trial) if each.get("meta-type") == "command"]
    orders = [
        [name for name in names if name != "device_add"]  # QEMU lists it first
        for names in (trial.facts.commands, described[::-1])
    ]
    check(orders[0] == orders[1], "the reverse order", "another one")
