"""Sends cases to where a company gathers its alerts: syslog and webhooks."""
