"""Write the committed JSON Schemas: of the team file, and of what every command prints with `--json`."""

import json
from pathlib import Path

from watchbill.cli.schemas import output_schemas
from watchbill.team.schema import team_schema


ROOT = Path(__file__).parents[1] / "schemas"


def main() -> None:
    """Write every schema."""
    outputs = {f"output/{name}": schema for name, schema in output_schemas().items()}
    found = {"team": team_schema(), **outputs}
    for name, schema in found.items():
        path = ROOT / f"{name}.schema.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(schema, indent=2, sort_keys=True) + "\n", "utf-8")
        print(path.relative_to(ROOT.parent))


if __name__ == "__main__":
    main()
