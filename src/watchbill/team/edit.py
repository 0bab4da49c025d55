"""Put an override into the text of a team file: what else stands in it, comments and all, stays byte for byte."""

import json
import re
from collections.abc import Collection, Mapping, Sequence
from io import StringIO
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

from watchbill.errors import RefusedError


def with_override(text: str, rota: str, override: Mapping[str, Any]) -> str:
    """Give the text with one more override at the end of a rota's; the file must be without mistakes.

    Raises RefusedError where the rota's text is an alias of other text, which an edit of one would change in both.
    """
    found = _value(_value(YAML(typ="rt").compose(StringIO(text)), "rotas"), rota)
    if not isinstance(found, MappingNode) or found.anchor is not None:
        raise RefusedError(f"rota `{rota}` is not written out in one place", "write the override into the file by hand")
    listed = _value(found, "overrides")
    item = _flow(override)
    if listed is None:
        return _with_key(text, found, item)
    if not isinstance(listed, SequenceNode) or listed.anchor is not None:
        raise RefusedError("the overrides are not written out in one place", "write the override into the file by hand")
    if listed.flow_style:
        end = listed.end_mark.index - 1
        return f"{text[:end].rstrip(', ')}{', ' if listed.value else ''}{item}{text[end:]}"
    return _after(text, _end(text, listed), f"{' ' * listed.start_mark.column}- {item}")


def _with_key(text: str, rota: MappingNode, item: str) -> str:
    if rota.flow_style:
        end = rota.end_mark.index - 1
        return f"{text[:end].rstrip(', ')}{', ' if rota.value else ''}overrides: [{item}]{text[end:]}"
    indent = " " * rota.start_mark.column
    return _after(text, _end(text, rota), f"{indent}overrides:\n{indent}  - {item}")


def _after(text: str, position: int, lines: str) -> str:
    """Put lines after the line in which a position lies."""
    newline = "\r\n" if "\r\n" in text else "\n"
    lines = newline.join(lines.splitlines())
    end = text.find("\n", position)
    if end < 0:
        return f"{text}{newline}{lines}{newline}"
    return f"{text[: end + 1]}{lines}{newline}{text[end + 1 :]}"


def _end(text: str, node: Node) -> int:
    """Give the position of the last character of a block: its end mark is where the next one begins."""
    last = node
    while isinstance(last, MappingNode | SequenceNode) and not last.flow_style and last.value:
        last = last.value[-1][1] if isinstance(last, MappingNode) else last.value[-1]
    start, end = int(last.start_mark.index), int(last.end_mark.index)
    return start + max(len(text[start:end].rstrip()) - 1, 0)


def _value(node: Node | None, key: str) -> Node | None:
    if not isinstance(node, MappingNode):
        return None
    return next((value for name, value in node.value if name.value == key), None)


def _flow(value: Any) -> str:
    """Write a value in one line; texts that could read as something else are put in quotes."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_flow(each)}" for key, each in value.items()) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(map(_flow, value)) + "]"
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value not in _WORDS:
        return value
    return _UNSEEN.sub(lambda found: f"\\u{ord(found.group()):04x}", json.dumps(value, ensure_ascii=False))


_PLAIN = re.compile(r"[a-z][a-z0-9_-]*|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z")
_WORDS = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n"})
"""Words that YAML reads as something else than text."""
_UNSEEN = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff]")
"""Characters that YAML has written as escapes, besides those that JSON has (YAML 1.2.2, section 5.1)."""


def with_values(text: str, values: Mapping[tuple[str | int, ...], Any]) -> str:
    """Give the text with other values in some places, each a way of keys and numbers; the file must have no mistakes.

    Raises RefusedError where a place is not there, or is an alias of other text, which an edit of one would change too.
    """
    root = YAML(typ="rt").compose(StringIO(text))
    found = [(_at(root, way), value) for way, value in values.items()]
    for node, value in sorted(found, key=lambda pair: -int(pair[0].start_mark.index)):
        start, end = int(node.start_mark.index), _end(text, node) + 1
        text = f"{text[:start]}{_folded(value, int(node.start_mark.column))}{text[end:]}"
    return text


def _at(root: Node | None, way: Sequence[str | int]) -> Node:
    node = root
    for step in way:
        if isinstance(step, int):
            node = node.value[step] if isinstance(node, SequenceNode) and step < len(node.value) else None
        else:
            node = _value(node, step)
        if node is None or node.anchor is not None:
            where = " of ".join(f"`{each}`" for each in reversed(way))
            raise RefusedError(f"{where} is not written out in one place", "change the file by hand")
    assert node is not None, "there is a step at least"
    return node


def without_items(text: str, way: Sequence[str | int], numbers: Collection[int]) -> str:
    """Give the text without some items of the list at a place; the file must be without mistakes.

    A comment between two items goes with the one before it. Raises RefusedError as `with_values` does.
    """
    listed = _at(YAML(typ="rt").compose(StringIO(text)), way)
    if not isinstance(listed, SequenceNode):
        raise RefusedError(f"`{way[-1]}` is no list", "change the file by hand")
    kept = [item for number, item in enumerate(listed.value) if number not in numbers]
    if listed.flow_style or not kept:
        items = ", ".join(text[int(item.start_mark.index) : _end(text, item) + 1] for item in kept)
        return f"{text[: int(listed.start_mark.index)]}[{items}]{text[_end(text, listed) + 1 :]}"
    # The mark of an item of a block is behind its dash, which stands in the column of the list.
    starts = [text.rfind("\n", 0, int(item.start_mark.index)) + 1 for item in listed.value]
    ends = [*starts[1:], min(text.find("\n", _end(text, listed)) % (len(text) + 1) + 1, len(text))]
    for number in sorted(numbers, reverse=True):
        text = text[: starts[number]] + text[ends[number] :]
    return text


_WIDE = 118


def _folded(value: Any, column: int) -> str:
    """Write a value in one line, or a list in as many as it takes below one another."""
    line = _flow(value)
    if len(line) + column <= _WIDE or not isinstance(value, Sequence) or isinstance(value, str):
        return line
    lines, indent = ["["], " " * (column + 1)
    for number, each in enumerate(value):
        item = _flow(each) + (", " if number < len(value) - 1 else "]")
        if len(lines[-1]) + len(item) + column > _WIDE and lines[-1].strip() != "[":
            lines.append("")
        lines[-1] += item
    return f"\n{indent}".join(line.rstrip() for line in lines)
