"""``qmpeer mcp``: a machine for an assistant that speaks the Model Context Protocol."""

import argparse
from typing import Final

from qmpeer import limits
from qmpeer.cli.command_line import ADDRESS, Subcommand, argument, seconds
from qmpeer.cli.exits import UsageError

PROGRAM: Final = "qmpeer mcp"
_STATUSES: Final = """\
exit status:
  0  the assistant has left, or after SIGINT, SIGTERM or SIGHUP
  2  the command line is wrong, or a file that it names can't be read or written
  3  an extra isn't installed, or the port can't be opened
"""
_AFTER: Final = (
    f"""\
The tools go through a proxy in this process, which holds them to the policy and records each
command before it is sent (see qmpeer policy and qmpeer audit). The machine may come and go: while
it can't be reached, the tools say so.

Over standard input and output, one assistant's host starts this program. Over HTTP (--http) each
request must have the token of --token-file: Authorization: Bearer TOKEN.

A typed tool for one command is called qmp_COMMAND. By default the commands that the policy shows
have one each if they are at most {limits.MCP_TYPED_TOOLS}; the tools "commands", "describe" and
"execute" reach all of them. --tools all, --tools none or --tools 'query-*,stop' choose others.

--confirm is a courtesy and no boundary: the assistant's host shows the question to a person, or
answers by itself.

example:
  $ qmpeer mcp /run/vm.qmp
  $ qmpeer mcp /run/vm.qmp --policy assistant.toml --audit assistant.audit
  $ (umask 077; openssl rand -base64 24 >token)
  $ qmpeer mcp /run/vm.qmp --http 127.0.0.1:8080 --token-file token

"""
    + _STATUSES
)


def _run(namespace: argparse.Namespace) -> int:
    if (namespace.http is None) != (namespace.token_file is None):
        pair = ("--http", "--token-file") if namespace.http else ("--token-file", "--http")
        raise UsageError(f"found {pair[0]} without {pair[1]}")
    if namespace.http is None and (namespace.insecure or namespace.allow_host):
        option = "--insecure" if namespace.insecure else "--allow-host"
        raise UsageError(f"found {option} without --http")
    try:
        from qmpeer.cli.mcp_process import run_mcp  # optional extra: mcp
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "qmpeer":
            raise
        text = f"qmpeer mcp needs {error.name}: pip install '.[mcp]' in qmpeer's checkout"
        raise ModuleNotFoundError(text, name=error.name) from None
    return run_mcp(namespace)


COMMAND: Final = Subcommand(
    PROGRAM,
    "Give an assistant a machine, through the Model Context Protocol.",
    _AFTER,
    (
        ADDRESS,
        argument("--policy", "FILE|PRESET", "what the assistant may do: a policy's file, or a "
                 "preset: read-only (the default), monitoring, backup, operator",
                 default="read-only"),
        argument("--audit", "FILE", "the record of all that it does; by default one for each "
                 "ADDRESS in ~/.local/state/qmpeer/mcp"),
        argument("--http", "HOST:PORT", "listen for HTTP there; port 0 chooses a free one"),
        argument("--token-file", "FILE", "the token that each request over HTTP must have; only "
                 "you may have the right to read the file"),
        argument("--allow-host", "NAME", "a further name by which requests may call this host",
                 action="append", default=[]),
        argument("--insecure", None, "let --http be an address that other machines can reach; HTTP "
                 "isn't encrypted, so put a proxy with TLS before it"),
        argument("--tools", "WHICH", "the commands with a tool each: few (the default), all, none, "
                 "or names with *, separated by commas", default="few"),
        argument("--confirm", None, "let a person confirm each call that may change something, if "
                 "the assistant's host can ask one"),
        argument("--docs", "SOURCE", "QAPI file with the texts about the commands, such as QEMU's "
                 "qapi/qapi-schema.json"),
        argument("--command-timeout", "S", "wait at most S seconds for each reply (default "
                 f"{limits.MCP_COMMAND_TIMEOUT:g})", type=seconds,
                 default=limits.MCP_COMMAND_TIMEOUT),
    ),
    _run,
)  # fmt: skip
