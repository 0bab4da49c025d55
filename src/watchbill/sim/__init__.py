"""A pretend world: a stand-in for AWS, a clock moved by hand, and people who work and misbehave."""
