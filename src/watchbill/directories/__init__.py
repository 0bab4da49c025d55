"""Identity providers by HTTP: who a person is there, suspended or not, and the few steps of a freeze."""
