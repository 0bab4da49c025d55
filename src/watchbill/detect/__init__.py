"""What rules, windows and baselines say about events."""
