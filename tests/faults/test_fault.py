"""The language of faults: reading, writing, and errors.

Modules: places, vocabulary.
"""

import inspect
import typing

import pytest

from qmpeer import limits
from qmpeer.faults import Fault, FaultError, Faults, parse_fault, parse_faults, random_faults
from qmpeer.faults.fault import make_fault
from qmpeer.faults.vocabulary import FOREIGN, KINDS, WHERE_KEYS

TEXTS = [
    ("cut", "cut"),
    ("  cut\tbyte=3   after=migrate", "cut after=migrate byte=3"),
    ("drop event=STOP # a remark", "drop event=STOP"),
    ("delay seconds=0.50", "delay seconds=0.5"),
    ("delay seconds=2 jitter=0.25", "delay seconds=2 jitter=0.25"),
    ("delay seconds=0.000001", "delay seconds=0.000001"),
    ("delay seconds=1e3", "delay seconds=1000"),
    ("flood size=8M", "flood size=8M"),
    ("flood size=8MiB", "flood size=8M"),
    ("flood size=65536", "flood size=64k"),
    ("flood size=1000", "flood size=1000"),
    ("error desc='it is no # remark'", 'error desc="it is no # remark"'),
    ('error desc="\\u00e4 \\"b\\""', 'error desc="\\u00e4 \\"b\\""'),
    ("error desc=it's", "error desc=it's"),
    (
        'drop command=x arguments={"a":[1,{"b":null}]}',
        'drop command=x arguments={"a": [1, {"b": null}]}',
    ),
    ("inject GUEST_PANICKED time=2", "inject GUEST_PANICKED time=2"),
    ("inject name=GUEST_PANICKED", "inject GUEST_PANICKED"),
    ('inject X data={"id": "a"} event=STOP', 'inject X event=STOP data={"id": "a"}'),
    ("cut message=greeting byte=0", "cut message=greeting byte=0"),
    ("refuse times=2", "refuse times=2"),
]


@pytest.mark.parametrize(("text", "written"), TEXTS)
def test_texts(text: str, written: str) -> None:
    fault = parse_fault(text)
    assert str(fault) == written
    assert parse_fault(written) == fault


ERRORS = [
    ("", "found no fault in '', expected one of delay, drip, "),
    ("# cut", "found no fault in '# cut', expected one of"),
    ("ctu", "found an unknown fault 'ctu'; did you mean cut?"),
    ("latency", "found an unknown fault 'latency'; write delay seconds=…"),
    ("frobnicate", "found an unknown fault 'frobnicate'; expected one of delay, "),
    ("=", "found an unknown fault '='; expected one of"),
    ("cut ater=stop", "cut: found an unknown key 'ater'; did you mean after=?"),
    ("cut foo=stop", "cut: found an unknown key 'foo'; expected one of how, message, "),
    ("cut stop", "cut: found 'stop', expected key=value"),
    ("cut after=", "cut: after= found nothing, expected a value"),
    ("cut after=a after=b", "cut: found after= twice"),
    ("cut after=a reply=b", "cut: found reply= and after=, expected one place"),
    ("cut time=1 message=2", "cut: found message= and time=, expected one place"),
    ("cut how=slowly", "cut: how= found 'slowly', expected one of close, reset, half-close"),
    ("cut byte=-1", "cut: byte= found '-1', expected a whole number from 0 to 1000000000"),
    ("cut byte=1.5", "cut: byte= found '1.5', expected a whole number from 0 to 1000000000"),
    ("cut byte=1000000001", "cut: byte= found 1000000001, expected a whole number from 0 to"),
    (
        "cut reply=stop byte=20000000",
        "cut: byte= found 20000000, expected one of a message, at most 16777216",
    ),
    ("cut message=0", "cut: message= found 0, expected a whole number, or greeting from 1 to"),
    ("cut message=one", "cut: message= found 'one', expected a whole number, or greeting"),
    ("cut permille=1001", "cut: permille= found 1001, expected a whole number from 0 to 1000"),
    ("cut nth=2", "cut: nth= doesn't fit; the beginning of a connection is found only once"),
    ("cut time=1 times=2", "cut: times= doesn't fit; time= is found only once"),
    ("drop message=2 nth=2", "drop: nth= doesn't fit; message= is found only once"),
    ("drop nth=1 times=1", "drop: found nth= and times=, expected one of them"),
    ("drop byte=3", "drop: byte= doesn't fit; it takes message, command, reply, event, "),
    ("drop after=stop", "drop: after= doesn't fit; it takes message, "),
    (
        "drop reply=x sender=client",
        "drop: sender= doesn't fit reply=; those are always the server's",
    ),
    (
        "drop command=x sender=server",
        "drop: sender= doesn't fit command=; those are always the client's",
    ),
    (
        "drop message=greeting sender=client",
        "drop: the greeting is the server's, found sender=client",
    ),
    ("drop arguments={}", "drop: arguments= needs command=, reply=, after= or after-reply="),
    ("drop command=x data={}", "drop: data= needs event="),
    ("drop command=x arguments=[]", "drop: arguments= found [], expected a JSON object"),
    ("drop command=x arguments={", "drop: arguments= found '{', expected JSON: "),
    ('drop command=x arguments={"a": NaN}', "drop: arguments= found"),
    (
        "drop command=x arguments={}x",
        "drop: arguments= found 'x' behind the value, expected a blank",
    ),
    ("drop command='x", 'drop: command= found no end of the text "\'x"'),
    ('drop command="a b"', "drop: command= found 'a b', expected a name"),
    ("delay", "delay: found no seconds=, expected how long"),
    ("delay seconds=x", "delay: seconds= found 'x', expected seconds from 0 to 86400"),
    ("delay seconds=nan", "delay: seconds= found nan, expected seconds from 0 to 86400"),
    ("delay seconds=86401", "delay: seconds= found 86401, expected seconds from 0 to 86400"),
    (
        "flood size=2G",
        "flood: size= found 2147483648, expected bytes, such as 100, 64k or 8M from 1",
    ),
    ("flood size=1T", "flood: size= found '1T', expected bytes, such as 100, 64k or 8M from 1"),
    ("inject", "inject: found no NAME, expected the event's name"),
    ("inject A B", "inject: found 'B', expected key=value"),
    ("inject A sender=client", "inject: sender= doesn't fit; it takes name, data, count, "),
    ("error event=STOP", "error: event= doesn't fit; it takes class, desc, command, reply, "),
    ("enlarge reply=x", "enlarge: found no size=, expected the reply's bytes"),
    ("late seconds=1 connection=2", "late: connection= doesn't fit; it takes seconds"),
    ("refuse after=x", "refuse: after= doesn't fit; it takes times, permille, seed, connection"),
    ("x" * 70_000, "found 70000 characters, expected at most 65536"),
    ("drop command=x arguments=" + "[" * 30_000, "drop: arguments= found"),
]


