"""Pages: today the self-contained report."""
