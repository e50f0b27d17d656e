"""The tables of faults on the page are those of the vocabulary."""

from pathlib import Path

from tests.docs.fault_tables import keys_table, kinds_table

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "misbehave.md"


def test_the_tables_are_the_vocabulary() -> None:
    page = PAGE.read_text()
    for table in (kinds_table(), keys_table()):
        assert table in page, f"python -m tests.docs.fault_tables prints it:\n{table}"