@pytest.mark.parametrize(
    ("text", "said"), ERRORS, ids=[text[:50] or "nothing" for text, _ in ERRORS]
)
def test_a_fault_that_cannot_be(text: str, said: str) -> None:
    with pytest.raises(FaultError) as caught:
        parse_fault(text)
    assert str(caught.value).startswith(said)
    assert len(str(caught.value)) < 400


def test_a_file() -> None:
    text = "# two faults\n\ncut after=stop   # at once\n  drop event=STOP\n"
    assert [str(fault) for fault in parse_faults(text)] == ["cut after=stop", "drop event=STOP"]


def test_an_error_in_a_file_names_its_line() -> None:
    with pytest.raises(FaultError) as caught:
        parse_faults("cut\n# x\n drpo\n", "faults.txt")
    assert str(caught.value) == "faults.txt:3: found an unknown fault 'drpo'; did you mean drop?"
    assert (caught.value.place, caught.value.hint) == ("faults.txt:3", "did you mean drop?")


def test_too_many_faults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "FAULTS", 3)
    with pytest.raises(FaultError, match="x:4: found more than 3 faults"):
        parse_faults("cut\n" * 4, "x")
    with pytest.raises(FaultError, match="found more than 3 faults"):
        Faults(["cut"] * 4)


# --- Python -------------------------------------------------------------------------------------

