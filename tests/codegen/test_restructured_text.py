"""Pages in reStructuredText: directives, and plain text without accidental markup.

Modules: reference.restructured_text, reference.flattening.
"""

import re

import pytest
from docutils import nodes
from docutils.core import publish_doctree
from hypothesis import example, given
from hypothesis import strategies as st

from qmpeer.codegen import reference_files
from qmpeer.codegen.reference.blocks import (
    Block,
    Code,
    Heading,
    ItemList,
    Link,
    ListItem,
    Note,
    Page,
    Paragraph,
    Spans,
    Text,
)
from qmpeer.codegen.reference.pages import Reference
from qmpeer.codegen.reference.restructured_text import restructured_text_files
from qmpeer.schema import Schema, schema_from_qapi
from tests.codegen.test_reference import QAPI

MOVE = """\
.. qapi:command:: move
   :since: 1.0
   :ifcond: CONFIG_TRAY
   :deprecated:

   Move the ``tray`` of a player, as :qapi:cmd:`query-player` says.

   *May be executed out of band.*

   :feat deprecated: Use :qapi:cmd:`query-player` instead.

   :arg Tray tray: Where to, see `https\\://example.org/trays_1 <https://example.org/trays_1>`__.
   :arg int? speed: How fast (default 5, since 2.0, **unstable**)

      - slow
      - not so slow

   :return Player: Where it is now.

   :feat json-cli: It is on the command line too.
   :feat unstable: Member ``speed`` is an experiment.

   :error:

      - GenericError if it is stuck

   .. note::

      Don't hold it.

   .. qmp-example::

      -> { "execute": "move",
           "arguments": { "tray": "open" } }
      <- { "return": {} }
"""

MORE = """
##
# @Base:
#
# @kind: It decides.
##
{ 'struct': 'Base', 'data': { 'kind': 'Kind' } }

##
# @Kind:
#
# @one: First.
##
{ 'enum': 'Kind', 'data': [ 'one', { 'name': 'two', 'if': 'CONFIG_TWO' } ] }

##
# @One:
#
# @depth: How deep.
##
{ 'struct': 'One', 'data': { 'depth': 'uint8' } }

##
# @Two:
#
# @twice: Once more.
##
{ 'struct': 'Two', 'base': 'One', 'data': { '*twice': 'bool' } }

##
# @Any:
##
{ 'union': 'Any', 'base': 'Base', 'discriminator': 'kind', 'data': { 'one': 'One' } }

##
# @Either:
#
# @many: Several.
##
{ 'alternate': 'Either', 'data': { 'many': [ 'str' ], 'none': 'null' } }

##
# @do:
#
# Returns: nothing, most of the time
#
# Examples:
#
#   1. First::
#
#       -> 1
##
{ 'command': 'do', 'data': 'Any', 'boxed': true, 'allow-preconfig': true }
"""

OTHERS = """\
.. qapi:command:: do

   Arguments: the members of :qapi:obj:`Any`

   *May be executed before the machine is created.*

   **Returns**: nothing

   nothing, most of the time

   **Examples**

   1. First:

      .. qmp-example::

         -> 1


.. qapi:object:: Base

   :memb Kind kind: It decides.

.. qapi:enum:: Kind

   :value one: First.
   :value two: (if ``CONFIG_TWO``)

.. qapi:object:: One

   :memb int depth: How deep.

.. qapi:object:: Two

   :memb boolean? twice: Once more.

   **Further members**

   - All members of :qapi:obj:`One`

.. qapi:object:: Any

   **Members**

   - All members of :qapi:obj:`Base`
   - If ``kind`` is ``one``: the members of :qapi:obj:`One`

.. qapi:alternate:: Either

   :alt [string] many: Several.
   :alt null none:
"""


def schema_of(text: str) -> Schema:
    return schema_from_qapi("player.json", lambda name: text.encode())


def test_an_entry() -> None:
    page = reference_files(schema_of(QAPI), "sphinx", "Player")["player.rst"]
    head = "Players\n=======\n\n.. qapi:module:: player\n\nAbout players.\n\nTrays\n-----\n\n"
    assert page.startswith(f"{head}.. qapi:command:: move\n   :since: 1")
    assert MOVE in page
    assert "   :value half-way: (since 2.1)\n" in page
    assert "\n.. qapi:event:: MOVED\n   :since: 1.0\n\n   It has moved.\n\n   :memb Tray" in page


def test_other_entries() -> None:
    page = reference_files(schema_of(MORE), "sphinx", "More", namespace="X")["player.rst"]
    assert page == f"player\n======\n\n.. qapi:namespace:: X\n\n.. qapi:module:: player\n\n{OTHERS}"


