"""The server of the Model Context Protocol: its list of tools, and their calls."""

import logging
from base64 import b64encode
from collections.abc import Sequence
from typing import Any, Final

import mcp_types as types
from mcp.server import Server
from mcp.server.context import ServerRequestContext

from qmpeer import __version__, limits
from qmpeer.display.pictures import Picture
from qmpeer.errors import CommandError, QMPError
from qmpeer.mcp import command_tools, guest_tools, machine_tools
from qmpeer.mcp.command_tools import PREFIX, CommandTool
from qmpeer.mcp.confirmation import ask_person
from qmpeer.mcp.effect_words import only_reads
from qmpeer.mcp.guarded_machine import GuardedMachine, MachineAbsentError
from qmpeer.mcp.guest_tools import png_of
from qmpeer.mcp.interface import Interface
from qmpeer.mcp.results import Results, result_text
from qmpeer.mcp.tools import DATA, AssistantTool, Workplace
from qmpeer.values import JsonObject

_log: Final = logging.getLogger("qmpeer.mcp")
_TOOLS: Final = {
    tool.name: tool for tool in (*machine_tools.TOOLS, *guest_tools.TOOLS, *command_tools.TOOLS)
}
_INSTRUCTIONS: Final = """\
These tools reach one virtual machine, by its QEMU monitor. A policy decides what you may do:
{policy}. Each command is recorded. Begin with "status". Commands that have no tool of their own are
found by "commands", explained by "describe", and executed by "execute". What the policy refuses is
an error that names the rule: it won't help to try it in another way. {data}"""

_HIDDEN: Final = (
    "The machine doesn't have it, or the policy hides it. "
    'The tool "commands" lists what you may use.'
)

Context = ServerRequestContext[Any, Any]
Answer = types.CallToolResult | types.InputRequiredResult


class AssistantServer:
    """A server for assistants, whose tools reach one machine.

    Args:
        machine: The machine, behind a policy.
        policy: The policy in a few words, for the assistant.
        commands: The commands that get a tool each: names, in which "*" stands for any text; None
            for all if they are few.
        confirms: Ask a person before each call that may change something, as far as the assistant's
            host lets that be asked. It is a courtesy: the host answers, and may do so by itself.

    Attributes:
        server: The SDK's server, for its transports.
    """

    def __init__(
        self,
        machine: GuardedMachine,
        *,
        policy: str,
        commands: Sequence[str] | None = None,
        confirms: bool = False,
    ) -> None:
        self._machine = machine
        self._workplace = Workplace(machine, Results(), policy)
        self._choice = commands
        self._confirms = confirms
        self.server: Server[Any] = Server(
            "qmpeer",
            version=__version__,
            title="QEMU machine",
            instructions=_INSTRUCTIONS.format(policy=policy, data=DATA),
            on_list_tools=self._list_tools,
            on_call_tool=self._call_tool,
        )

    # The list

    async def _list_tools(
        self, context: Context, params: types.PaginatedRequestParams | None
    ) -> types.ListToolsResult:
        try:
            interface: Interface | None = await self._machine.interface()
        except (MachineAbsentError, QMPError, OSError):
            interface = None  # the tools are listed all the same: the machine may come back
        tools = [
            _listed(tool)
            for tool in _TOOLS.values()
            if interface is None or not tool.commands or interface.has_any(*tool.commands)
        ]
        if interface is not None:
            typed = command_tools.command_tools(interface, self._choice)
            tools.extend(map(_listed_command, typed))
        return types.ListToolsResult(tools=tools)

    # Calls

    async def _call_tool(self, context: Context, params: types.CallToolRequestParams) -> Answer:
        name, arguments = params.name, params.arguments or {}
        tool = _TOOLS.get(name)
        if tool is None and not name.startswith(PREFIX):
            return _failed(f"There is no tool {name!r}.")
        try:
            if self._confirms and _may_change(name, arguments):
                refusal = await ask_person(context, params)
                if refusal is not None:
                    return _failed(refusal) if isinstance(refusal, str) else refusal
            if tool is None:  # also one that isn't listed: the proxy refuses and records it
                value = await self._machine.execute(name.removeprefix(PREFIX), arguments)
            else:
                value = await tool.call(self._workplace, arguments)
            return types.CallToolResult(content=[await self._content(value)])
        except (MachineAbsentError, QMPError, OSError, ValueError) as error:
            return _failed(result_text(_reason(error)))
        except Exception as error:
            _log.exception("an error of our own in the tool %s", name)
            return _failed(f"Internal error: {type(error).__name__}.")

    async def _content(self, value: object) -> types.TextContent | types.ImageContent:
        if isinstance(value, Picture):
            data = b64encode(await png_of(value)).decode()
            return types.ImageContent(data=data, mime_type="image/png")
        return types.TextContent(text=self._workplace.results.first_part(value))


def _may_change(name: str, arguments: JsonObject) -> bool:
    """Return True if a call may change something, as far as its name tells."""
    tool = _TOOLS.get(name)
    if tool is not None and name != "execute":
        return not tool.only_reads and arguments.get("action") != "list"
    command = arguments.get("command") if tool is not None else name.removeprefix(PREFIX)
    return not only_reads(str(command))


def _failed(text: str) -> types.CallToolResult:
    if len(text) > limits.MCP_ERROR:
        text = f"{text[: limits.MCP_ERROR]}…"
    return types.CallToolResult(content=[types.TextContent(text=text)], is_error=True)


def _reason(error: Exception) -> str:
    if isinstance(error, CommandError) and error.error_class == "CommandNotFound":
        return f"{error}. {_HIDDEN}"
    if isinstance(error, TimeoutError) and not str(error):
        return "The machine didn't answer in time."
    strerror = getattr(error, "strerror", None)
    return strerror or str(error) or type(error).__name__


def _listed(tool: AssistantTool) -> types.Tool:
    return types.Tool(
        name=tool.name,
        title=tool.title,
        description=tool.description,
        input_schema=dict(tool.input_schema),
        annotations=_annotations(tool.only_reads, tool.is_guest_text),
    )


def _listed_command(tool: CommandTool) -> types.Tool:
    return types.Tool(
        name=tool.name,
        title=tool.command,
        description=tool.about,
        input_schema=dict(tool.input_schema),
        annotations=_annotations(tool.only_reads, True),
    )


def _annotations(only_reads: bool, is_guest_text: bool) -> types.ToolAnnotations:
    # An open world: what a guest may have written.
    return types.ToolAnnotations(
        read_only_hint=only_reads,
        destructive_hint=not only_reads,
        open_world_hint=is_guest_text or not only_reads,
    )
