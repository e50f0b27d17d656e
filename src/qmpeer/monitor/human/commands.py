"""The human commands of a monitor: their registration, their lookup and their execution.

Every monitor has ``help``, ``info``, ``info history`` and ``print``. Its program registers the
others.
"""

import inspect
import logging
import os
import threading
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from itertools import islice
from typing import Any, Final, TypeAlias

from qmpeer import limits
from qmpeer.effects.human_arguments import (
    ArgumentContext,
    ArgumentError,
    HumanArgument,
    parse_letters,
    read_arguments,
)
from qmpeer.effects.human_expressions import no_registers
from qmpeer.effects.human_formats import Format, FormatMemory
from qmpeer.effects.human_words import BLANKS
from qmpeer.messages import CommandMessage, redact_human_line
from qmpeer.monitor.backend import Context
from qmpeer.monitor.handlers.type_hints import wire_name
from qmpeer.monitor.human.completion import NamesFor, complete, file_names
from qmpeer.monitor.human.context import HumanContext
from qmpeer.monitor.human.formats import format_value
from qmpeer.monitor.human.signatures import Signature, context_name_of, params_of, read_signature
from qmpeer.monitor.human.table import (
    NOTHING,
    CommandTable,
    Completions,
    HumanCommand,
    UnknownCommand,
    help_text,
)
from qmpeer.monitor.threads import ENDING, Blocking, Threads
from qmpeer.values import JsonValue

log: logging.Logger = logging.getLogger("qmpeer.monitor")
CommandOutput: TypeAlias = str | Awaitable[str] | Blocking
"""A command's printed text, an awaitable of it, or the work in a thread that returns it."""
LINE: Final = "command-line"
"""The argument that holds the line, as in QMP's human-monitor-command."""


