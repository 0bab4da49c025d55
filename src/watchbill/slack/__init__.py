"""Asks people in Slack and hears what they press: the only part that speaks to Slack."""
