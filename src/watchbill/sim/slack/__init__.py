"""A stand-in for Slack on the loopback: its Web API, Socket Mode, signed requests, and a page to look at it."""

from watchbill.sim.slack.model import Ephemeral, Message, Pressed, User, View
from watchbill.sim.slack.server import SlackStandIn


__all__ = ["Ephemeral", "Message", "Pressed", "SlackStandIn", "User", "View"]
