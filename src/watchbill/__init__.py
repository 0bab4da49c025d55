"""Watchbill keeps AWS access in step with who is on watch, and holds every action in the trail against it."""
