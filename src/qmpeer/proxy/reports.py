"""The reports of a proxy's control socket, as its schema declares them.

They show the names of commands, never their arguments: these may hold secrets.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from qmpeer import limits
from qmpeer.messages import redact_urls
from qmpeer.proxy.hub import Hub
from qmpeer.proxy.logbook import Departure, Logbook
from qmpeer.proxy.request import Request
from qmpeer.proxy.server_link import ServerLink
from qmpeer.proxy.session import ProxySession
from qmpeer.values import JsonObject, JsonValue

if TYPE_CHECKING:
    from qmpeer.policy import Verdict


def _rounded(seconds: float) -> float:
    return round(seconds, 3)


def _present(members: Iterable[tuple[str, JsonValue]]) -> JsonObject:
    """Return an object of the members that have a value."""
    return {name: value for name, value in members if value is not None}


def peer_report(session: ProxySession) -> JsonObject:
    """Return who a client is: a ProxyPeer."""
    who = session.identity
    return {
        "number": session.number,
        "listener": session.rules.name,
        **_present(
            (
                ("pid", who.pid),
                ("uid", who.uid),
                ("gid", who.gid),
                ("process", session.process),
                ("certificate", who.certificate),
                ("address", who.address),
            )
        ),
    }


def gone_report(session: ProxySession, reason: Departure, seconds: float) -> JsonObject:
    """Return which client is gone, why, and after how long: the data of CLIENT_GONE."""
    return {"number": session.number, "reason": reason.value, "seconds": _rounded(seconds)}


def client_report(session: ProxySession, now: float) -> JsonObject:
    """Return the state of a client, what it waits for, and its numbers: a ProxyClient."""
    client, requests = session.client.state, session.requests
    oldest = min(requests, key=lambda request: request.began, default=None)
    state = "ready" if client.is_ready else "greeted" if session.is_greeted else "connected"
    return {
        **peer_report(session),
        "seconds": _rounded(now - session.opened_at),
        "state": state,
        "oob": client.is_oob_enabled,
        "commands": session.commands,
        "answered": session.commands - len(requests),
        "refused": session.refused,
        "unread": client.waiting,
        "queued": len(session.lane),
        "in-flight": sum(request.is_sent for request in requests),
        **_present((("waits-for", None if oldest is None else _command_report(oldest, now)),)),
        "events": session.events,
        "withheld": session.withheld,
        "received": client.received,
        "sent": client.sent,
        "unsent": client.unsent,
    }


def server_report(hub: Hub, link: ServerLink, address: str, now: float) -> JsonObject:
    """Return the state of the server, and what has passed: a ProxyServer."""
    logbook, server = hub.logbook, hub.server
    open_requests = [] if server is None else server.requests
    greeting = None if server is None else server.session.greeting_value
    loss, failure = logbook.last_loss, link.last_failure
    traffic = logbook.traffic
    return {
        "address": redact_urls(address),
        "state": link.phase.name.lower(),
        **_present(
            (
                ("version", None if greeting is None else greeting.get("version")),
                ("seconds", None if server is None else _rounded(now - logbook.ready_at)),
            )
        ),
        "oob": server is not None and server.offers_oob,
        "connections": logbook.connections,
        "window": hub.window,
        "in-flight": 0 if server is None else server.session.commands_in_flight,
        "queued": sum(len(session.lane) for session in hub.sessions),
        **_present(
            (
                ("oldest", _command_report(open_requests[0], now) if open_requests else None),
                ("last-loss", None if loss is None else _loss_report(loss.reason, now - loss.time)),
                ("last-failure", None if failure is None else failure_text(failure)),
            )
        ),
        "commands": traffic.commands,
        "replies": traffic.replies,
        "errors": traffic.errors,
        "events": traffic.events,
        "received": traffic.received,
        "sent": traffic.sent,
    }


def failure_text(failure: Exception) -> str:
    """Return why an attempt to connect has failed."""
    why = failure.strerror if isinstance(failure, OSError) else None
    return redact_urls(why or str(failure))


def drops_report(logbook: Logbook) -> JsonObject:
    """Return what didn't reach its destination: a ProxyDrops."""
    gone: JsonObject = {
        reason.value: count for reason, count in logbook.gone.items() if reason != Departure.ENDED
    }
    return {
        "clients": logbook.clients,
        "gone": gone,
        "commands": logbook.dropped_commands,
        "replies": logbook.dropped_replies,
        "late": logbook.late_replies,
    }


def policy_report(hub: Hub) -> JsonObject | None:
    """Return which policy holds: a ProxyPolicy; None if there is none."""
    policy = hub.policy
    if policy is None:
        return None
    return {
        "file": policy.source,
        "digest": policy.digest,
        "rules": len(policy.rules),
        "dry-run": policy.is_dry_run,
        "denied": hub.logbook.denied_commands,
    }


def denial_report(request: Request, verdict: "Verdict", is_dry_run: bool) -> JsonObject:
    """Return which command isn't allowed: the data of COMMAND_DENIED."""
    return {
        "number": request.requester.number,
        "command": request.command.name[: limits.PROXY_SHOWN_NAME],
        **_present((("rule", verdict.rule_name),)),
        "dry-run": is_dry_run,
    }


def _command_report(request: Request, now: float) -> JsonObject:
    return {
        "name": request.command.name,
        "oob": request.command.is_oob,
        "sent": request.is_sent,
        "seconds": _rounded(now - request.began),
    }


def _loss_report(reason: str, seconds: float) -> JsonObject:
    return {"reason": reason, "seconds": _rounded(seconds)}