class HumanCommands:
    r"""A monitor's human commands, and the executor of its lines.

    Args:
        threads: Runs the handlers that don't run on the loop.

    Attributes:
        registers: Returns the value of a register by its name, for expressions, or None for an
            unknown name.
        kinds: Functions that return names for completion, by an argument's letter: ``F`` for files,
            ``B`` for block devices. They run at a key press, so they must be quick.

    Example:
        >>> from qmpeer import Monitor
        >>> monitor = Monitor()
        >>> monitor.human.registers = lambda name, context: {"pc": 0x7C00}.get(name)
        >>> monitor.run_human("print $pc + 1")
        '0x7c01\r\n'
        >>> monitor.human.kinds["B"] = lambda prefix: ["cd0", "disk0", "disk1"]
        >>> _ = monitor.human_command("eject", args="device:B")(lambda device: None)
        >>> monitor.human.complete("eject d")
        Completions(typed=1, names=['disk0', 'disk1'])
    """

    def __init__(self, threads: Threads) -> None:
        self._threads = threads
        self._table = CommandTable()
        self._later: list[Callable[[], None]] = []
        # Reentrant: a registration that needs the table itself gets an error, not a deadlock.
        self._registering = threading.RLock()
        self.registers: Callable[[str, HumanContext], int | None] | None = None
        self.kinds: dict[str, NamesFor] = {"F": _files}
        self._formats = FormatMemory()
        self._add_generic()

    # Registering

    def later(self, register: Callable[[], None]) -> None:
        """Delay the registration of commands until a command is needed, for a quicker start.

        Args:
            register: Calls ``monitor.human_command`` and the like. It is called once, before a line
                is executed or a key is completed, in the same thread. If it raises, the line or the
                key fails, and it is called again for the next one.
        """
        self._later.append(register)

    @property
    def table(self) -> CommandTable:
        """The commands."""
        if self._later:
            with self._registering:
                while self._later:
                    self._later[0]()
                    # Removed only after success: a failed registration is tried again.
                    del self._later[0]
        return self._table

    def add(
        self,
        function: Callable[..., Any],
        name: str,
        *,
        args: str | None,
        params: str | None,
        help: str | None,
        blocking: bool = False,
        exclusive: bool = False,
        complete: Callable[..., Iterable[str] | Completions] | None = None,
        details: str | Callable[[], str] | None = None,
    ) -> None:
        """Register a handler; see `Monitor.human_command`."""
        if (blocking or exclusive) and inspect.iscoroutinefunction(function):
            kind = "exclusive" if exclusive else "blocking"
            raise ValueError(f"human command {name} can't be {kind} and also async")
        if args is None:
            signature = read_signature(function)
        else:
            signature = Signature(parse_letters(args), context_name_of(function), {})
        self._put(
            name,
            signature.arguments,
            function,
            params=params,
            help=_first_line(function) if help is None else help,
            complete=complete,
            is_blocking=blocking or exclusive,
            is_exclusive=exclusive,
            context_name=signature.context_name,
            defaults=_defaults(function, signature.arguments),
            conversions=signature.conversions,
            details=details,
        )

    def derive(
        self,
        command: str,
        handler: Callable[..., Any] | None,
        execute: Callable[[CommandMessage, Context], Any],
        name: str,
        *,
        args: str | None,
        params: str | None,
        help: str | None,
        show: Callable[[Any], str] | None,
        complete: Callable[..., Iterable[str] | Completions] | None,
    ) -> None:
        """Register a human command made of a QMP command; see `Monitor.human_from_qmp`.

        Args:
            command: The QMP command's name.
            handler: The QMP command's handler, or None if it isn't known.
            execute: Executes the QMP command.
            name: The human command's name.
        """
        if args is not None:
            arguments = parse_letters(args)
        elif handler is None:
            raise ValueError(
                f"found no handler of {command} to read its arguments from: pass args="
            )
        else:
            found = read_signature(handler).arguments
            arguments = tuple(part._replace(name=wire_name(part.name)) for part in found)
        if help is None:
            help = "" if handler is None else _first_line(handler)
        wire_names = {_python_name(argument.name): argument.name for argument in arguments}

        def run(context: Context, /, **values: JsonValue) -> Any:
            wire_values = {wire_names[key]: value for key, value in values.items()}
            return execute(CommandMessage(command, wire_values or None), context)

        self._put(
            name,
            arguments,
            run,
            params=params,
            help=help,
            complete=complete,
            is_quick=True,  # the QMP command's handler decides where it runs
            context_name="",
            show=show,
        )

    def _put(
        self,
        name: str,
        arguments: tuple[HumanArgument, ...],
        handler: Callable[..., Any],
        *,
        params: str | None = None,
        help: str = "",
        **more: Any,
    ) -> None:
        """Add a command, or a subcommand if its name has several words."""
        *parents, last = name.split()
        table = self._table
        for depth, parent in enumerate(parents, 1):
            command = table.find(parent)
            if command is None:
                topic = " ".join(parents[:depth])
                show_help = partial(self._help, topic)
                command = HumanCommand(
                    parent,
                    parse_letters("item:s?"),
                    "[subcommand]",
                    f"{parent} commands",
                    show_help,
                    CommandTable(),
                    is_quick=True,
                )
                table.add(command)
            if command.subcommands is None:
                raise ValueError(f"human command {parent} has no subcommands")
            table = command.subcommands
        params = params_of(arguments) if params is None else params
        table.add(HumanCommand(last, arguments, params, help, handler, **more))

    # Executing

    def execute(self, command: CommandMessage, context: Any) -> CommandOutput:
        """Execute the line that a session's command holds."""
        assert command.arguments is not None
        line = command.arguments[LINE]
        assert isinstance(line, str)
        if log.isEnabledFor(logging.DEBUG):
            log.debug("%s: < %s", context.peer, redact_human_line(line))
        return self.run(line, context)

    def run(self, line: str, context: HumanContext) -> CommandOutput:
        """Execute one line.

        Returns:
            The printed text, with LF at line ends; an awaitable of it; or a `Blocking` to call in a
            thread.

        Raises:
            CommandError: If the handler raises it. The awaitable and the `Blocking` may raise it,
                too.
        """
        try:
            found = self.table.resolve(line)
        except UnknownCommand as error:
            return f"{error}\n"
        if found is None:
            return ""
        command, start = found
        try:
            values = self._read(command, line, start, context)
        except ArgumentError as error:
            name = line[:start].rstrip(BLANKS)
            return f'{error}\nTry "help {name}" for more information\n'
        for key, convert in command.conversions.items():
            if key in values:
                values[key] = convert(values[key])
        handler = command.handler
        if command.context_name == "":
            handler = partial(handler, context)
        elif command.context_name is not None:
            values[command.context_name] = context
        runs_here = command.is_quick or inspect.iscoroutinefunction(command.handler)
        if command.is_blocking:
            return Blocking(partial(_call, command, handler, values), command.is_exclusive)
        if self._threads.is_for_all and not runs_here:  # one at a time, as on the loop
            return Blocking(partial(_call, command, handler, values), is_exclusive=True)
        value = handler(**values)
        # A command derived from a blocking QMP command.
        if isinstance(value, Blocking):
            return Blocking(partial(_call, command, value, {}), value.is_exclusive)
        if inspect.isawaitable(value):
            return _await(command, value)
        return command.text(value)

    def _read(
        self, command: HumanCommand, line: str, start: int, context: HumanContext
    ) -> dict[str, Any]:
        hook = self.registers
        registers = no_registers if hook is None else lambda name: hook(name, context)
        reading = ArgumentContext(command.name, registers, self._formats)
        values = read_arguments(command.arguments, line, start, reading)
        keywords = {_python_name(name): value for name, value in values.items()}
        return {**command.defaults, **keywords} if command.defaults else keywords

    def complete(self, text: str) -> Completions:
        """Return the completions of the text up to the cursor; none if a hook fails."""
        try:
            return complete(self.table, text, self.kinds)
        except ENDING:
            raise
        except BaseException:
            log.exception("the completion of a line failed")
            return NOTHING

    # The commands of every monitor

    def _add_generic(self) -> None:
        self._put(
            "help|?",
            parse_letters("name:S?"),
            self._help,
            params="[cmd]",
            help="show the help",
            is_quick=True,
            is_help=True,
        )
        self._put(
            "info",
            parse_letters("item:s?"),
            partial(self._help, "info"),
            params="[subcommand]",
            help="show various information about the system state",
            is_quick=True,
            subcommands=CommandTable(),
        )
        self._put(
            "info history",
            (),
            _show_history,
            help="show the command line history",
            is_quick=True,
            context_name="context",
        )
        self._put(
            "print|p",
            parse_letters("fmt:/,val:l"),
            _print,
            params="/fmt expr",
            help="print expression value (use $reg for CPU register access)",
            is_quick=True,
        )

    def _help(self, name: str | None = None, item: str | None = None) -> str:
        return help_text(self.table, name)


