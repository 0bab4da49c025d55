"""Who somebody is in Slack: found by their address once, and by their ids ever after.

Guests, bots, people of other workspaces and those who are gone are nobody who may be asked, or answer.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from threading import Lock
from typing import Any

from slack_sdk import WebClient

from watchbill.errors import NotFoundError, ProviderError, RefusedError
from watchbill.respond.interfaces import SlackId
from watchbill.slack.calls import SlackRefusedError, plainly
from watchbill.slack.model import Standing


_KEPT = timedelta(minutes=5)
"""How long it is believed what somebody is."""


class People:
    """Asks Slack who people are, of one workspace."""

    def __init__(self, client: WebClient) -> None:
        self._client = client
        self._known: dict[SlackId, tuple[Standing, datetime]] = {}
        self._lock = Lock()

    def look_up(self, email: str) -> SlackId:
        """Find a member by their address; NotFoundError and RefusedError say why they are none."""
        try:
            with plainly():
                user = _user(self._client.users_lookupByEmail(email=email).data)
        except SlackRefusedError as error:
            if error.word == "users_not_found":
                raise NotFoundError(
                    "nobody in the Slack workspace has their address",
                    "give the address of their Slack account in the team file",
                ) from None
            raise
        found = SlackId(str(user.get("team_id", "")), str(user.get("id", "")))
        refuse(_standing(user, found))
        return found

    def standing(self, who: SlackId, at: datetime) -> Standing:
        """Tell what somebody is, as Slack said a few minutes ago at the most; UNKNOWN where it could not be asked."""
        try:
            return self.lately(who, at)
        except ProviderError:
            return Standing.UNKNOWN

    def lately(self, who: SlackId, at: datetime) -> Standing:
        """Tell what somebody is, as Slack said a few minutes ago at the most; ProviderError where it cannot say."""
        with self._lock:
            known = self._known.get(who)
        if known is not None and at - known[1] < _KEPT:
            return known[0]
        found = self.ask(who)
        with self._lock:
            self._known[who] = (found, at)
        return found

    def ask(self, who: SlackId) -> Standing:
        """Ask Slack what somebody is now; ProviderError where it cannot be asked."""
        try:
            with plainly():
                return _standing(_user(self._client.users_info(user=who.user).data), who)
        except SlackRefusedError as error:
            if error.word in ("user_not_found", "user_not_visible"):
                return Standing.STRANGER
            raise


def refuse(standing: Standing) -> None:
    """Raise RefusedError for whoever is no member."""
    match standing:
        case Standing.MEMBER:
            return
        case Standing.UNKNOWN:
            raise RefusedError("Slack cannot tell now whether they are a member of the workspace")
        case _:
            said = {"guest": "a guest", "bot": "a bot", "deleted": "gone", "stranger": "of another workspace"}
            raise RefusedError(f"they are no member of the Slack workspace: {said[standing]}")


def _user(answer: object) -> Mapping[str, Any]:
    user = answer.get("user") if isinstance(answer, dict) else None
    return user if isinstance(user, dict) else {}


def _standing(user: Mapping[str, Any], who: SlackId) -> Standing:
    """Judge what Slack says of a user; what it does not say of whom was asked is no membership."""
    if user.get("id") != who.user or user.get("team_id") != who.team or user.get("is_stranger"):
        return Standing.STRANGER
    if user.get("deleted"):
        return Standing.DELETED
    if user.get("is_bot") or user.get("is_app_user") or who.user == "USLACKBOT":
        return Standing.BOT
    if user.get("is_restricted") or user.get("is_ultra_restricted"):
        return Standing.GUEST
    return Standing.MEMBER
