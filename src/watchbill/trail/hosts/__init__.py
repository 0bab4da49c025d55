"""What hosts themselves recorded: who logged in, became whom, and ran what."""