def _print(fmt: Format, val: int) -> str:
    return format_value(val, fmt.notation) + "\n"


def _show_history(context: HumanContext) -> str:
    if not context.is_interactive:
        return ""
    lines = (line.decode("utf-8", "surrogateescape") for line in context.state.history.lines())
    return "".join(f"{index}: '{line}'\n" for index, line in enumerate(lines))


def _call(command: HumanCommand, work: Callable[..., Any], values: dict[str, Any]) -> JsonValue:
    return command.text(work(**values))


async def _await(command: HumanCommand, value: Awaitable[Any]) -> str:
    return command.text(await value)


def _python_name(name: str) -> str:
    return name.replace("-", "_")


def _defaults(
    function: Callable[..., object], arguments: tuple[HumanArgument, ...]
) -> dict[str, Any]:
    """Return the values of missing optional arguments whose parameters have no default.

    Raises:
        TypeError: If the handler doesn't accept exactly these arguments.
    """
    signature = inspect.signature(function)
    needed = {
        _python_name(argument.name): False if argument.letter == "-" else None
        for argument in arguments
        if (argument.mark or argument.letter in "-O")
    }
    names = {_python_name(argument.name): None for argument in arguments}
    context_name = context_name_of(function)
    try:
        signature.bind(**names, **({} if context_name is None else {context_name: None}))
    except TypeError as error:
        raise TypeError(f"{getattr(function, '__qualname__', function)}: {error}") from None
    parameters = signature.parameters
    return {
        name: value
        for name, value in needed.items()
        if name in parameters and parameters[name].default is inspect.Parameter.empty
    }


def _first_line(function: Callable[..., object]) -> str:
    """Return a docstring's first sentence in the style of help: no capital, no full stop."""
    text = (inspect.getdoc(function) or "").partition("\n")[0].rstrip(".")
    return text if text[1:2].isupper() else text[:1].lower() + text[1:]


def _files(prefix: str) -> Iterable[str]:
    return file_names(prefix, _list_folder)


def _list_folder(path: str) -> Iterable[tuple[str, bool]]:
    try:
        with os.scandir(path) as entries:
            for entry in islice(entries, limits.HUMAN_FILES):
                yield entry.name, entry.is_dir()
    except OSError:  # an unreadable folder has no completions
        return
