"""Sensitive members: patterns, and what they find in arguments.

Modules: sensitive.
"""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpeer.effects import CommandEffects, Effect, all_names, effects_of, sensitive_members


def found(patterns: str, arguments: dict[str, Any]) -> list[str]:
    """Return the sensitive members as text."""
    effects = CommandEffects("a", frozenset({Effect.OPENS_PATHS}), "", tuple(patterns.split()))
    return [".".join(map(str, path)) for path in sensitive_members(effects, arguments)]


def found_in(command: str, arguments: dict[str, Any]) -> set[str]:
    """The same by the table."""
    effects = effects_of(command)
    assert effects is not None
    return {".".join(map(str, path)) for path in sensitive_members(effects, arguments)}


PATTERNS = [
    ("", {"a": 1}, []),
    ("a", {"a": 1, "b": 2}, ["a"]),
    ("a", {"b": {"a": 1}}, []),
    ("a", {"a": {"b": [1, {"c": 2}]}}, ["a.b.0", "a.b.1.c"]),
    ("a.b", {"a": {"b": 1, "c": 2}}, ["a.b"]),
    ("a.b", {"a": 1}, []),
    ("*.b", {"a": {"b": 1}, "b": 2, "c": {"d": {"b": 3}}}, ["a.b"]),
    ("*.b", {"a": [{"b": 1}]}, []),
    ("a.*.b", {"a": [{"b": 1}, {"c": 2}, {"b": 3}]}, ["a.0.b", "a.2.b"]),
    ("**.b", {"a": {"b": 1}, "b": 2, "c": [{"d": {"b": 3}}]}, ["a.b", "b", "c.0.d.b"]),
    ("**", {"a": {"b": 1}, "c": []}, ["a.b", "c"]),
    ("** !a", {"a": 1, "b": 2}, ["b"]),
    ("** !a", {"a": {"b": 1}}, ["a.b"]),
    ("** !a", {"a": {"a": 1}}, ["a.a"]),
    ("** !**.a", {"a": {"a": 1, "b": 2}}, ["a.b"]),
    ("** !a.*", {"a": [1, [2], {"b": 3}]}, ["a.1.0", "a.2.b"]),
    ("** !a.**", {"a": [1, [2], {"b": 3}], "b": 4}, ["b"]),
    ("** !a", {"a": []}, []),
    ("**", {"*": 1, "**": 2, "": 3, "a.b": 4, "!": 5}, ["*", "**", "", "a.b", "!"]),
    ("** !a.b", {"a.b": 1}, ["a.b"]),
    ("a", {"a": None, "b": None}, ["a"]),
    ("a", {"a": False}, ["a"]),
    ("a", {"a": ""}, ["a"]),
    ("**.x.y", {"x": {"x": {"y": 1}, "y": 2}}, ["x.x.y", "x.y"]),
]


@pytest.mark.parametrize(("patterns", "arguments", "members"), PATTERNS)
def test_patterns(patterns: str, arguments: dict[str, Any], members: list[str]) -> None:
    assert found(patterns, arguments) == members


def test_a_star_in_a_name_is_no_pattern() -> None:
    assert found("a.*", {"*": {"x": 1}}) == []
    assert found("** !a.*", {"a": {"*": 1, "**": 2}}) == []


names = st.sampled_from(["a", "b", "c", "*", "**"])
patterns = st.lists(
    st.tuples(
        st.booleans(), st.lists(st.sampled_from(["a", "b", "*", "**"]), min_size=1, max_size=4)
    ),
    max_size=4,
)
values = st.recursive(
    st.none() | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=8,
)


def fits(pattern: list[str], path: tuple[str | int, ...]) -> bool:
    """Match as the words of the documentation say."""
    if not pattern:
        return not path
    if pattern[0] == "**":
        return any(fits(pattern[1:], path[count:]) for count in range(len(path) + 1))
    return bool(path) and pattern[0] in {"*", path[0]} and fits(pattern[1:], path[1:])


