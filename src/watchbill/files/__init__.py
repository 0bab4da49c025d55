"""Folders and files on this machine: trails, rules, team files, reports."""
