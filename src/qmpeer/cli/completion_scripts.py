"""Completion scripts for bash, zsh and fish, of all that can be typed behind ``qmpeer``."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from qmpeer.cli.grammar import Option, Place, Usage, usages

__all__ = ["SCRIPTS", "bash_script", "fish_script", "usages", "zsh_script"]


def _with_verbs(usages: Sequence[Usage]) -> dict[str, list[Usage]]:
    found: dict[str, list[Usage]] = {}
    for usage in usages:
        if len(usage.words) == 2:
            found.setdefault(usage.words[0], []).append(usage)
    return found


def _names(usages: Sequence[Usage]) -> dict[str, str]:
    """Return the subcommands with what each does."""
    found: dict[str, str] = {}
    for usage in usages:
        name, *verb = usage.words
        if not verb:
            found[name] = usage.about
        else:
            found.setdefault(name, f"{'ADDRESS ' * usage.has_address_first}VERB ...")
    return found


# bash

_BASH = r"""# Completion of qmpeer and qmp-shell for bash. Made by: qmpeer completion bash

_qmpeer_offer() {  # WORD...: data, which is matched and inserted quoted
    local word quoted
    for word; do
        printf -v quoted %q "$word"
        [[ $word == "$typed"* && $quoted == "$head"* ]] && COMPREPLY+=("${quoted#"$head"}")
    done
}

_qmpeer_complete() {  # KIND: file, words:A,B, names:KIND, or nothing
    local found
    case $1 in
        file)
            compopt -o default ;;  # names of files are for readline to find and quote
        words:*)
            IFS=, read -ra found <<< "${1#words:}"
            _qmpeer_offer "${found[@]}" ;;
        names:*)
            mapfile -t found < <(qmpeer completion names "${1#names:}" -- "$address" \
                "$typed" 2>/dev/null)
            _qmpeer_offer "${found[@]}" ;;
    esac
}

