"""The domain of a whole project: inventory, search, indices, rebuilding, many processes.

Modules: domain, extension, indices.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from sphinx.util.inventory import InventoryFile

from tests.sphinx_domain.conftest import EXTENSIONS, Build, Project, builder_in

PAGES = {
    "index.rst": "Title\n=====\n\n.. toctree::\n\n   one\n   two\n",
    "one.rst": """\
One
===

.. qapi:namespace:: QMP
.. qapi:module:: run-state
.. qapi:command:: stop
   :deprecated:
.. qapi:event:: STOP
.. qapi:enum:: RunState
""".replace(".. qapi", "\n.. qapi"),
    "two.rst": """\
Two
===

.. qapi:namespace:: QGA
.. qapi:module:: misc
.. qapi:command:: stop
.. qapi:object:: RunStates

   :memb [QMP:RunState] all: All of them.
""".replace(".. qapi", "\n.. qapi"),
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Return the project of these pages, which nobody changes."""
    return builder_in(tmp_path_factory.mktemp("pages"))(PAGES)


def test_inventory(project: Project) -> None:
    assert project.warnings == []
    inventory = InventoryFile.loads((project.output / "objects.inv").read_bytes(), uri="u")
    commands = inventory.data["qapi:command"]
    assert {name: item.uri for name, item in commands.items()} == {
        "stop": "u/two.html#qapi-QGA-stop",
        "misc.stop": "u/two.html#qapi-QGA-stop",
        "QGA:stop": "u/two.html#qapi-QGA-stop",
        "QGA:misc.stop": "u/two.html#qapi-QGA-stop",
        "run-state.stop": "u/one.html#qapi-QMP-stop",
        "QMP:stop": "u/one.html#qapi-QMP-stop",
        "QMP:run-state.stop": "u/one.html#qapi-QMP-stop",
    }
    assert set(inventory.data["qapi:module"]) == {"misc", "run-state", "QGA:misc", "QMP:run-state"}


def test_another_project_refers_to_it(project: Project, build: Build) -> None:
    mapping = {"qemu": ("https://example.org/qemu", str(project.output / "objects.inv"))}
    second = build(
        ":external+qemu:qapi:cmd:`QMP:stop` :external+qemu:qapi:event:`STOP` :qapi:type:`RunState`"
        "\n\n.. qapi:object:: Mine\n\n   :memb [RunStates]? states: text\n",
        name="second",
        extensions=[*EXTENSIONS, "sphinx.ext.intersphinx"],
        intersphinx_mapping={**mapping},
    )
    assert second.warnings == []
    links = re.findall(r'href="https://example.org/qemu/([^"]*)"', second.html("index"))
    assert links == [
        "one.html#qapi-QMP-stop",
        "one.html#qapi-QMP-STOP",
        "one.html#qapi-QMP-RunState",
        "two.html#qapi-QGA-RunStates",
    ]
    lost = build(
        ":external+qemu:qapi:cmd:`gone`",
        "dummy",
        name="third",
        extensions=[*EXTENSIONS, "sphinx.ext.intersphinx"],
        intersphinx_mapping={**mapping},
    )
    assert "qapi:cmd reference target not found: gone" in lost.warnings[0]


def test_search_finds_names(project: Project) -> None:
    text = (project.output / "searchindex.js").read_text()
    index = json.loads(text.removeprefix("Search.setIndex(").removesuffix(")"))
    names = {entry[4] for entries in index["objects"].values() for entry in entries}
    assert names == {"stop", "STOP", "RunState", "RunStates", "misc", "run-state"}
    assert ["qapi", "command", "QAPI command"] in index["objnames"].values()


def test_indices(project: Project) -> None:
    commands, events, types = (
        project.html(f"qapi-{kind}") for kind in ("commands", "events", "types")
    )
    assert 'href="one.html#qapi-QMP-stop"' in commands
    assert 'href="two.html#qapi-QGA-stop"' in commands
    assert "QMP:run-state" in commands
    assert "deprecated" in commands
    assert 'href="one.html#qapi-QMP-STOP"' in events
    assert re.findall(r"<code[^>]*>(\w+)</code>", types) == ["RunState", "RunStates"]


def test_the_index_of_one_page(build: Build) -> None:
    assert not (build("text").output / "qapi-commands.html").exists()


def test_twins(build: Build) -> None:
    definitions = ".. qapi:command:: go\n\n"
    pages = {
        **PAGES,
        "one.rst": f"One\n===\n\n{definitions}",
        "two.rst": f"Two\n===\n\n{definitions}",
    }
    (warning,) = build(pages, "dummy").warnings
    assert warning == (
        "two.rst:4: WARNING: command go is described twice, here and in one; give one of them "
        ":no-index:, or each a namespace of its own [qapi.duplicate]"
    )


def test_a_changed_page(build: Build) -> None:
    build(PAGES, "dummy")
    pages = {**PAGES, "one.rst": PAGES["one.rst"].replace("RunState", "State")}
    (warning,) = build(pages, "dummy").warnings
    assert warning == "two.rst:13: WARNING: no page describes a type QMP:RunState [ref.type]"
    assert build(PAGES, "dummy").warnings == []


def many(twins: tuple[str, str]) -> Iterator[tuple[str, str]]:
    names = [f"p{number}" for number in range(12)]
    yield "index.rst", "Title\n=====\n\n.. toctree::\n\n   " + "\n   ".join(names)
    for name in names:
        namespace = "N" if name in twins else name
        text = f"{name}\n===\n\n.. qapi:command:: go-{name}\n\n   See :qapi:cmd:`go-p0`, "
        text += f":qapi:cmd:`go-p11`.\n\n.. qapi:event:: GONE\n   :namespace: {namespace}\n"
        yield f"{name}.rst", text


@pytest.mark.parametrize("twins", [("p0", "p1"), ("p0", "p9")])
def test_many_processes(twins: tuple[str, str], build: Build) -> None:
    project = build(dict(many(twins)), parallel=2)
    (warning,) = project.warnings
    assert "event GONE is described twice, here and in p0" in warning
    assert 'href="p11.html#qapi-go-p11"' in project.html("p3")


def test_the_style_sheet_is_packed() -> None:
    import qmpeer.sphinx_domain

    (path,) = qmpeer.sphinx_domain.__path__
    assert "qapi-badge" in Path(path, "static", "qapi.css").read_text()
