"""Watchbill's own rules: one Sigma file each, what they see and how well in `docs/rule-pack.md`."""
