"""Whether an action was its person's to take at that moment."""
