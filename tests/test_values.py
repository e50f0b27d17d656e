"""UNSET, the value of a member that isn't there: it differs from null and from false."""

import copy
import pickle

import msgspec

from qmpeer.values import UNSET, UnsetType


def test_there_is_one() -> None:
    assert type(UNSET) is UnsetType
    assert copy.copy(UNSET) is UNSET
    assert copy.deepcopy(UNSET) is UNSET
    assert pickle.loads(pickle.dumps(UNSET)) is UNSET


def test_it_is_not_null() -> None:
    assert UNSET is not None
    assert repr(UNSET) == "UNSET"


def test_a_member_that_is_unset_is_not_sent() -> None:
    class Named(msgspec.Struct):
        name: str | UnsetType | None = UNSET

    assert msgspec.json.encode(Named()) == b"{}"
    assert msgspec.json.encode(Named(None)) == b'{"name":null}'
    assert msgspec.json.decode(b"{}", type=Named).name is UNSET
