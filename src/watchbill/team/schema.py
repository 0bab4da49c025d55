"""The JSON Schema of the team file, from its model, so that editors complete and check it."""

from typing import Any

from watchbill.team.document import TeamPart


def team_schema() -> dict[str, Any]:
    """Give the schema; aliases such as `from` are as in the file."""
    return {"$schema": "http://json-schema.org/draft-07/schema#", **TeamPart.model_json_schema(by_alias=True)}