BUILT: list[tuple[Faults, str]] = [
    (
        Faults().delay(0.5, jitter=0.1, sender="client"),
        "delay sender=client seconds=0.5 jitter=0.1",
    ),
    (Faults().drip(100, reply="x"), "drip reply=x speed=100"),
    (Faults().slices(3, pause=0.5), "slices size=3 pause=0.5"),
    (Faults().coalesce(), "coalesce"),
    (Faults().stall(sender="client", after="x"), "stall after=x sender=client"),
    (Faults().stall(2, time=1.5), "stall time=1.5 seconds=2"),
    (Faults().cut(after="migrate", byte=3), "cut after=migrate byte=3"),
    (Faults().cut("reset", after_reply="x"), "cut after-reply=x how=reset"),
    (Faults().refuse(times=2), "refuse times=2"),
    (Faults().listen_late(2), "late seconds=2"),
    (Faults().drop(event="X", data={"id": "a"}), 'drop event=X data={"id": "a"}'),
    (Faults().duplicate(2, message=3), "duplicate message=3 copies=2"),
    (Faults().reorder(), "reorder"),
    (Faults().truncate(byte=4, reply="x"), "truncate reply=x byte=4"),
    (Faults().invalid_utf8(message="greeting"), "invalid-utf8 message=greeting"),
    (
        Faults().garbage(9, command="x", arguments={"a": 1}),
        'garbage command=x arguments={"a": 1} size=9',
    ),
    (Faults().flood(1 << 20), "flood size=1M"),
    (Faults().inject("X", {"a": 1}, after="stop"), 'inject X after=stop data={"a": 1}'),
    (Faults().inject("X", count=5), "inject X count=5"),
    (
        Faults().error("DeviceNotFound", "no", command="x"),
        "error command=x class=DeviceNotFound desc=no",
    ),
    (Faults().enlarge(4096, message=2), "enlarge message=2 size=4k"),
    (Faults().unknown_id(nth=2), "unknown-id nth=2"),
    (Faults().swap_ids(), "swap-ids"),
    (Faults().no_id(permille=5, seed=1), "no-id permille=5 seed=1"),
    (Faults().sigstop(1), "sigstop seconds=1"),
    (Faults().sigkill(connection=2), "sigkill connection=2"),
    (Faults().exit(3, "out of memory"), 'exit status=3 text="out of memory"'),
]


@pytest.mark.parametrize(("faults", "text"), BUILT, ids=[text for _, text in BUILT])
def test_faults_in_python(faults: Faults, text: str) -> None:
    assert str(faults) == text
    assert list(Faults([text])) == list(faults)


def test_each_kind_has_a_method() -> None:
    assert {str(faults).split()[0] for faults, _ in BUILT} == set(KINDS)


METHODS = {
    "late": "listen_late",
    **{word: word.replace("-", "_") for word in KINDS if word != "late"},
}


@pytest.mark.parametrize("word", KINDS)
def test_a_method_has_the_keys_of_its_kind(word: str) -> None:
    kind, method = KINDS[word], getattr(Faults, METHODS[word])
    parameters = dict(inspect.signature(method).parameters)
    place = parameters.pop("place", None)
    del parameters["self"]
    own = ["error_class" if key.name == "class" else key.name for key in kind.keys]
    assert list(parameters) == own
    for key, parameter in zip(kind.keys, parameters.values(), strict=True):
        assert (parameter.default is inspect.Parameter.empty) is key.is_required
    names = set[str]()
    if place is not None:
        (typed,) = typing.get_args(place.annotation)
        names = {name.replace("_", "-") for name in typed.__annotations__}
    fitting = {name for name in WHERE_KEYS if _fits(word, name)}
    assert names - {"nth"} == fitting - {"nth"} - set(own) or word == "refuse"


def _fits(word: str, name: str) -> bool:
    try:
        make_fault(word, {name: object()})
    except FaultError as error:
        return "doesn't fit" not in str(error)
    return True


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"byte": "3"}, "cut: byte= found '3', expected a whole number"),
        ({"byte": True}, "cut: byte= found True, expected a whole number"),
        ({"after": 3}, "cut: after= found 3, expected a name"),
        ({"after": "a", "arguments": {"a": {1, 2}}}, "cut: arguments= found"),
        ({"after": "a", "arguments": {"a": float("nan")}}, "cut: arguments= found"),
        ({"after": "a", "arguments": {1: 2}}, "cut: arguments= found"),
    ],
)
def test_values_of_the_wrong_type(settings: dict[str, object], said: str) -> None:
    with pytest.raises(FaultError) as caught:
        make_fault("cut", settings)
    assert str(caught.value).startswith(said)


def test_a_plan() -> None:
    plan = Faults().cut(after="stop")
    assert plan.drop(event="STOP") is plan
    assert len(plan) == 2
    assert plan.late == 0
    assert plan.listen_late(2).listen_late(0.5).late == 2.5
    assert repr(Faults(["cut"])) == "Faults(['cut'])"
    assert [type(fault) for fault in plan] == [Fault] * 4


def test_foreign_words_lead_to_ours() -> None:
    for word, ours in FOREIGN.items():
        assert word not in KINDS
        assert ours.replace(",", " ").split()[0] in KINDS


@pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))
def test_own_keys_hide_no_key_of_a_place(kind: typing.Any) -> None:
    for key in kind.keys:
        assert key.name not in WHERE_KEYS or (kind.word, key.name) == ("inject", "data")


def test_random_plans_are_repeated_by_their_text() -> None:
    for seed in range(150):
        plan = random_faults(seed)
        assert 1 <= len(plan) <= 4
        assert list(Faults(str(plan).splitlines())) == list(plan)
        assert str(random_faults(seed)) == str(plan)
