"""What templates say in the same way everywhere."""

import pytest

from watchbill.web.drawing import environment, read_templates


@pytest.mark.parametrize(
    ("given", "said"), [("1|counted('gap')", "1 gap"), ("0|counted('gap')", "0 gaps"), ("2|counted('gap')", "2 gaps")]
)
def test_one_is_one_and_all_else_is_many(given, said):
    """As people write it."""
    assert environment().from_string(f"{{{{ {given} }}}}").render() == said
    assert environment().from_string("{{ 2|counted('entry', 'entries') }}").render() == "2 entries"


def test_no_page_reads_a_template_when_it_is_looked_at():
    """All of them are there once they were read beforehand."""
    read_templates()
    env = environment()
    assert env.cache is not None
    kept = {template.name for template in env.cache.values()}
    assert kept >= set(env.list_templates(extensions=["html"]))
