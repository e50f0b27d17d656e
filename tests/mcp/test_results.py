"""Results of a bounded size."""

import pytest

from qmpeer import limits
from qmpeer.mcp.results import Results, result_text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"a": [1, None, "é"]}, '{"a": [1, null, "é"]}'),
        ("a\r\nb\tc\x1b[2J", "a\nb        c\\u001b[2J"),
        ("\u200b\ue000", "\\u200b\\ue000"),
    ],
    ids=["json", "human", "unseen"],
)
def test_texts(value: object, text: str) -> None:
    assert result_text(value) == text


def test_only_the_last_results_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MCP_RESULT", 10)
    results = Results()
    names = []
    for number in range(limits.MCP_RESULTS + 1):
        first = results.first_part(str(number) * 25)
        assert first.startswith(str(number) * 10 + "\n\n[Characters 0 to 10 of 25.")
        names.append(first.split('result "')[1].split('"')[0])
    with pytest.raises(ValueError, match="expected one of the last large results"):
        results.part(names[0], 10)
    assert results.part(names[1], 20) == "1" * 5
    with pytest.raises(ValueError, match="found the offset 25, expected 0 to 24"):
        results.part(names[1], 25)
    monkeypatch.setattr(limits, "MCP_RESULTS_SIZE", 50)
    results.first_part("a" * 25)
    with pytest.raises(ValueError, match="found no result"):
        results.part(names[-2], 0)
    assert results.part(names[-1], 20)
