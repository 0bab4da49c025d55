"""How many examples a property is tried with: some in `make test`, many in `make test-all`."""

from hypothesis import HealthCheck, settings


QUICK, THOROUGH = "quick", "thorough"


def register() -> None:
    """Make both profiles known, and take the quick one; `--hypothesis-profile=thorough` takes the other."""
    # A timing is never a test: the machine may be busy.
    of_both = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.register_profile(QUICK, of_both, max_examples=40)
    settings.register_profile(THOROUGH, of_both, max_examples=200)
    settings.load_profile(QUICK)


def examples(quick: int, thorough: int) -> settings:
    """Give a property that is dear to try its own numbers of examples."""
    return settings(max_examples=thorough if settings.get_current_profile_name() == THOROUGH else quick)
