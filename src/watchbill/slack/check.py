"""Tell what is in the way between watchbill and Slack: each thing yes or no, with what to do about it.

Nothing is written to anybody, and nobody is pinned.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from slack_sdk import WebClient

from watchbill.errors import NotFoundError, ProviderError, RefusedError, WatchbillError
from watchbill.respond.interfaces import LaterError, SlackId
from watchbill.slack.calls import client_of, plainly
from watchbill.slack.connect import APP_TOKEN, PATH, SIGNING_SECRET, SlackSettings
from watchbill.slack.people import People, refuse
from watchbill.slack.sender import LEADS_MOST, channel_id
from watchbill.team.model import Person, Team


SCOPES = frozenset(
    {
        "channels:history",
        "channels:read",
        "chat:write",
        "commands",
        "groups:history",
        "groups:read",
        "im:history",
        "im:write",
        "mpim:history",
        "mpim:write",
        "users:read",
        "users:read.email",
    }
)
"""What the app needs: those of `deploy/slack-app-manifest.yaml`."""


@dataclass(frozen=True, slots=True)
class Found:
    """One thing, and whether it is as it should be."""

    what: str
    holds: bool
    detail: str
    fix: str | None = None


def check(settings: SlackSettings, team: Team, pins: Mapping[str, SlackId]) -> Iterator[Found]:
    """Look at the token, its scopes, how presses come, the channel and the people; `pins` are who was pinned."""
    client = client_of(settings.bot_token, settings.url)
    if team.slack is None:
        yield _no("team file", "it does not say that people are asked in Slack", "add `slack: {}` to it")
    try:
        with plainly():
            answer = client.auth_test()
    except ProviderError as error:
        yield _no("bot token", str(error), error.hint)
        return
    about = answer.data if isinstance(answer.data, dict) else {}
    yield _yes("bot token", f"it is {about.get('user')}'s, in {about.get('team')} ({about.get('team_id')})")
    yield _scopes(answer.headers)
    yield _presses(settings, client)
    yield _leads(client, team)
    yield from _people(client, team, pins)


def _scopes(headers: Mapping[str, Any]) -> Found:
    given = next((str(value) for name, value in headers.items() if name.lower() == "x-oauth-scopes"), "")
    has = {scope.strip() for scope in given.split(",")} - {""}
    fix = "give the app those of deploy/slack-app-manifest.yaml and install it again"
    if missing := sorted(SCOPES - has):
        return _no("scopes", f"missing: {', '.join(missing)}", fix)
    more = sorted(has - SCOPES)
    return _yes("scopes", f"all it needs; it needs no {', '.join(more)}" if more else "all it needs and no other")


def _presses(settings: SlackSettings, client: WebClient) -> Found:
    if settings.app_token is not None:
        try:
            with plainly():
                client.apps_connections_open(app_token=settings.app_token)
        except ProviderError as error:
            return _no("presses", str(error), f"set {APP_TOKEN} to an app-level token with connections:write")
        return _yes("presses", "they come by Socket Mode")
    if settings.signing_secret is not None:
        return _yes("presses", f"they come as requests to {PATH}; that they do shows at the first press")
    fix = f"set {APP_TOKEN} for Socket Mode, or {SIGNING_SECRET} for requests"
    return _no("presses", "nothing says how they get here", fix)


def _leads(client: WebClient, team: Team) -> Found:
    channel = team.slack.channel if team.slack is not None else None
    if channel is None:
        if 0 < len(team.leads) <= LEADS_MOST:
            return _yes("leads", "they are written to directly")
        fix = "name `leads`" if not team.leads else "set `slack: {channel: ...}`"
        return _no("leads", f"nobody can write to {len(team.leads)} leads at once", f"{fix} in the team file")
    try:
        number = channel_id(client, channel) if channel.startswith("#") else channel
        with plainly():
            answer = client.conversations_info(channel=number)
    except (ProviderError, NotFoundError) as error:
        return _no("leads", f"{channel}: {error}", error.hint)
    about = answer.data["channel"] if isinstance(answer.data, dict) else {}
    if about.get("is_archived"):
        return _no("leads", f"{channel} is archived", "name another channel")
    if not about.get("is_member"):
        return _no("leads", f"the app is not in {channel}", "invite it: /invite @watchbill")
    by_name = f"; its id is safer than its name: {number}" if channel.startswith("#") else ""
    return _yes("leads", f"they are told in {channel}{by_name}")


def _people(client: WebClient, team: Team, pins: Mapping[str, SlackId]) -> Iterator[Found]:
    people = People(client)
    for person in team.people.values():
        try:
            yield _person(people, person, pins.get(person.name))
        except LaterError as error:
            seconds = int(error.after.total_seconds())
            yield _no("people", "Slack takes no more questions for now", f"check again in {seconds} s")
            return
        except WatchbillError as error:
            yield _no(f"person {person.name}", str(error), error.hint)


def _person(people: People, person: Person, pinned: SlackId | None) -> Found:
    what = f"person {person.name}"
    try:
        found = people.look_up(person.email)
    except (NotFoundError, RefusedError):
        if pinned is None:
            raise
        refuse(people.ask(pinned))
        return _yes(what, f"pinned to {pinned.user}; their address is not known to Slack any more")
    if pinned is not None and found != pinned:
        fix = "ask them face to face who they are in Slack; whoever may change addresses there can be them"
        return _no(what, f"pinned to {pinned.user}, and their address is {found.user}'s now", fix)
    return _yes(what, found.user if pinned is None else f"pinned to {found.user}")


def _yes(what: str, detail: str) -> Found:
    return Found(what, holds=True, detail=detail)


def _no(what: str, detail: str, fix: str | None) -> Found:
    return Found(what, holds=False, detail=detail, fix=fix)