_qmpeer_words() {  # as on the line: readline takes ":" and "=" for words of their own
    local line=${COMP_LINE:0:COMP_POINT} word rest
    for word in "${COMP_WORDS[@]:0:COMP_CWORD+1}"; do
        rest=${line#"${line%%[![:space:]]*}"}
        if [[ $rest != "$line" || -z $rest || ${#words[@]} == 0 ]]; then
            words+=("")
        fi
        word=${word:0:${#rest}}
        words[-1]+=$word line=${rest#"$word"}
    done
    cur=${words[-1]}
    [[ $word && $COMP_WORDBREAKS == *"${word:0:1}"* ]] && word=
    head=${cur%"$word"}  # what stands before the text that is replaced
    IFS= read typed <<< "$cur"  # without its quotes
}

_qmpeer() {
    local IFS=$' \t\n' words=() cur typed head key at address= verbs= skip= place=0 word
    local options= valued= places=
    _qmpeer_words
    COMPREPLY=()
    if [[ ${words[0]##*/} == qmp-shell ]]; then
        key=shell at=1
    elif (( ${#words[@]} <= 2 )); then
        _qmpeer_complete words:@NAMES@
        return
    else
        key=${words[1]} at=2
        case $key in
@VERBS@
        esac
        if [[ $verbs == address:* ]]; then
            if (( ${#words[@]} == 3 )); then
                _qmpeer_complete file
                return
            fi
            IFS= read address <<< "${words[2]}"
            at=3 verbs=${verbs#address:}
        fi
        if [[ $verbs ]]; then
            if (( ${#words[@]} == at + 1 )); then
                _qmpeer_complete "words:$verbs"
                return
            fi
            key="$key ${words[at]}"
            (( at += 1 ))
        fi
    fi
    case $key in
@CASES@
    esac
    for word in "${words[@]:at:${#words[@]}-at-1}"; do
        if [[ $skip ]]; then
            skip=
        elif [[ " $valued " == *" $word="* ]]; then
            skip=$word
        elif [[ $word != -?* ]]; then
            (( place += 1 ))
            [[ $address ]] || IFS= read address <<< "$word"
        fi
    done
    if [[ $skip ]]; then
        for word in $valued; do
            [[ $word == "$skip="* ]] && _qmpeer_complete "${word#*=}"
        done
    elif [[ $cur == -* ]]; then
        _qmpeer_complete "words:$options"
    else
        places=($places)
        if (( place >= ${#places[@]} && ${#places[@]} )) && [[ ${places[-1]} == *+ ]]; then
            place=$(( ${#places[@]} - 1 ))
        fi
        word=${places[place]-}
        _qmpeer_complete "${word%+}"
    fi
}

complete -F _qmpeer qmpeer qmp-shell
"""


def bash_script(usages: Sequence[Usage]) -> str:
    """Return the script for bash."""
    verbs = (
        f"            {name}) verbs={'address:' * of[0].has_address_first}"
        f"{','.join(usage.words[1] for usage in of)} ;;"
        for name, of in _with_verbs(usages).items()
    )
    script = _BASH.replace("@NAMES@", ",".join(_names(usages)))
    script = script.replace("@VERBS@", "\n".join(verbs))
    return script.replace("@CASES@", "\n".join(map(_bash_case, usages)))


def _bash_case(usage: Usage) -> str:
    options = ",".join(flag for option in usage.options for flag in option.flags)
    valued = " ".join(
        f"{flag}={option.kind}"
        for option in usage.options
        if option.value is not None
        for flag in option.flags
    )
    places = " ".join(f"{each.kind or '-'}{'+' * each.is_many}" for each in usage.places)
    return (
        f"        '{usage.key}')\n            options={options}\n"
        f"            valued='{valued}'\n            places='{places}' ;;"
    )


# zsh

_ZSH = r"""#compdef qmpeer qmp-shell
# Completion of qmpeer and qmp-shell for zsh. Made by: qmpeer completion zsh

_qmpeer_names() {  # KIND
    local -a names
    names=(${(f)"$(qmpeer completion names $1 -- "$qmpeer_address" "${(Q)PREFIX}" 2>/dev/null)"})
    compadd -a -- names
}

_qmpeer_of() {  # KEY
    case $1 in
@CASES@
    esac
}

_qmpeer() {
    local qmpeer_address= key=
    local -a found
    if [[ ${words[1]:t} == qmp-shell ]]; then
        qmpeer_address=${(Q)words[2]}
        _qmpeer_of shell
        return
    fi
    if (( CURRENT == 2 )); then
        found=(
@NAMES@
        )
        _describe subcommand found
        return
    fi
    shift words
    (( CURRENT -= 1 ))
    key=$words[1]
    case $key in
@VERBS@
    esac
    if [[ $found[1] == address ]]; then
        if (( CURRENT == 2 )); then
            _files
            return
        fi
        qmpeer_address=${(Q)words[2]}
        shift words
        (( CURRENT -= 1 ))
        shift found
    elif (( ! $#found )); then
        qmpeer_address=${(Q)words[2]}
    fi
    if (( $#found )); then
        if (( CURRENT == 2 )); then
            _describe verb found
            return
        fi
        key="$key $words[2]"
        shift words
        (( CURRENT -= 1 ))
    fi
    _qmpeer_of $key
}

_qmpeer "$@"
"""


def zsh_script(usages: Sequence[Usage]) -> str:
    """Return the script for zsh."""
    names = (f"            {_zsh_pair(name, about)}" for name, about in _names(usages).items())
    verbs = (
        f"        {name}) found=({'address ' * of[0].has_address_first}"
        + " ".join(_zsh_pair(usage.words[1], usage.about) for usage in of)
        + ") ;;"
        for name, of in _with_verbs(usages).items()
    )
    script = _ZSH.replace("@NAMES@", "\n".join(names)).replace("@VERBS@", "\n".join(verbs))
    return script.replace("@CASES@", "\n".join(map(_zsh_case, usages)))


def _zsh_pair(name: str, about: str) -> str:
    return _quoted(f"{name}:{about.rstrip('.')}".replace("\n", " "))


def _zsh_case(usage: Usage) -> str:
    specs = [*map(_zsh_option, usage.options), *_zsh_places(usage.places)]
    lines = "".join(f" \\\n            {spec}" for spec in specs)
    return f"        '{usage.key}')\n        _arguments{lines} ;;"


def _zsh_option(option: Option) -> str:
    flags = f"({' '.join(option.flags)})" if len(option.flags) > 1 else ""
    names = f"{{{','.join(option.flags)}}}" if len(option.flags) > 1 else option.flags[0]
    value = "" if option.value is None else f":{_zsh_text(option.value)}:{_zsh_action(option.kind)}"
    help = f"[{_zsh_text(option.help)}]" if option.help else ""
    if len(option.flags) > 1:
        return f"{_quoted(flags)}{names}{_quoted(help + value)}"
    return _quoted(f"{names}{help}{value}")


def _zsh_places(places: Sequence[Place]) -> Iterator[str]:
    for number, argument in enumerate(places, 1):
        place = "*" if argument.is_many else str(number)
        yield _quoted(f"{place}:{_zsh_text(argument.name)}:{_zsh_action(argument.kind)}")


def _zsh_action(kind: str) -> str:
    name, _, rest = kind.partition(":")
    match name:
        case "file":
            return "_files"
        case "words":
            return f"({rest.replace(',', ' ')})"
        case "names":
            return f"{{_qmpeer_names {rest}}}"
    return " "


def _zsh_text(text: str) -> str:
    return "".join(f"\\{char}" if char in "[]:\\" else char for char in text)


# fish

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
    verbed = _with_verbs(usages)
    addressed = [name for name, of in verbed.items() if of[0].has_address_first]
    others = [name for name in verbed if name not in addressed]
    script = _FISH.replace("@ADDRESSED@", " ".join(addressed))
    script = script.replace("@VERBED@", " ".join(others))
    script = script.replace("@ADDRESSED_REGEX@", "|".join(addressed))
    return script.replace("@LINES@", "\n".join(_fish_lines(usages)))


def _fish_lines(usages: Sequence[Usage]) -> Iterator[str]:
    for name, about in _names(usages).items():
        yield f"complete -c qmpeer -f -n '__qmpeer_count 1' -a {name} -d {_fish_quoted(about)}"
    for name, of in _with_verbs(usages).items():
        place = 3 if of[0].has_address_first else 2
        for usage in of:
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
    for number, argument in enumerate(usage.places):
        if argument.kind in ("", "file"):
            continue
        words = " ".join((_fish_quoted(usage.key), str(number), *valued))
        where = _fish_quoted(f"__qmpeer_place {words}")
        yield f"complete -c {program} -n {where}{_fish_value(argument.kind).replace(' -x', ' -f')}"


def _fish_flag(flag: str) -> str:
    if flag.startswith("--"):
        return f"-l {flag[2:]}"
    return f"-s {flag[1:]}" if len(flag) == 2 else f"-o {flag[1:]}"


def _fish_value(kind: str) -> str:
    name, _, rest = kind.partition(":")
    match name:
        case "file":
            return " -r -F"
        case "words":
            return f" -x -a {_fish_quoted(rest.replace(',', ' '))}"
        case "names":
            return f" -x -a '(__qmpeer_names {rest})'"
    return " -x"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def _fish_quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", " ") + "'"


SCRIPTS: Final[Mapping[str, Callable[[Sequence[Usage]], str]]] = {
    "bash": bash_script,
    "zsh": zsh_script,
    "fish": fish_script,
}
"""By shell, what makes its script."""
