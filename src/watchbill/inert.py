"""Show what others wrote rather than obey it."""


def inert(text: object) -> str:
    """Give a text with every character shown that would move, hide or turn around what a reader sees.

    Control and direction-changing characters, line breaks and tabs too, become their code, such as `202e`.
    """
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in str(text))
