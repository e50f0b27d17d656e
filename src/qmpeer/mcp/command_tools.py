"""Tools for the machine's own commands: to find them, to learn about them, to execute them."""

import re
from collections.abc import Sequence
from typing import Annotated, Any, Final, NamedTuple

from msgspec import Meta, field

from qmpeer import limits
from qmpeer.mcp.effect_words import only_reads
from qmpeer.mcp.interface import Interface
from qmpeer.mcp.tools import DATA, AssistantTool, ToolArguments, Workplace
from qmpeer.proxy.event_terms import EventFilter
from qmpeer.values import JsonObject

PREFIX: Final = "qmp_"
"""The beginning of the name of each tool that is one command."""
_TOOL_NAME: Final = re.compile("[A-Za-z0-9_-]{1,64}")
"""The names that all hosts take."""


class SearchArguments(ToolArguments, frozen=True):
    """The arguments of "commands"."""

    search: Annotated[
        str, Meta(description='Words that the name, the text or the effects contain: "block", '
                  '"reads". Without it, all commands.')
    ] = ""  # fmt: skip


async def _commands(workplace: Workplace, arguments: SearchArguments) -> object:
    interface = await workplace.machine.interface()
    found = list(interface.search(arguments.search))
    return {"found": len(found), "commands": found}


class DescribeArguments(ToolArguments, frozen=True):
    """The arguments of "describe"."""

    name: Annotated[str, Meta(description="The name of a command, of an event, or of a type that "
                              "another description names.")]  # fmt: skip


async def _describe(workplace: Workplace, arguments: DescribeArguments) -> object:
    interface = await workplace.machine.interface()
    found = interface.describe(arguments.name)
    if found is None:
        raise ValueError(f"found {arguments.name!r}, expected a command, an event or a type that "
                         "the policy shows")  # fmt: skip
    return found


class ExecuteArguments(ToolArguments, frozen=True):
    """The arguments of "execute"."""

    command: Annotated[str, Meta(description="The name of the command.")]
    arguments: Annotated[
        dict[str, Any], Meta(description='Its arguments, as "describe" says them.')
    ] = field(default_factory=dict)


async def _execute(workplace: Workplace, arguments: ExecuteArguments) -> object:
    return await workplace.machine.execute(arguments.command, arguments.arguments)


class HumanArguments(ToolArguments, frozen=True):
    """The arguments of "human_monitor"."""

    line: Annotated[str, Meta(description='The line, such as "info registers".')]


async def _human(workplace: Workplace, arguments: HumanArguments) -> object:
    line: JsonObject = {"command-line": arguments.line}
    return await workplace.machine.execute("human-monitor-command", line)


class MoreArguments(ToolArguments, frozen=True):
    """The arguments of "more"."""

    result: Annotated[str, Meta(description="The name of the result.")]
    offset: Annotated[int, Meta(ge=0, description="The first character to return.")]


async def _more(workplace: Workplace, arguments: MoreArguments) -> object:
    return workplace.results.part(arguments.result, arguments.offset)


TOOLS: Final = (
    AssistantTool(
        name="commands",
        title="List of commands",
        about="Find commands of the machine (QMP) that you may use, with their effects.",
        run=_commands,
        arguments=SearchArguments,
        is_guest_text=False,
    ),
    AssistantTool(
        name="describe",
        title="Description of a command",
        about="Return the JSON Schema of a command's arguments and of what it returns, its effects "
        "and its text; or those of an event or a type.",
        run=_describe,
        arguments=DescribeArguments,
        is_guest_text=False,
    ),
    AssistantTool(
        name="execute",
        title="Execute a command",
        about='Execute a command of the machine (QMP) that no other tool covers. "commands" finds '
        'it, "describe" says its arguments. A policy decides; an error says which rule refused.',
        run=_execute,
        arguments=ExecuteArguments,
        only_reads=False,
    ),
    AssistantTool(
        name="human_monitor",
        title="Human monitor",
        about="Execute a line of the human monitor, for what has no command. A policy decides on "
        "each line.",
        run=_human,
        arguments=HumanArguments,
        commands=("human-monitor-command",),
        only_reads=False,
    ),
    AssistantTool(
        name="more",
        title="The rest of a result",
        about="Return a further part of a result that was too large.",
        run=_more,
        arguments=MoreArguments,
    ),
)


# A tool for each command


class CommandTool(NamedTuple):
    """A tool that is one command.

    Attributes:
        name: Its name.
        command: The command.
        about: What it does, for the assistant.
        input_schema: The JSON Schema of its arguments.
        only_reads: True if it changes nothing.
    """

    name: str
    command: str
    about: str
    input_schema: JsonObject
    only_reads: bool


def command_tools(interface: Interface, choice: Sequence[str] | None) -> list[CommandTool]:
    """Return the tools that are one command each.

    Args:
        interface: The machine's commands.
        choice: The names of the commands, in which "*" stands for any text; None for all commands
            if they are at most `limits.MCP_TYPED_TOOLS`, and else for none.
    """
    names = interface.names
    if choice is not None:
        passes = EventFilter(choice).passes
        names = [name for name in names if passes(name)]
    elif len(names) > limits.MCP_TYPED_TOOLS:
        return []
    return [
        CommandTool(
            f"{PREFIX}{name}",
            name,
            f"{interface.summary(name) or f'Execute {name}.'} {DATA}",
            interface.tool_schema(name),
            only_reads(name),
        )
        for name in names
        if _TOOL_NAME.fullmatch(f"{PREFIX}{name}")  # others are left to "execute"
    ]
