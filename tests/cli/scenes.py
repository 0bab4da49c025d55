"""The sample team on a stand-in, and a simulated week on disk, for tests of commands."""

from importlib import resources

import pytest

from watchbill.demo.stage import Stage
from watchbill.sim.model import Story
from watchbill.team.files import parse


RULE = """\
title: Trail stopped
logsource: {product: aws, service: cloudtrail}
detection:
  s: {eventName: StopLogging}
  condition: s
"""


def on_stage(endpoint, folder):
    """Put the sample team file, a rule, and the world of the demo in place; its clock stands at the start."""
    text = resources.files("watchbill.demo").joinpath("watchbill.yaml").read_text("utf-8")
    (folder / "watchbill.yaml").write_text(text, "utf-8")
    (folder / "rules").mkdir()
    (folder / "rules/stopped.yml").write_text(RULE, "utf-8")
    stage = Stage(endpoint, parse(text, "watchbill.yaml"), seed=0)
    stage.begin()
    return stage


def hijacked(stage):
    """Let the week pass, with everyone's keys, until the hijack has been delivered; give the truth about it.

    The trail is for `trail_of`: nothing is put into the bucket, which nobody reads here.
    """
    stage.give_keys()
    found = {event: file.delivered for file in stage.week.files for event in file.event_ids}
    hijack = stage.truth(Story.HIJACK)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("watchbill.demo.stage.write_object", lambda *_: None)
        stage.go_to(max(found[event] for event in hijack.event_ids))
    return stage.truth(Story.HIJACK)


def trail_of(stage, folder):
    """Write what has been delivered so far to a folder, as AWS lays it out."""
    for file in stage.week.files:
        if file.delivered <= stage.clock.now():
            path = folder / "trail" / file.key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(file.body)
    return folder / "trail"


def case_of(cases, person):
    """Give the id of the case about somebody."""
    (found,) = [case["id"] for case in cases if case["subject"] == person]
    return found
