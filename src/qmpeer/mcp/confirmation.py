"""The question to a person, before a call that may change something.

It is a courtesy and no boundary. The assistant's host shows the question and answers it; a host
that answers by itself, or lets the assistant answer, can't be told from a person.
"""

from typing import Any, Final

import mcp_types as types
from mcp.server.context import ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from qmpeer import limits
from qmpeer.mcp.results import result_text

_KEY: Final = "confirm"
_FORM: Final[dict[str, Any]] = {"type": "object", "properties": {}}
_REFUSED: Final = "A person was asked and has refused."
_CANT_ASK: Final = "Nobody could be asked, and this call has to be confirmed by a person."


async def ask_person(
    context: ServerRequestContext[Any, Any], params: types.CallToolRequestParams
) -> types.InputRequiredResult | str | None:
    """Ask; return None after a yes, else why not, or the question for the host to answer."""
    question = types.ElicitRequestFormParams(message=_question(params), requested_schema=_FORM)
    if context.protocol_version in MODERN_PROTOCOL_VERSIONS:
        response = (params.input_responses or {}).get(_KEY)
        if response is None:
            request = types.ElicitRequest(params=question)
            return types.InputRequiredResult(input_requests={_KEY: request})
        return _verdict(response)
    try:
        answer = await context.session.elicit_form(question.message, _FORM, context.request_id)
    except MCPError:  # the host has no way to ask
        return _CANT_ASK
    return _verdict(answer)


def _verdict(response: object) -> str | None:
    if isinstance(response, types.ElicitResult) and response.action == "accept":
        return None
    return _REFUSED


def _question(params: types.CallToolRequestParams) -> str:
    shown = result_text(params.arguments or {})
    if len(shown) > limits.MCP_QUESTION:
        shown = f"{shown[: limits.MCP_QUESTION]}… ({len(shown)} characters)"
    return (
        f"Let the assistant use the tool {result_text(params.name)} with these arguments? {shown}"
    )
