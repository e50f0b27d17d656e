"""The hash of an answer, which doesn't depend on the order of members."""

from hashlib import sha256

from qmpeer.schema import introspection_hash


def test_the_order_of_members_makes_no_difference() -> None:
    one = introspection_hash([{"name": "stop", "meta-type": "command"}])
    assert one == introspection_hash([{"meta-type": "command", "name": "stop"}])
    assert one != introspection_hash([{"meta-type": "command", "name": "cont"}])


def test_it_is_that_of_the_text() -> None:
    text = '[{"a":"\u00fc\x7f","b":[1,true,null]}]'
    assert introspection_hash([{"b": [1, True, None], "a": "\u00fc\x7f"}]) == (
        sha256(text.encode()).hexdigest()
    )
