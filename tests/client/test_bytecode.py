"""The bytecode of the blocking client's blocks: no signal can bypass a clean-up.

If a loop's body ends with an `if`, CPython 3.13 omits the backward jump from the table of exception
handlers. An exception that a signal handler raises there leaves a `with` or `try` without its
clean-up, and a lock taken for ever. A loop in a function of its own isn't affected.
"""

import ast
import dis
import inspect
from collections.abc import Iterator
from types import CodeType, ModuleType

import pytest

import qmpeer.client.blocking.agent_contact
import qmpeer.client.blocking.agent_files
import qmpeer.client.blocking.channel
import qmpeer.client.blocking.client
import qmpeer.client.blocking.guest_agent
import qmpeer.client.blocking.job_run
import qmpeer.client.blocking.primitives
import qmpeer.client.blocking.reconnecting_channel
import qmpeer.client.blocking.subscription
import qmpeer.client.events
import qmpeer.transport.filtered_socket

MODULES = [
    qmpeer.client.blocking.agent_contact,
    qmpeer.client.blocking.agent_files,
    qmpeer.client.blocking.channel,
    qmpeer.client.blocking.client,
    qmpeer.client.blocking.primitives,
    qmpeer.client.blocking.guest_agent,
    qmpeer.client.blocking.job_run,
    qmpeer.client.blocking.reconnecting_channel,
    qmpeer.client.blocking.subscription,
    qmpeer.client.events,
    qmpeer.transport.filtered_socket,
]


def code_objects(code: CodeType) -> Iterator[CodeType]:
    if not code.co_name.startswith("<"):  # the loop of a comprehension has a frame of its own
        yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from code_objects(constant)


def protected_lines(tree: ast.AST) -> set[int]:
    """Return the lines in the bodies of `with` and of `try` with a clean-up."""
    lines: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.With) or (isinstance(node, ast.Try) and node.finalbody):
            for each in node.body:
                lines |= {*range(each.lineno, (each.end_lineno or each.lineno) + 1)}
    return lines


def unprotected_jumps(source: str, code: CodeType) -> list[int]:
    """Return the lines of backward jumps that are in such a body but not in its table."""
    lines = protected_lines(ast.parse(source))
    found = []
    for each in code_objects(code):
        bytecode = dis.Bytecode(each)
        ranges = [(entry.start, entry.end) for entry in bytecode.exception_entries]  # type: ignore[attr-defined]
        for instruction in bytecode:
            line = instruction.positions and instruction.positions.lineno
            if (
                "JUMP_BACKWARD" in instruction.opname
                and line in lines
                and not any(start <= instruction.offset < end for start, end in ranges)
            ):
                found.append(line)
    return found


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_no_jump_passes_a_clean_up_by(module: ModuleType) -> None:
    source = inspect.getsource(module)
    assert unprotected_jumps(source, compile(source, module.__name__, "exec")) == []
