"""The completion script for fish, with all options and arguments of ``qmpeer``."""

from collections.abc import Iterator, Sequence

from qmpeer.cli.grammar import Usage, subcommands_of, verbs_of

_FISH = r"""# Completion of qmpeer and qmp-shell for fish. Made by: qmpeer completion fish

function __qmpeer_key
    set -l words (commandline -opc)
    if test (basename -- $words[1]) = qmp-shell
        echo shell
        return
    end
    set -e words[1]
    switch "$words[1]"
        case @ADDRESSED@
            test (count $words) -ge 3; and echo $words[1] $words[3]
        case @VERBED@
            test (count $words) -ge 2; and echo $words[1] $words[2]
        case '*'
            echo $words[1]
    end
end

function __qmpeer_is
    test "$(__qmpeer_key)" = "$argv[1]"
end

function __qmpeer_count
    test (count (commandline -opc)) -eq $argv[1]
end

function __qmpeer_behind
    set -l words (commandline -opc)
    test (count $words) -eq $argv[2]; and test "$words[2]" = $argv[1]
end

function __qmpeer_place  # KEY PLACE OPTION...: the options take a value
    __qmpeer_is "$argv[1]"; or return 1
    set -l words (commandline -opc)
    set -l place 0
    set -l skip 0
    set -l from (math 2 + (count (string split ' ' -- $argv[1])))
    string match -qr '^(@ADDRESSED_REGEX@) ' -- $argv[1]; and set from (math $from + 1)
    test (basename -- $words[1]) = qmp-shell; and set from 2
    for word in $words[$from..-1]
        if test $skip = 1
            set skip 0
        else if contains -- $word $argv[3..-1]
            set skip 1
        else if not string match -qr -- '^-.' $word
            set place (math $place + 1)
        end
    end
    test $skip = 0; and test $place -eq $argv[2]
end

function __qmpeer_names
    set -l words (commandline -opc)
    set -l address $words[3]
    test (basename -- $words[1]) = qmp-shell; and set address $words[2]
    qmpeer completion names $argv[1] -- "$address" (commandline -ct | string unescape) 2>/dev/null
end

@LINES@
"""


def fish_script(usages: Sequence[Usage]) -> str:
    """Return the script for fish."""
    verbed = verbs_of(usages)
    addressed = [name for name, members in verbed.items() if members[0].has_address_first]
    others = [name for name in verbed if name not in addressed]
    script = _FISH.replace("@ADDRESSED@", " ".join(addressed))
    script = script.replace("@VERBED@", " ".join(others))
    script = script.replace("@ADDRESSED_REGEX@", "|".join(addressed))
    return script.replace("@LINES@", "\n".join(_fish_lines(usages)))


def _fish_lines(usages: Sequence[Usage]) -> Iterator[str]:
    for name, about in subcommands_of(usages).items():
        yield f"complete -c qmpeer -f -n '__qmpeer_count 1' -a {name} -d {_fish_quoted(about)}"
    for name, members in verbs_of(usages).items():
        place = 3 if members[0].has_address_first else 2
        for usage in members:
            yield (
                f"complete -c qmpeer -f -n '__qmpeer_behind {name} {place}' "
                f"-a {usage.words[1]} -d {_fish_quoted(usage.about)}"
            )
    for usage in usages:
        for program in ("qmpeer", "qmp-shell") if usage.key == "shell" else ("qmpeer",):
            yield from _fish_usage(usage, program)


def _fish_usage(usage: Usage, program: str) -> Iterator[str]:
    start = f"complete -c {program} -n {_fish_quoted(f'__qmpeer_is {_fish_quoted(usage.key)}')}"
    for option in usage.options:
        flags = " ".join(map(_fish_flag, option.flags))
        takes = _fish_value(option.kind) if option.value is not None else ""
        help = f" -d {_fish_quoted(option.help)}" if option.help else ""
        yield f"{start} {flags}{takes}{help}"
    valued = [flag for o in usage.options if o.value is not None for flag in o.flags]
    for number, argument in enumerate(usage.positionals):
        if argument.kind in ("", "file"):
            continue
        words = " ".join((_fish_quoted(usage.key), str(number), *valued))
        where = _fish_quoted(f"__qmpeer_place {words}")
        value = _fish_value(argument.kind).replace(" -x", " -f").replace(" -r", "")
        yield f"complete -c {program} -n {where}{value}"


def _fish_flag(flag: str) -> str:
    if flag.startswith("--"):
        return f"-l {flag[2:]}"
    return f"-s {flag[1:]}" if len(flag) == 2 else f"-o {flag[1:]}"


def _fish_value(kind: str) -> str:
    name, _, rest = kind.partition(":")
    match name:
        case "file":
            return " -r -F" + (f" -a {_fish_quoted(rest.replace(',', ' '))}" if rest else "")
        case "words":
            return f" -x -a {_fish_quoted(rest.replace(',', ' '))}"
        case "names":
            return f" -x -a '(__qmpeer_names {rest})'"
    return " -x"


def _fish_quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", " ") + "'"
