"""Expressions of the human monitor: integers of 64 bits with a sign, and registers.

From loose to tight: ``+ -``, then ``& | ^``, then ``* / %``, each from the left, then ``+ - ~``
before an operand, and parentheses. An operand is a number as in C (``0x1f``, ``017``, ``15``), a
character (``'a'``) or a register (``$pc``). Overflow wraps around, and division truncates.

The evaluation isn't recursive, so deep nesting can't exhaust the stack.

Spec: QEMU 7.2, measured; the texts of errors are QEMU's. [The lowest integer divided by -1 is
an error; QEMU crashes. An error shows a whole character; QEMU shows its first byte.]
"""

import re
from collections.abc import Callable
from typing import Final, TypeAlias

from qmpeer import limits
from qmpeer.effects.human_words import skip_blanks

Registers: TypeAlias = Callable[[str], int | None]
"""Returns a register's value by its name without the ``$``, or None for an unknown register."""

_LEVELS: Final = {"+": 1, "-": 1, "&": 2, "|": 2, "^": 2, "*": 3, "/": 3, "%": 3}
_NUMBER: Final = re.compile(r"0[xX]([0-9a-fA-F]+)|(0[0-7]*)|([1-9][0-9]*)")
_REGISTER: Final = re.compile(r"[A-Za-z0-9_.]*")
_LONGEST: Final = 24
"""More digits than a number of 64 bits has in any base, leading zeros not counted."""


class ExpressionError(ValueError):
    """A mistake in an expression; the text is QEMU's."""


def no_registers(name: str) -> int | None:
    """Return None for any name: there are no registers."""
    return None


def signed(value: int) -> int:
    """Return the integer of 64 bits with a sign that has the same lowest 64 bits."""
    return ((value + 0x8000_0000_0000_0000) & 0xFFFF_FFFF_FFFF_FFFF) - 0x8000_0000_0000_0000


def evaluate(text: str, position: int = 0, registers: Registers = no_registers) -> tuple[int, int]:
    """Evaluate the expression that begins at a position.

    Returns:
        Its value, and the position of the first character that doesn't belong to it.

    Raises:
        ExpressionError: If there is no valid expression.

    Example:
        >>> evaluate("6 & 3 + 1 and more")
        (3, 10)
    """
    values: list[int] = []  # left operands of the binary operators below
    operators: list[str] = []  # binary ones, "(", and "u-", "u+", "u~" for unary ones
    position = skip_blanks(text, position)
    last = position + limits.HUMAN_EXPRESSION
    while True:
        if position > last:
            raise ExpressionError("expression too long")
        sign = text[position : position + 1]
        if sign and sign in "+-~(":
            operators.append(sign if sign == "(" else "u" + sign)
            position = skip_blanks(text, position + 1)
            continue
        value, position = _operand(text, position, registers)
        while True:
            while operators and operators[-1][0] == "u":
                value = _apply_unary(operators.pop(), value)
            sign = text[position : position + 1]
            level = _LEVELS.get(sign, 0)
            # "(" has level 0, so the loop stops at it.
            while operators and _LEVELS.get(operators[-1], 0) >= max(level, 1):
                value = _apply(operators.pop(), values.pop(), value)
            if level:
                values.append(value)
                operators.append(sign)
            elif not operators:
                return value, position
            elif sign != ")":
                raise ExpressionError("')' expected")
            else:
                operators.pop()
            position = skip_blanks(text, position + 1)
            if level:
                break


def _operand(text: str, position: int, registers: Registers) -> tuple[int, int]:
    found = _NUMBER.match(text, position)
    if found is not None:
        value = _number(found)
        position = found.end()
    elif text.startswith("'", position):
        value, position = _character(text, position + 1)
    elif text.startswith("$", position):
        found = _REGISTER.match(text, position + 1)
        assert found is not None
        register = registers(found[0])
        if register is None:
            raise ExpressionError("unknown register")
        value, position = register, found.end()
    elif position == len(text):
        raise ExpressionError("unexpected end of expression")
    else:
        raise ExpressionError(f"invalid char '{text[position]}' in expression")
    return signed(value), skip_blanks(text, position)


def _number(found: re.Match[str]) -> int:
    digits, base = next(
        (group, base) for group, base in zip(found.groups(), (16, 8, 10), strict=True) if group
    )
    if len(digits.lstrip("0")) <= _LONGEST:
        value = int(digits.lstrip("0") or "0", base)
        if value < 1 << 64:
            return value
    raise ExpressionError("number too large")


def _character(text: str, position: int) -> tuple[int, int]:
    if position == len(text):
        raise ExpressionError("character constant expected")
    if text[position + 1 : position + 2] != "'" or not text[position].isascii():
        raise ExpressionError("missing terminating ' character")
    return ord(text[position]), position + 2


def _apply_unary(operator: str, value: int) -> int:
    if operator == "u-":
        return signed(-value)
    return ~value if operator == "u~" else value


def _apply(operator: str, left: int, right: int) -> int:
    match operator:
        case "+":
            value = left + right
        case "-":
            value = left - right
        case "*":
            value = left * right
        case "&":
            value = left & right
        case "|":
            value = left | right
        case "^":
            value = left ^ right
        case _:
            if right == 0:
                raise ExpressionError("division by zero")
            if right == -1 and left == -1 << 63:
                raise ExpressionError("division overflows")
            quotient = abs(left) // abs(right)  # C truncates, Python rounds down
            if (left < 0) != (right < 0):
                quotient = -quotient
            value = quotient if operator == "/" else left - quotient * right
    return signed(value)
