"""Golden cases: one mistake per file, with its message in a file beside it.

Cases that only today's rules refuse have names that begin with `todays_`.
"""

from pathlib import Path

import pytest

from qmpeer.errors import SchemaError, SchemaSemanticError, SchemaSyntaxError
from qmpeer.schema import schema_from_qapi

MISTAKES = Path(__file__).parent / "mistakes"


def found_in(name: str) -> SchemaError:
    with pytest.raises(SchemaError) as caught:
        schema_from_qapi(
            name,
            lambda file: (MISTAKES / file).read_bytes(),
            is_strict=name.startswith("todays_"),
        )
    return caught.value


@pytest.mark.parametrize("path", sorted(MISTAKES.glob("*.json")), ids=lambda path: path.stem)
def test_mistake_has_its_message(path: Path) -> None:
    error = found_in(path.name)
    messages = [str(found) for found in (error, *error.others)]
    assert "\n\n".join(messages) + "\n" == path.with_suffix(".txt").read_text()


def test_every_message_belongs_to_a_mistake() -> None:
    assert {path.stem for path in MISTAKES.glob("*.txt")} == {
        path.stem for path in MISTAKES.glob("*.json")
    }
    assert len(list(MISTAKES.glob("*.json"))) >= 80


def test_error_holds_facts() -> None:
    error = found_in("mistake_in_included_file.json")
    assert isinstance(error, SchemaSemanticError)
    assert error.location == ("parts/mistake.json", 1, 37)
    assert error.text == "{ 'enum': 'Color', 'data': [ 'red', 'red' ] }"
    assert error.definition == "enum 'Color'"
    assert [str(place) for place in error.includes] == [
        "parts/includes_mistake.json:1:14",
        "mistake_in_included_file.json:1:14",
    ]


def test_text_that_cannot_be_read_is_told_from_what_cannot_be() -> None:
    assert isinstance(found_in("number.json"), SchemaSyntaxError)
    assert isinstance(found_in("base_unknown.json"), SchemaSemanticError)
