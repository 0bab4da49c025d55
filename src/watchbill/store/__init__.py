"""Watchbill's own state in a database."""
