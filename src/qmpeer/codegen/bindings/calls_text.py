"""The Python text of a binding's command functions and event constants."""

from collections.abc import Iterator

from qmpeer.codegen.bindings.docstrings import docstring
from qmpeer.codegen.bindings.plan import CommandPlan, EventPlan
from qmpeer.codegen.bindings.types_text import literal, optional, wrapped
from qmpeer.schema import special_features

_INDENT = "    "


def command_lines(plan: CommandPlan) -> Iterator[str]:
    """Yield the lines of a command's function."""
    definition = plan.definition
    if "deprecated" in special_features(definition.features):
        yield f"@deprecated({literal(f'command {definition.name} is deprecated')})"
    yield from _signature(plan)
    fallback = f"Make the command {definition.name}."
    yield from docstring(
        plan.documentation, fallback, "Args", plan.arguments, definition.features, _INDENT
    )
    yield from _body(plan)


def _signature(plan: CommandPlan) -> Iterator[str]:
    after = f") -> Command[{plan.returns}]:"
    if plan.union:
        yield f"def {plan.name}(arguments: {plan.union}, /{after}"
        return
    parameters = [f"{a.name}: {optional(a)}" for a in plan.arguments]
    parameters.append("extra: dict[str, Any] | None = None")
    yield from wrapped(f"def {plan.name}(", ["*", *parameters], after)


def _body(plan: CommandPlan) -> Iterator[str]:
    name = literal(plan.definition.name)
    if plan.union:
        yield f"{_INDENT}return union_command({name}, arguments, {plan.returns})"
        return
    deprecated = [a.wire for a in plan.arguments if "deprecated" in special_features(a.features)]
    marked = "".join(f", {literal(wire)}" for wire in deprecated)
    # Only deprecated arguments are listed: the function warns about those that are set.
    last = f", ({marked[2:]},)" if deprecated else ""
    if not plan.arguments:
        yield f"{_INDENT}return command({name}, {{}}, {plan.returns}, extra)"
        return
    yield f"{_INDENT}arguments: dict[str, Any] = {{"
    for attribute in plan.arguments:
        yield f"{_INDENT}    {literal(attribute.wire)}: {attribute.name},"
    yield f"{_INDENT}}}"
    yield f"{_INDENT}return command({name}, arguments, {plan.returns}, extra{last})"


def event_lines(plan: EventPlan) -> Iterator[str]:
    """Yield the lines of an event's constant."""
    definition = plan.definition
    name = literal(definition.name)
    yield f"{plan.name}: Final[EventType[{plan.data}]] = event_type({name}, {plan.data})"
    yield from docstring(
        definition.documentation, f"The event {definition.name}.", "", (), definition.features, ""
    )
