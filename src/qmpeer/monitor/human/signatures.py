"""The arguments of a human command, as its handler's signature defines them.

===============================  ===========================================================
annotation                       on the line
===============================  ===========================================================
``str``                          a word
``int``                          an expression
``float``                        a number, optionally followed by ``ms``, ``us`` or ``ns``
``bool``, False by default       a flag: its name's first letter
``bool``                         ``on`` or ``off``
``Literal["a", "b"]``, an Enum   one of these words
the annotations of this module   see there
===============================  ===========================================================

A parameter with a default is optional at the end of the line. A parameter annotated `Context` or
`HumanContext` receives the command's context.
"""

import enum
import inspect
from collections.abc import Callable, Sequence
from functools import partial
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, TypeAlias, Union, get_args, get_origin

import msgspec

from qmpeer.effects.human_arguments import HumanArgument, parse_letters
from qmpeer.effects.human_formats import Format
from qmpeer.errors import CommandError
from qmpeer.messages import qemu_texts
from qmpeer.monitor.backend import Context
from qmpeer.monitor.handlers.type_hints import function_hints
from qmpeer.monitor.human.context import HumanContext


class Letter(msgspec.Struct, frozen=True):
    """QEMU's letter for the type of an argument: ``Annotated[str, Letter("F")]``.

    A flag whose letter isn't the first of its name is ``Annotated[bool, Letter("-x")]``.
    """

    letter: str


FileName: TypeAlias = Annotated[str, Letter("F")]
"""A file's name, with completion."""
BlockDevice: TypeAlias = Annotated[str, Letter("B")]
"""A block device's name, with completion."""
RestOfLine: TypeAlias = Annotated[str, Letter("S")]
"""The rest of the line, with unchanged blanks and quotes."""
Mebibytes: TypeAlias = Annotated[int, Letter("M")]
"""An expression in MiB; passed in bytes."""
SizeInBytes: TypeAlias = Annotated[int, Letter("o")]
"""A size such as 1.5G, in MiB without a suffix; passed in bytes."""
OnOff: TypeAlias = Annotated[bool, Letter("b")]
"""``on`` or ``off``, even if the parameter has a default."""

_LETTERS: Final[dict[object, str]] = {str: "s", int: "l", float: "T", bool: "b", Format: "/"}


class Signature(msgspec.Struct, frozen=True):
    """A handler's signature, compiled.

    Attributes:
        arguments: The arguments.
        context_name: The parameter that receives the context.
        conversions: The conversions of words to the parameters' types, by parameter name.
    """

    arguments: tuple[HumanArgument, ...]
    context_name: str | None
    conversions: dict[str, Callable[[str], Any]]


def read_signature(function: Callable[..., object]) -> Signature:
    """Read a handler's signature.

    Raises:
        TypeError: If a line can't hold a parameter.

    Example:
        >>> def eject(device: str, force: bool = False) -> str: ...
        >>> [argument.letter for argument in read_signature(eject).arguments]
        ['-', 's']
    """
    hints = function_hints(function)
    arguments: list[HumanArgument] = []
    conversions: dict[str, Callable[[str], Any]] = {}
    context_name = None
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise TypeError(f"{name!r}: a line can't hold any number of arguments")
        hint = hints.get(name, str)
        if hint in (Context, HumanContext):
            context_name = name
            continue
        argument, conversion = _argument(name, hint, parameter.default)
        arguments.append(argument)
        if conversion is not None:
            conversions[name] = conversion
    flags = [argument for argument in arguments if argument.letter == "-"]
    if len({argument.flag for argument in flags}) < len(flags):
        raise TypeError(f"two flags of {function.__qualname__} begin with the same letter")
    arguments.sort(key=lambda argument: argument.letter != "-")  # flags are first on a line
    return Signature(tuple(arguments), context_name, conversions)


def context_name_of(function: Callable[..., object]) -> str | None:
    """Return the name of the parameter that receives the context, or None."""
    hints = function_hints(function).items()
    return next((name for name, hint in hints if hint in (Context, HumanContext)), None)


def _argument(
    name: str, hint: Any, default: object
) -> tuple[HumanArgument, Callable[[str], Any] | None]:
    is_optional = default is not inspect.Parameter.empty
    if get_origin(hint) in (Union, UnionType):
        # X | None is an optional X.
        others = [arg for arg in get_args(hint) if arg is not NoneType]
        hint = others[0] if len(others) == 1 else hint
    if get_origin(hint) is Annotated:
        base, *metadata = get_args(hint)
        letters = [item.letter for item in metadata if isinstance(item, Letter)]
        if letters:
            (argument,) = parse_letters(f"{name}:{letters[0]}")
            has_mark = is_optional and argument.letter not in "-/"
            return argument._replace(mark="?" * has_mark), None
        hint = base
    if hint is bool and default is False:
        return HumanArgument(name, "-", "", name[0]), None
    if hint in _LETTERS:
        letter = _LETTERS[hint]
        return HumanArgument(name, letter, "?" * (is_optional and letter != "/")), None
    conversion = _choice(name, hint)
    if conversion is None:
        raise TypeError(f"{name!r}: {hint!r} is not a type that a line can hold")
    return HumanArgument(name, "s", "?" * is_optional), conversion


def _choice(name: str, hint: Any) -> Callable[[str], Any] | None:
    """Return the conversion for a Literal or an Enum, or None for another annotation."""
    if get_origin(hint) is Literal:
        choices: dict[object, Any] = {value: value for value in get_args(hint)}
    elif isinstance(hint, type) and issubclass(hint, enum.Enum):
        choices = {item.value: item for item in hint}
    else:
        return None
    if not all(isinstance(choice, str) for choice in choices):
        raise TypeError(f"{name!r}: the values of {hint!r} are not strings")
    return partial(_choose, name, choices)


def _choose(name: str, choices: dict[object, Any], word: str) -> Any:
    if word not in choices:
        desc = qemu_texts.not_accepted(name, word)
        raise CommandError("GenericError", desc)
    return choices[word]


def params_of(arguments: Sequence[HumanArgument]) -> str:
    """Format arguments for people, as QEMU does.

    Example:
        >>> from qmpeer.effects.human_arguments import parse_letters
        >>> params_of(parse_letters("force:-f,device:B,size:o?"))
        '[-f] device [size]'
    """
    return " ".join(map(_param, arguments))


def _param(argument: HumanArgument) -> str:
    if argument.letter == "-":
        return (
            f"[-{argument.flag} {argument.name}]" if argument.takes_word else f"[-{argument.flag}]"
        )
    name = "/fmt" if argument.letter == "/" else argument.name
    if argument.letter == "b":
        name = f"{name} on|off" if not argument.mark else f"{name}=on|off"
    return f"[{name}]" if argument.mark or argument.letter == "O" else name
