"""One pass of everything that happens without a person: the level-triggered reconcile."""
