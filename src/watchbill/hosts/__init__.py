"""Hosts by SSH: who a user is there, and the few steps of a freeze."""
