"""Findings and judgements gathered into cases that a person can decide."""
