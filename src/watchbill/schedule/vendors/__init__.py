"""What other products say about who is on call: their shifts, and where it can be said exactly, their rotations."""
