"""Directives: what each of them shows, and what it makes known.

Modules: directives, fields.
"""

import pytest

from tests.sphinx_domain.conftest import Build

ALL = """
.. qapi:namespace:: QMP

.. qapi:module:: player

   All about players.

.. qapi:command:: move
   :since: 1.0
   :ifcond: CONFIG_TRAY and not CONFIG_GLUE
   :deprecated:
   :unstable:

   Move the tray.

   :arg Tray tray: Where to.
   :arg [int]? speeds: How fast:

      - slow
      - fast
   :arg string id:
   :feat json-cli: It is on the command line too.
   :return [Player]: All of them.
   :error:
      - GenericError if it is stuck

.. qapi:command:: query-player

   :return-nodesc Player:
   :errors: none that we know

.. qapi:event:: MOVED
   :since: 1.0

   It has moved.

   :memb Tray tray: Where to.

.. qapi:enum:: Tray

   :value open: Out.
   :value shut:

.. qapi:object:: Player

   :memb [Tray] trays: All of them.
   :memb TrayOrNull last: The last one that moved.

.. qapi:alternate:: TrayOrNull

   :alt Tray tray: That one.
   :alt null none: None has moved.
"""

TEXT = """\
Title
*****

All about players.

command move deprecated unstable since 1.0

   Deprecated: a later release will remove it.

   Unstable: any release may change or remove it.

   Available if "CONFIG_TRAY and not CONFIG_GLUE"

   Move the tray.

   Arguments:
      * **tray** (Tray) – Where to.

      * **speeds** ([int], optional) – How fast:

        * slow

        * fast

      * **id** (string)

   Features:
      * **json-cli** – It is on the command line too.

   Returns:
      [Player] – All of them.

   Errors:
      * GenericError if it is stuck

command query-player

   Returns:
      Player

   Errors:
      none that we know

event MOVED since 1.0

   It has moved.

   Data:
      * **tray** (Tray) – Where to.

enum Tray

   Values:
      * **open** – Out.

      * **shut**

object Player

   Members:
      * **trays** ([Tray]) – All of them.

      * **last** (TrayOrNull) – The last one that moved.

alternate TrayOrNull

   One of:
      * **tray** (Tray) – That one.

      * **none** (null) – None has moved.
"""


def test_each_directive(build: Build) -> None:
    project = build(ALL, "text")
    assert project.warnings == []
    assert project.text("index") == TEXT


def test_badges_anchors_and_links(build: Build) -> None:
    project = build(ALL)
    assert project.warnings == []
    page = project.html("index")
    for kind in ("command", "event", "enum", "object", "alternate", "deprecated", "unstable"):
        assert f'class="qapi-badge qapi-{kind} property"' in page
    for name in ("module-player", "move", "MOVED", "Tray"):
        assert f'id="qapi-QMP-{name}"' in page
    assert '<a class="reference internal" href="#qapi-QMP-Tray" title="enum Tray">' in page
    assert '<span class="qapi-type">string</span>' in page
    assert "_static/qapi.css" in page
    assert (project.output / "_static" / "qapi.css").exists()


def test_the_table_of_contents_and_the_index_have_the_names(build: Build) -> None:
    project = build(ALL, html_sidebars={"**": ["localtoc.html"]})
    assert '<li><a class="reference internal" href="#qapi-QMP-move"><code' in project.html("index")
    assert "move (QMP command)" in project.html("genindex")
    assert "player (QMP module)" in project.html("genindex")


@pytest.mark.parametrize(
    ("option", "is_known", "is_listed"),
    [
        ("no-index", False, False),
        ("noindex", False, False),
        ("no-index-entry", True, False),
        ("no-contents-entry", True, True),
        ("no-typesetting", True, True),
    ],
)
@pytest.mark.parametrize("directive", ["command", "module"])
def test_options_of_sphinx(
    directive: str, option: str, is_known: bool, is_listed: bool, build: Build
) -> None:
    if directive == "module" and option in ("no-contents-entry", "no-typesetting"):
        pytest.skip("a module has neither")
    project = build(f".. qapi:{directive}:: go\n   :{option}:\n\n:qapi:any:`go`")
    unknown = "WARNING: no page describes a command, event or type go [ref.any]"
    assert project.warnings == ([] if is_known else [f"index.rst:7: {unknown}"])
    assert (f"go ({directive})" in project.html("genindex")) == is_listed


def test_options_name_namespace_and_module(build: Build) -> None:
    project = build(
        ".. qapi:namespace:: A\n\n.. qapi:module:: m\n\n"
        ".. qapi:command:: go\n\n"
        ".. qapi:command:: go\n   :namespace: B\n   :module: n\n\n"
        ":qapi:cmd:`go` :qapi:cmd:`B:n.go`"
    )
    assert project.warnings == []
    page = project.html("index")
    assert 'href="#qapi-A-go"' in page
    assert 'href="#qapi-B-go"' in page


# --- Fields ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "field", "warning"),
    [
        (
            "command",
            ":argument int x: text",
            (
                "found the field :argument int x:, expected one of arg, feat, return, "
                "return-nodesc, error, errors [qapi.field]"
            ),
        ),
        (
            "event",
            ":arg int x: text",
            "the description of a QAPI event can't have the field :arg int x: [qapi.field]",
        ),
        (
            "enum",
            ":memb int x: text",
            "the description of a QAPI enum can't have the field :memb int x: [qapi.field]",
        ),
        (
            "command",
            ":arg x: text",
            "found the field :arg x:, expected :arg TYPE NAME: [qapi.field]",
        ),
        (
            "command",
            ":return: text",
            "found the field :return:, expected :return TYPE: [qapi.field]",
        ),
        ("command", ":error x: text", "found the field :error x:, expected :error: [qapi.field]"),
        ("enum", ":value: text", "found the field :value:, expected :value NAME: [qapi.field]"),
        ("object", ":memb Lost x: text", "no page describes a type Lost [ref.type]"),
        ("object", ":memb [Lost]? x: text", "no page describes a type Lost [ref.type]"),
    ],
)
def test_warnings(kind: str, field: str, warning: str, build: Build) -> None:
    project = build(f".. qapi:{kind}:: Subject\n\n   Text.\n\n   {field}", "text")
    assert project.warnings == [f"index.rst:8: WARNING: {warning}"]
    assert "text" in project.text("index")


def test_further_fields_are_allowed_by_name(build: Build) -> None:
    text = ".. qapi:command:: go\n\n   :see also: stop\n"
    assert build(text, "text", qapi_allowed_fields={"see also"}).warnings == []
    assert len(build(text, "text").warnings) == 1


def test_names_are_no_markup(build: Build) -> None:
    project = build(".. qapi:object:: Odd\n\n   :memb string a\\_: text\n", "text")
    assert project.warnings == []
    assert "**a_** (string)" in project.text("index")
