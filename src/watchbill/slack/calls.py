"""Call Slack's Web API, and say what went wrong in words of ours.

Nothing is tried again here: whoever delivers does that, later, and nobody sleeps. What Slack answered is named by
Slack's own word for it alone, so that no token, address or name gets into an error.
"""

import http.client
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError

from watchbill.errors import ProviderError
from watchbill.respond.interfaces import LaterError


_WAIT = 10
"""Seconds for one call."""
_AFTER = timedelta(seconds=30)
"""How long to wait where Slack says that it is too much, and not for how long."""
_WORD = re.compile(r"[a-z_]{1,60}")

_HINTS = {
    "account_inactive": "install the app again and set WATCHBILL_SLACK_BOT_TOKEN",
    "channel_not_found": "give the id of the channel in the team file, and invite the app where it is private",
    "invalid_auth": "set WATCHBILL_SLACK_BOT_TOKEN to the bot's token, xoxb-...",
    "missing_scope": "give the app the scopes of deploy/slack-app-manifest.yaml and install it again",
    "not_allowed_token_type": "WATCHBILL_SLACK_BOT_TOKEN begins with xoxb-, WATCHBILL_SLACK_APP_TOKEN with xapp-",
    "not_in_channel": "invite the app into the channel: /invite @watchbill",
    "token_revoked": "install the app again and set WATCHBILL_SLACK_BOT_TOKEN",
}


class SlackRefusedError(ProviderError):
    """Slack understood, and would not; `word` is its word for why."""

    def __init__(self, message: str, word: str, hint: str | None = None) -> None:
        super().__init__(message, hint)
        self.word = word


class UncertainError(ProviderError):
    """Slack may have done it, and could not say so."""


def client_of(token: str, base_url: str, wait: int = _WAIT) -> WebClient:
    """Make a client that tries nothing again by itself, and waits so many seconds for an answer."""
    return WebClient(token=token, base_url=base_url, timeout=wait, retry_handlers=[])


@contextmanager
def plainly() -> Iterator[None]:
    """Turn what goes wrong inside into LaterError, SlackRefusedError or UncertainError."""
    try:
        yield
    except SlackApiError as error:
        # Raised anew and from nothing: the library's text may quote what was sent.
        found = _meaning(error)
    except (OSError, SlackClientError, http.client.HTTPException, ValueError):
        found = UncertainError("Slack could not be reached, or broke off")
    else:
        return
    raise found


def _meaning(error: SlackApiError) -> ProviderError:
    status, answer = error.response.status_code, error.response.data
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return LaterError("Slack takes nothing for now", _after(error.response.headers))
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or not isinstance(answer, dict):
        return UncertainError(f"Slack answered {status}")
    said = str(answer.get("error", ""))
    word = said if _WORD.fullmatch(said) else "something unknown"
    if word == "ratelimited":
        return LaterError("Slack takes nothing for now", _after(error.response.headers))
    needed = str(answer.get("needed", ""))
    more = f" ({needed})" if word == "missing_scope" and re.fullmatch(r"[a-z.:,_]{1,100}", needed) else ""
    return SlackRefusedError(f"Slack refused: {word}{more}", word, _HINTS.get(word))


def _after(headers: object) -> timedelta:
    """Read Retry-After, whatever its case and type; an hour at the most."""
    found = {str(k).lower(): v for k, v in headers.items()} if hasattr(headers, "items") else {}
    text = str(found.get("retry-after", ""))
    return timedelta(seconds=min(int(text), 3600)) if re.fullmatch(r"[0-9]{1,6}", text) else _AFTER


def pages(call: Callable[[str], dict[str, Any]], most: int) -> Iterator[dict[str, Any]]:
    """Give the pages of an answer, `most` at the most; the last given has a cursor still where there are more."""
    cursor = ""
    for _ in range(most):
        page = call(cursor)
        yield page
        cursor = cursor_of(page)
        if not cursor:
            return


def cursor_of(page: dict[str, Any]) -> str:
    """Give the cursor of the page that follows; empty where none does."""
    about = page.get("response_metadata")
    return str(about.get("next_cursor") or "") if isinstance(about, dict) else ""
