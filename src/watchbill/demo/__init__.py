"""The main job on the pretend world."""
