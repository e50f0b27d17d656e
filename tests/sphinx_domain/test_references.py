"""References: roles, decorated types, namespaces, and names that nobody describes."""

import re

import pytest

from tests.sphinx_domain.conftest import Build

OBJECTS = (
    """
.. qapi:namespace:: QMP
.. qapi:module:: run-state
.. qapi:command:: stop
.. qapi:event:: STOP
.. qapi:enum:: RunState
.. qapi:object:: StatusInfo
.. qapi:alternate:: StrOrNull
.. qapi:command:: __com.example_go
.. qapi:namespace:: QGA
.. qapi:module:: misc
.. qapi:command:: stop
.. qapi:namespace:: QMP
.. qapi:module:: run-state
""".replace("\n", "\n\n").rstrip()
    + "\n   :no-index:\n\n"
)

LINK = re.compile(r'<a class="reference internal" href="#([^"]*)"[^>]*>(.*?)</a>')


def shown(html: str) -> tuple[list[tuple[str, str]], str]:
    """Return the targets and texts of the last paragraph's links, and the paragraph's text."""
    paragraph = re.findall(r"<p>(.*?)</p>", html, re.DOTALL)[-1]
    links = [(at, re.sub("<.*?>", "", text)) for at, text in LINK.findall(paragraph)]
    return links, re.sub("<.*?>", "", paragraph)


ROLES = [
    (":qapi:mod:`run-state`", "qapi-QMP-module-run-state", "run-state"),
    (":qapi:cmd:`stop`", "qapi-QMP-stop", "stop"),
    (":qapi:event:`STOP`", "qapi-QMP-STOP", "STOP"),
    (":qapi:enum:`RunState`", "qapi-QMP-RunState", "RunState"),
    (":qapi:obj:`StatusInfo`", "qapi-QMP-StatusInfo", "StatusInfo"),
    (":qapi:alt:`StrOrNull`", "qapi-QMP-StrOrNull", "StrOrNull"),
    (":qapi:type:`RunState`", "qapi-QMP-RunState", "RunState"),
    (":qapi:any:`STOP`", "qapi-QMP-STOP", "STOP"),
    (":any:`StatusInfo`", "qapi-QMP-StatusInfo", "StatusInfo"),
    (":qapi:cmd:`QGA:stop`", "qapi-QGA-stop", "QGA:stop"),
    (":qapi:cmd:`~QGA:stop`", "qapi-QGA-stop", "stop"),
    (":qapi:cmd:`misc.stop`", "qapi-QGA-stop", "misc.stop"),
    (":qapi:cmd:`~QGA:misc.stop`", "qapi-QGA-stop", "stop"),
    (":qapi:cmd:`halt <QGA:stop>`", "qapi-QGA-stop", "halt"),
    (":qapi:cmd:`halt <~QGA:stop>`", "qapi-QGA-stop", "halt"),
    (":qapi:cmd:`__com.example_go`", "qapi-QMP-__com.example_go", "__com.example_go"),
]


def test_roles(build: Build) -> None:
    project = build(OBJECTS + " ".join(text for text, _, _ in ROLES))
    assert project.warnings == []
    links, _ = shown(project.html("index"))
    assert links == [(target, text) for _, target, text in ROLES]


def test_decorated_types(build: Build) -> None:
    project = build(
        OBJECTS + ":qapi:type:`[RunState]` :qapi:type:`RunState?` :qapi:type:`[[RunState]]?`"
        " :qapi:type:`[string]?` :qapi:type:`uint8`"
    )
    assert project.warnings == []
    links, text = shown(project.html("index"))
    assert links == 3 * [("qapi-QMP-RunState", "RunState")]
    assert text == ("[RunState] RunState, optional [[RunState]], optional [string], optional uint8")


@pytest.mark.parametrize(
    ("role", "what"),
    [
        ("mod", "a QAPI module"),
        ("cmd", "a command"),
        ("event", "an event"),
        ("enum", "an enum"),
        ("obj", "an object type"),
        ("alt", "an alternate"),
        ("type", "a type"),
        ("any", "a command, event or type"),
    ],
)
def test_a_name_that_nobody_describes(role: str, what: str, build: Build) -> None:
    project = build(f".. qapi:command:: go\n\n:qapi:{role}:`gone`", "dummy", nitpicky=False)
    assert project.warnings == [f"index.rst:6: WARNING: no page describes {what} gone [ref.{role}]"]


@pytest.mark.parametrize("role", ["event", "type", "mod"])
def test_a_name_of_another_kind(role: str, build: Build) -> None:
    (warning,) = build(OBJECTS + f":qapi:{role}:`stop`", "dummy").warnings
    assert warning.endswith(f" stop [ref.{role}]")


def test_a_name_that_may_be_several(build: Build) -> None:
    text = OBJECTS + ".. qapi:namespace:: third\n\n:qapi:cmd:`stop` :any:`stop`"
    first, second = build(text, "dummy").warnings
    assert first.endswith("stop may be any of several, in index, index [ref.qapi]")
    assert "more than one target found for 'any' cross-reference 'stop'" in second