def test_index() -> None:
    index = reference_files(schema_of(QAPI), "sphinx", "A *player*")["index.rst"]
    assert index.startswith("A \\*player\\*\n============\n\n.. toctree::\n   :hidden:\n")
    assert "\n- :doc:`Players <player>`\n" in index
    assert "\n- :qapi:cmd:`move` *(deprecated)*\n" in index
    assert "\n- :qapi:event:`MOVED`\n" in index


# --- Text that stays text -------------------------------------------------------------------------


def page_of(*blocks: Block) -> nodes.document:
    """Write blocks and parse them with docutils; its warnings fail the test."""
    index = Page("index", "T", blocks)
    text = restructured_text_files(Reference("T", index, (), {}, {}))["index.rst"]
    body = text[text.index(":maxdepth: 1") :].split("\n", 1)[1]
    body = re.sub(r"^( *)\.\. qmp-example::", r"\1.. code::", body, flags=re.MULTILINE)
    tree: nodes.document = publish_doctree(
        body,
        settings_overrides={"report_level": 2, "halt_level": 2, "file_insertion_enabled": False},
    )
    return tree


def words(text: str) -> str:
    return " ".join(text.split())


ODD = st.text(alphabet="ab1. *`_:|<>\\-#+=()[]@{}'\"~!/?&%$^,;\N{SNOWMAN}", max_size=12)
STYLES = st.sampled_from(["", "", "code", "emphasis", "strong"])
SPANS = st.lists(st.builds(Text, ODD, STYLES), min_size=1, max_size=4).map(tuple)


@pytest.mark.property
@given(SPANS)
@example((Text("1"), Text(":"), Text(":")))
@example((Text("\\\\"),))
@example((Text("("), Text(")", "code")))
def test_a_paragraph_is_read_as_it_was(spans: Spans) -> None:
    tree = page_of(Paragraph(spans))
    shown = "".join(span.text if not span.style else span.text.strip() for span in spans)
    assert words(tree.astext()).replace(" ", "") == words(shown).replace(" ", "")
    for style, kind in (("code", nodes.literal), ("strong", nodes.strong)):
        marked = [words(s.text) for s in spans if s.style == style and s.text.strip()]
        assert [words(node.astext()) for node in tree.findall(kind)] == marked


@pytest.mark.property
@given(ODD, ODD)
def test_a_link_is_read_as_it_was(text: str, path: str) -> None:
    url = "https://example.org/" + re.sub(r"[\s<>`\"'\\()]", "", path)
    (link,) = page_of(Paragraph((Text("see"), Link(f"x{text}", url)))).findall(nodes.reference)
    assert (words(link.astext()), link["refuri"]) == (words(f"x{text}"), url)


@pytest.mark.property
@given(
    st.lists(st.builds(lambda t: ListItem((Paragraph((Text(t),)),)), ODD), min_size=1, max_size=4)
)
def test_lists_keep_their_items(items: list[ListItem]) -> None:
    blocks = (
        ItemList(tuple(items)),
        ItemList(tuple(items), is_numbered=True),
        ItemList(tuple(items)),
    )
    tree = page_of(*blocks)
    kinds = (nodes.bullet_list, nodes.enumerated_list, nodes.bullet_list)
    lists = [node for node in tree if isinstance(node, nodes.bullet_list | nodes.enumerated_list)]
    assert [type(node) for node in lists] == list(kinds)
    assert all(len(node) == len(items) for node in lists)


def test_lists_that_follow_one_another_stay_two() -> None:
    one = ItemList((ListItem((Paragraph((Text("a"),)),)),))
    assert len(list(page_of(one, one).findall(nodes.bullet_list))) == 2


@pytest.mark.parametrize("code", ["-> 1", "a\n  b\n\nc", ":x: y", "\\", ".. note::"])
def test_code_stays_code(code: str) -> None:
    (block,) = page_of(Code(code)).findall(nodes.literal_block)
    assert block.astext() == code


def test_headings_within_boxes_begin_no_section() -> None:
    tree = page_of(Heading(2, "Top"), Note("note", (Heading(3, "In"), Paragraph((Text("x"),)))))
    assert [node.astext() for node in tree.findall(nodes.rubric)] == ["In"]
    (box,) = tree.findall(nodes.note)
    assert len(box) == 2


def test_a_box_with_a_title() -> None:
    (box,) = page_of(Note("note", (Paragraph((Text("x"),)),), "*T*")).findall(nodes.admonition)
    assert box[0].astext() == "*T*"
