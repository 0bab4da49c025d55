"""What AWS would decide, and by which statement."""
