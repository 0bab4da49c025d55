"""What templates say in the same way everywhere."""

import pytest

from watchbill.web.drawing import environment


@pytest.mark.parametrize(
    ("given", "said"), [("1|counted('gap')", "1 gap"), ("0|counted('gap')", "0 gaps"), ("2|counted('gap')", "2 gaps")]
)
def test_one_is_one_and_all_else_is_many(given, said):
    """As people write it."""
    assert environment().from_string(f"{{{{ {given} }}}}").render() == said
    assert environment().from_string("{{ 2|counted('entry', 'entries') }}").render() == "2 entries"
