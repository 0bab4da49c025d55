"""What happened, and who it was."""