def values_in(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    if value and isinstance(value, dict):
        return [each for name in value for each in values_in(value[name], (*path, name))]
    if value and isinstance(value, list):
        return [
            each for index in range(len(value)) for each in values_in(value[index], (*path, index))
        ]
    return [path]


@pytest.mark.property
@given(patterns, st.dictionaries(names, values, min_size=1, max_size=3))
def test_the_automaton_does_what_the_words_say(
    patterns: list[tuple[bool, list[str]]], arguments: dict[str, Any]
) -> None:
    take = [pattern for is_out, pattern in patterns if not is_out]
    out = [pattern for is_out, pattern in patterns if is_out]
    expected = [
        path
        for path in values_in(arguments)
        if any(fits(each, path[:end]) for each in take for end in range(1, len(path) + 1))
        and not any(fits(each, path) for each in out)
    ]
    text = tuple(("!" if is_out else "") + ".".join(pattern) for is_out, pattern in patterns)
    effects = CommandEffects("a", frozenset({Effect.OPENS_PATHS}), "", text)
    assert [*sensitive_members(effects, arguments)] == expected


def test_deeper_nesting_than_python_allows() -> None:
    arguments: dict[str, Any] = {"filename": "/etc/passwd"}
    for depth in range(5000):
        arguments = {"file": arguments} if depth % 2 else {"file": [arguments]}
    effects = effects_of("blockdev-add")
    assert effects is not None
    assert [path[-1] for path in sensitive_members(effects, arguments)] == ["filename"]


# The table, tried as an attacker would

INET = {"type": "inet", "host": "example.org", "port": "80"}
ATTACKS = [
    ("memsave", {"val": 0, "size": 1, "filename": "/a"}, {"filename"}),
    ("screendump", {"filename": "/a", "device": "vga"}, {"filename"}),
    ("dump-guest-memory", {"paging": False, "protocol": "file:/a"}, {"protocol"}),
    ("migrate", {"uri": "exec:id"}, {"uri"}),
    (
        "migrate",
        {
            "channels": [
                {"channel-type": "main", "addr": {"transport": "exec", "args": ["/bin/sh"]}}
            ]
        },
        {"channels.0.addr.args.0"},
    ),
    ("migrate-set-parameters", {"tls-creds": "", "max-bandwidth": 1}, {"tls-creds"}),
    ("migrate-set-parameters", {"cpr-exec-command": ["/bin/sh"]}, {"cpr-exec-command.0"}),
    (
        "blockdev-add",
        {"node-name": "a", "driver": "nbd", "export": "x", "server": INET},
        {"driver", "export", "server.host", "server.port"},
    ),
    (
        "blockdev-add",
        {"driver": "blkdebug", "config": "/etc/shadow", "image": "a"},
        {"driver", "config", "image"},
    ),
    (
        "blockdev-add",
        {"options": {"driver": "qcow2", "file": {"driver": "file", "filename": "/a"}}},
        {"options.driver", "options.file.driver", "options.file.filename"},
    ),
    (
        "blockdev-add",
        {
            "driver": "quorum",
            "children": ["a", {"driver": "ssh", "path": "/b"}],
            "vote-threshold": 1,
        },
        {"driver", "children.1.driver", "children.1.path"},
    ),
    (
        "blockdev-add",
        {"driver": "vvfat", "dir": "/etc", "rw": True},
        {"driver", "dir", "rw"},
    ),
    (
        "blockdev-add",
        {"driver": "gluster", "volume": "v", "path": "p", "server": [INET], "logfile": "/a"},
        {"driver", "volume", "path", "server.0.host", "server.0.port", "logfile"},
    ),
    ("blockdev-add", {"driver": "raw", "file": "a", "read-only": True}, {"driver"}),
    (
        "blockdev-reopen",
        {"options": [{"driver": "raw", "file": {"driver": "file", "filename": "/a"}}]},
        {"options.0.driver", "options.0.file.driver", "options.0.file.filename"},
    ),
    (
        "blockdev-create",
        {
            "job-id": "j",
            "options": {"driver": "qcow2", "file": "a", "size": 1, "backing-file": "/b"},
        },
        {"options.driver", "options.backing-file"},
    ),
    (
        "chardev-add",
        {"id": "a", "backend": {"type": "ringbuf", "data": {"size": 64, "logfile": "/a"}}},
        {"backend.type", "backend.data.logfile"},
    ),
    (
        "chardev-add",
        {
            "id": "a",
            "backend": {
                "type": "socket",
                "data": {"addr": {"type": "unix", "data": {"path": "/a"}}, "server": False},
            },
        },
        {"backend.type", "backend.data.addr.data.path", "backend.data.server"},
    ),
    ("netdev_add", {"type": "tap", "id": "n", "script": "/a"}, {"type", "script"}),
    ("netdev_add", {"type": "user", "id": "n", "smb": "/etc"}, {"type", "smb"}),
    ("object-add", {"qom-type": "secret", "id": "s", "file": "/a"}, {"qom-type", "file"}),
    (
        "object-add",
        {"qom-type": "memory-backend-file", "id": "m", "props": {"size": 1, "mem-path": "/a"}},
        {"qom-type", "props.mem-path"},
    ),
    ("object-add", {"qom-type": "monitor-qmp", "id": "m", "chardev": "c"}, {"qom-type", "chardev"}),
    (
        "device_add",
        {"driver": "e1000", "id": "n", "netdev": "n0", "romfile": "/a"},
        {"driver", "romfile"},
    ),
    ("device_add", {"driver": "vfio-pci", "host": "00:02.0"}, {"driver", "host"}),
    ("device_add", {"driver": "e1000", "id": {"romfile": "/a"}}, {"driver", "id.romfile"}),
    ("nbd-server-start", {"addr": {"type": "unix", "data": {"path": "/a"}}}, {"addr.data.path"}),
    (
        "block-export-add",
        {"type": "fuse", "id": "e", "node-name": "a", "mountpoint": "/a"},
        {"type", "mountpoint"},
    ),
    (
        "display-update",
        {"type": "vnc", "addresses": [INET]},
        {"addresses.0.host", "addresses.0.port"},
    ),
    ("human-monitor-command", {"command-line": "xp 0"}, {"command-line"}),
    ("guest-exec", {"path": "/bin/sh", "arg": ["-c", "id"]}, {"path", "arg.0", "arg.1"}),
]


@pytest.mark.parametrize(("command", "arguments", "members"), ATTACKS)
def test_what_an_attacker_would_try(
    command: str, arguments: dict[str, Any], members: set[str]
) -> None:
    assert found_in(command, arguments) == members


def test_most_commands_have_no_sensitive_member() -> None:
    with_patterns = [name for name in all_names() if (each := effects_of(name)) and each.sensitive]
    assert len(with_patterns) < len(all_names()) / 6
