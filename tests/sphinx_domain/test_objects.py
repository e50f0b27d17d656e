"""Described objects: names, namesakes, and what a reference finds."""

import pytest

from qmpeer.sphinx_domain.objects import (
    Context,
    DescribedObject,
    Objects,
    add,
    every,
    find,
    remove_page,
    twins,
)

COMMANDS = {"command"}


def command(
    name: str, namespace: str = "", module: str = "", docname: str = "p"
) -> DescribedObject:
    return DescribedObject(name, "command", docname, name, namespace, module)


def table(*described: DescribedObject) -> Objects:
    objects: Objects = {}
    for each in described:
        add(objects, each)
    return objects


QMP_STOP = command("stop", "QMP", "run-state")
QSD_STOP = command("stop", "QSD", "misc")
VENDORS = command("__com.example_stop", "QMP", "run-state")
ALL = table(QMP_STOP, QSD_STOP, VENDORS)


@pytest.mark.parametrize(
    ("target", "context", "found"),
    [
        ("stop", Context(), [QMP_STOP, QSD_STOP]),
        ("stop", Context("QSD"), [QSD_STOP]),
        ("stop", Context("QGA"), [QMP_STOP, QSD_STOP]),
        ("stop", Context(module="run-state"), [QMP_STOP]),
        ("QMP:stop", Context("QSD"), [QMP_STOP]),
        ("run-state.stop", Context(), [QMP_STOP]),
        ("run-state.stop", Context("QSD"), [QMP_STOP]),
        ("QSD:run-state.stop", Context(), []),
        ("block.stop", Context(), []),
        ("go", Context(), []),
        ("__com.example_stop", Context(), [VENDORS]),
        ("QMP:run-state.__com.example_stop", Context(), [VENDORS]),
    ],
)
def test_what_a_reference_finds(
    target: str, context: Context, found: list[DescribedObject]
) -> None:
    assert find(ALL, target, COMMANDS, context) == found


def test_kinds_are_kept_apart() -> None:
    assert find(ALL, "stop", {"event"}, Context()) == []


def test_a_twin_has_the_same_namespace() -> None:
    again = command("stop", "QMP", "other", "q")
    assert list(twins(table(again, QSD_STOP, QMP_STOP))) == [(again, QMP_STOP)]


def test_a_module_is_no_twin_of_a_definition() -> None:
    first, second = (DescribedObject("yank", "module", page, "m") for page in "pq")
    assert list(twins(table(command("yank"), first))) == []
    assert list(twins(table(command("yank"), first, second))) == [(second, first)]


def test_a_page_is_forgotten() -> None:
    objects = table(command("a"), command("b", docname="q"), command("a", "QGA", docname="q"))
    remove_page(objects, "q")
    assert list(every(objects)) == [command("a")]
    remove_page(objects, "p")
    assert objects == {}


@pytest.mark.parametrize(
    ("described", "names"),
    [
        (command("a"), ()),
        (command("a", module="m"), ("m.a",)),
        (command("a", "N"), ("N:a",)),
        (command("a", "N", "m"), ("m.a", "N:a", "N:m.a")),
    ],
)
def test_full_names(described: DescribedObject, names: tuple[str, ...]) -> None:
    assert described.full_names == names
