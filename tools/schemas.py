"""Write the committed JSON Schemas: of the team file, and of what every command prints with `--json`."""

import json
from pathlib import Path

from watchbill.cli.schemas import output_schemas
from watchbill.team.schema import team_schema


ROOT = Path(__file__).parents[1] / "schemas"


def main() -> None:
    """Write every schema."""
    found = {"team": team_schema(), **{f"output/{name.replace(' ', '-')}": schema for name, schema in output_schemas().items()}}
    for name, schema in found.items():
        path = ROOT / f"{name}.schema.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(schema, indent=2, sort_keys=True) + "\n", "utf-8")
        print(path.relative_to(ROOT.parent))


if __name__ == "__main__":
    main()
