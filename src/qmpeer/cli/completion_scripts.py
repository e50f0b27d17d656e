"""Completion scripts for bash, zsh and fish, with all options and arguments of ``qmpeer``."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from qmpeer.cli.fish_completion import fish_script
from qmpeer.cli.grammar import Option, Positional, Usage, subcommands_of, verbs_of

# bash

_BASH = r"""# Completion of qmpeer and qmp-shell for bash. Made by: qmpeer completion bash

_qmpeer_offer() {  # WORD...: data, which is matched and inserted quoted
    local word quoted
    for word; do
        printf -v quoted %q "$word"
        [[ $word == "$typed"* && $quoted == "$head"* ]] && COMPREPLY+=("${quoted#"$head"}")
    done
}

_qmpeer_complete() {  # KIND: file, file:A,B, words:A,B, names:KIND, or nothing
    local found
    case $1 in
        file)
            compopt -o default ;;  # names of files are for readline to find and quote
        file:*)
            compopt -o default  # if none of the words fits
            _qmpeer_complete "words:${1#file:}" ;;
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
        f"            {name}) verbs={'address:' * members[0].has_address_first}"
        f"{','.join(usage.words[1] for usage in members)} ;;"
        for name, members in verbs_of(usages).items()
    )
    script = _BASH.replace("@NAMES@", ",".join(subcommands_of(usages)))
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
    places = " ".join(f"{each.kind or '-'}{'+' * each.is_many}" for each in usage.positionals)
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
    names = (
        f"            {_zsh_pair(name, about)}" for name, about in subcommands_of(usages).items()
    )
    verbs = (
        f"        {name}) found=({'address ' * members[0].has_address_first}"
        + " ".join(_zsh_pair(usage.words[1], usage.about) for usage in members)
        + ") ;;"
        for name, members in verbs_of(usages).items()
    )
    script = _ZSH.replace("@NAMES@", "\n".join(names)).replace("@VERBS@", "\n".join(verbs))
    return script.replace("@CASES@", "\n".join(map(_zsh_case, usages)))


def _zsh_pair(name: str, about: str) -> str:
    return _quoted(f"{name}:{about.rstrip('.')}".replace("\n", " "))


def _zsh_case(usage: Usage) -> str:
    specs = [*map(_zsh_option, usage.options), *_zsh_places(usage.positionals)]
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


def _zsh_places(places: Sequence[Positional]) -> Iterator[str]:
    for number, argument in enumerate(places, 1):
        place = "*" if argument.is_many else str(number)
        yield _quoted(f"{place}:{_zsh_text(argument.name)}:{_zsh_action(argument.kind)}")


def _zsh_action(kind: str) -> str:
    name, _, rest = kind.partition(":")
    match name:
        case "file":
            words = rest.replace(",", " ")
            return f"{{compadd -- {words}; _files}}" if words else "_files"
        case "words":
            return f"({rest.replace(',', ' ')})"
        case "names":
            return f"{{_qmpeer_names {rest}}}"
    return " "


def _zsh_text(text: str) -> str:
    return "".join(f"\\{char}" if char in "[]:\\" else char for char in text)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


SCRIPTS: Final[Mapping[str, Callable[[Sequence[Usage]], str]]] = {
    "bash": bash_script,
    "zsh": zsh_script,
    "fish": fish_script,
}
"""The function that writes a shell's script, by the shell's name."""
