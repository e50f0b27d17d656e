"""Doc comments, old style and new."""

from collections.abc import Callable

from qmpeer.schema import Documentation, Schema, Section

ReadSchema = Callable[..., Schema]

NEW = """
##
# = Painting
#
# All about paint.
##

##
# @paint:
#
# Paint a wall.
#
# The paint may be wet.
#
# @color: the color,
#     of any kind
#
#     and of any shade
#
# @coats: how often (default: 1)
#
# Features:
#
# @wet: It is wet.
#
# Returns: what was painted
#
# Errors:
#     - If there is no wall, WallNotFound
#
# .. note:: Mind the floor.
#
# Since: 2.10
#
# .. qmp-example::
#
#     -> { "execute": "paint" }
##
{ 'command': 'paint', 'data': { 'color': 'str', '*coats': 'int' }, 'features': [ 'wet' ] }
"""

OLD = """
##
# @paint
#
# Paint a wall.
#
# @color: the color,
# of any kind
# @coats: #optional how often
#
# Example:
#
# -> { "execute": "paint" }
#
# Since 0.14.0
##
{ 'command': 'paint', 'data': { 'color': 'str', '*coats': 'int' } }
"""


def documentation(schema: Schema) -> Documentation:
    *_, command = schema.commands()
    assert command.documentation
    return command.documentation


def test_new_style(schema_of: ReadSchema) -> None:
    schema = schema_of(NEW)
    found = documentation(schema)
    assert found.symbol == "paint"
    assert found.text == "Paint a wall.\n\nThe paint may be wet."
    assert found.members == {
        "color": "the color,\nof any kind\n\nand of any shade",
        "coats": "how often (default: 1)",
    }
    assert found.features == {"wet": "It is wet."}
    assert found.sections == (
        Section("Returns", "what was painted"),
        Section("Errors", "- If there is no wall, WallNotFound"),
        Section("", ".. note:: Mind the floor."),
        Section("Since", "2.10"),
        Section("", '.. qmp-example::\n\n    -> { "execute": "paint" }'),
    )
    assert found.since == "2.10"
    assert [free.text for free in schema.free_documentation] == ["= Painting\n\nAll about paint."]


def test_old_style(schema_of: ReadSchema) -> None:
    found = documentation(schema_of(OLD))
    assert found.members == {"color": "the color,\nof any kind", "coats": "how often"}
    assert found.sections[-1] == Section("Since", "0.14.0")
    assert found.since == "0.14.0"


def test_blank_lines_and_indentation_do_not_end_a_comment(schema_of: ReadSchema) -> None:
    text = "##\n # @stop:\n #\n # Stop.\n\n # At once.\n ##\n{ 'command': 'stop' }"
    assert documentation(schema_of(text)).text == "Stop.\n\nAt once."


OF_OLD = "##\n# @quit\n##\n{ 'command': 'quit' }\n"
"""What a file from before 2.9 looks like: the symbol has no colon."""


def test_comment_with_one_end_only_is_taken_in_old_files(schema_of: ReadSchema) -> None:
    no_end = OF_OLD + "##\n# @stop:\n#\n# Stop.\n{ 'command': 'stop' }"
    assert documentation(schema_of(no_end)).text == "Stop."
    no_beginning = OF_OLD + "# @stop:\n##\n{ 'command': 'stop' }"
    *_, command = schema_of(no_beginning).commands()
    assert command.documentation is None


def test_misspelt_symbol_is_free_text_in_old_files(schema_of: ReadSchema) -> None:
    schema = schema_of(OF_OLD + "##\n# @Stop:\n##\n{ 'command': 'stop' }")
    assert [free.symbol for free in schema.free_documentation] == ["Stop"]


def test_location(schema_of: ReadSchema) -> None:
    assert str(documentation(schema_of(OLD)).location) == "schema.json:2:1"
