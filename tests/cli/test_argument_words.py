from typing import Any

import pytest

from qmpeer.cli.argument_words import read_arguments
from qmpeer.cli.exits import UsageError


@pytest.mark.parametrize(
    ("words", "arguments"),
    [
        ([], {}),
        (["a=1"], {"a": 1}),
        (["a=-1.5"], {"a": -1.5}),
        (["a=true", "b=null"], {"a": True, "b": None}),
        (["a=True"], {"a": "True"}),
        (["a=text"], {"a": "text"}),
        (["a="], {"a": ""}),
        (['a="1"'], {"a": "1"}),
        (["a:=1"], {"a": "1"}),
        (["a:="], {"a": ""}),
        (["a:=b=c"], {"a": "b=c"}),
        (["a=b=c"], {"a": "b=c"}),
        (["a==1"], {"a": "=1"}),
        (["a=:1"], {"a": ":1"}),
        (["a=007"], {"a": "007"}),
        (["a=NaN"], {"a": "NaN"}),
        (["a=Infinity"], {"a": "Infinity"}),
        (["a='x'"], {"a": "'x'"}),
        (["a=[1, 2]"], {"a": [1, 2]}),
        (['a={"b": []}'], {"a": {"b": []}}),
        (["a={"], {"a": "{"}),
        (["a=18446744073709551615"], {"a": 2**64 - 1}),
        (["a=é"], {"a": "é"}),
        (["a.b=1"], {"a": {"b": 1}}),
        (["a.b=1", "c=2", "a.d.e:=3"], {"a": {"b": 1, "d": {"e": "3"}}, "c": 2}),
        (["a.0=x", "a.1=y"], {"a": ["x", "y"]}),
        (["a.1=y", "a.0=x"], {"a": ["x", "y"]}),
        (["a.0.b=1", "a.0.c=2", "a.1.b=3"], {"a": [{"b": 1, "c": 2}, {"b": 3}]}),
        (["a.0.0=1"], {"a": [[1]]}),
        (["0=x"], {"0": "x"}),
        (["a-b_c=1"], {"a-b_c": 1}),
        (['{"a": 1, "b.c": 2}'], {"a": 1, "b.c": 2}),
        ([" {}"], {}),
    ],
    ids=repr,
)
def test_arguments(words: list[str], arguments: dict[str, Any]) -> None:
    assert read_arguments(words) == arguments


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["a"], "found 'a', expected name=value, or one JSON object"),
        (["=1"], "found '=1', expected a name before '=' and around each dot"),
        ([":=1"], "found ':=1', expected a name before '=' and around each dot"),
        (["a..b=1"], "found 'a..b=1', expected a name before '=' and around each dot"),
        ([".a=1"], "found '.a=1', expected a name before '=' and around each dot"),
        (["a=1", "a=2"], "found 'a' twice, expected it once"),
        (["a.b=1", "a.b=1"], "found 'a.b' twice, expected it once"),
        (["a=1", "a.b=2"], "found both 'a' and 'a.b', expected one value or its parts"),
        (["a.b=2", "a=1"], "found both 'a' and parts of it, expected one or the other"),
        (["a={}", "a.b=2"], "found both 'a' and 'a.b', expected one value or its parts"),
        (["a.0=1", "a.b=2"], "found both 'a.0' and 'a.b', expected a list or an object"),
        (["a.b=2", "a.0=1"], "found both 'a.0' and 'a.b', expected a list or an object"),
        (["a.1=1"], "found 1 in 'a', expected 'a.0' as well"),
        (["a.0=1", "a.2=1"], "found 0, 2 in 'a', expected 'a.1' as well"),
        (["a.00=1"], "found 00 in 'a', expected 'a.0' as well"),
        (["{"], "found arguments that are not JSON: "),
        (['{"a": 1}', "b=2"], "found '{\"a\": 1}', expected name=value, or one JSON object"),
        (["[1]"], "found '[1]', expected name=value, or one JSON object"),
        (["a=\udcff"], "found 'a=\\udcff', expected text in UTF-8"),
        (['{"a": "\udcff"}'], "found arguments that are not JSON: "),
        (["a=" + "[" * 100_000], "found [[[[[[[[[[[[[[[[[[[[…, which is nested too deep"),
        (['{"a":' * 100_000], "found arguments that are nested too deep"),
        (["a" + ".a" * 2000 + "=1"], "found 2001 levels, expected at most 128"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_refusals(words: list[str], text: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_arguments(words)

    assert str(caught.value).startswith(text)
