"""Sign-ins as identity providers recorded them: what CloudTrail never sees, such as a wrong password."""
