"""The JSON Schema of the team file, from its model, so that editors complete and check it."""

from typing import Any

from watchbill.team.document import TeamPart


def team_schema() -> dict[str, Any]:
    """Give the schema; aliases such as `from` are as in the file, and keys that are no names are wrong in it too."""
    schema = TeamPart.model_json_schema(by_alias=True)
    for part in (schema, *schema["$defs"].values()):
        for field in part["properties"].values():
            # The model refuses such keys; what it writes about itself would let them pass unchecked.
            if "patternProperties" in field:
                field["additionalProperties"] = False
    return {"$schema": "http://json-schema.org/draft-07/schema#", **schema}
