"""Tells people by mail, and leads by what Apprise reaches, PagerDuty and webhooks."""
