"""The only part that speaks to AWS."""
