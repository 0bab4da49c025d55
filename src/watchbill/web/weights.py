"""What speaks for and against each story of a case, as a picture: a bar for each family of evidence, in decibans.

Bars go to the right where the evidence speaks for a story and to the left where it speaks against it; every one has its
number and its words, so that neither colour nor side alone says anything. One scale for all stories.
"""

from collections.abc import Sequence
from typing import Final
from xml.etree.ElementTree import Element, SubElement, tostring

from watchbill.alerts.view import AddendView, CaseView, HypothesisView
from watchbill.inert import shortened
from watchbill.web.calendar import WIDTH, add, tenths


_LEAST = 0.01
"""Stories that are less likely are left to the table."""
_MOST = 6
_LINE, _BAR, _LAST = 18, 11, 8
_AXIS: Final = 690
"""Where the bars begin."""
_LONGEST: Final = 200
"""How long the longest bar is, to either side."""
_LETTERS = 60
"""Of the words beside a bar: as many as there is room for before the longest one to the left."""


def drawn(case: CaseView) -> list[HypothesisView]:
    """Give the stories that are drawn, the likeliest first: those with a chance, and the leading one."""
    likely = sorted(case.hypotheses, key=lambda each: (-each.probability, each.story))
    return [each for each in likely if each.probability >= _LEAST or each.story == case.leading][:_MOST]


def weights_svg(case: CaseView) -> str:
    """Draw what each family of evidence adds to each story."""
    stories = drawn(case)
    scale = max((abs(addend.decibans) for each in stories for addend in each.addends), default=0) or 1
    height = _LAST + sum(_LINE * (1 + max(len(each.addends), 1)) for each in stories)
    picture = Element("svg", {"xmlns": "http://www.w3.org/2000/svg", "class": "weights", "role": "img"})
    picture.set("viewBox", f"0 0 {WIDTH} {height}")
    picture.set("aria-labelledby", "weights-title weights-desc")
    add(picture, "title", "What speaks for and against each story", id="weights-title")
    add(picture, "desc", f"{_summary(case, stories)}. The table has every number.", id="weights-desc")
    SubElement(picture, "line", _points(_AXIS, 0, _AXIS, height))
    y = 0
    for story in stories:
        y += _LINE
        add(picture, "text", f"{story.story} {story.probability:.2f}", class_="story-name", x=6, y=y - 5)
        for addend in story.addends:
            y += _LINE
            _bar(picture, addend, y, scale)
        if not story.addends:
            y += _LINE
            add(picture, "text", "nothing speaks for or against it", x=22, y=y - 5)
    return tostring(picture, encoding="unicode")


def _summary(case: CaseView, stories: Sequence[HypothesisView]) -> str:
    leads = f"{case.leading} leads" if case.leading else "undecided"
    said = ", ".join(f"{each.story} {each.probability:.2f}" for each in stories)
    return f"{leads}: {said}"


def _bar(picture: Element, addend: AddendView, y: int, scale: int) -> None:
    length = abs(addend.decibans) / scale * _LONGEST
    speaks, left = ("for", _AXIS) if addend.decibans >= 0 else ("against", _AXIS - length)
    words = shortened(f"{addend.family}: {addend.fact}", most=_LETTERS)
    add(picture, "text", words, x=22, y=y - 5)
    bar = {"class": speaks, "x": tenths(left), "y": str(y - _BAR - 3), "width": tenths(length), "height": str(_BAR)}
    SubElement(picture, "rect", bar)
    end = _AXIS + length + 6 if addend.decibans >= 0 else left - 6
    anchor = "start" if addend.decibans >= 0 else "end"
    add(picture, "text", f"{addend.decibans:+d} {speaks}", x=tenths(end), y=y - 5, text_anchor=anchor)


def _points(x1: int, y1: int, x2: int, y2: int) -> dict[str, str]:
    return {"class": "rule", "x1": str(x1), "y1": str(y1), "x2": str(x2), "y2": str(y2)}
