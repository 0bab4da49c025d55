"""The pages, each part with its own table of who may see it."""
