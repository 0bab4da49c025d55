"""Read an outside schedule that lies in a file beside the team file."""

from pathlib import Path

from watchbill.errors import ProviderError
from watchbill.feeds.fetch import LIMITS


def read_beside(team_file: str, name: str) -> bytes:
    """Give the bytes of a file in the team file's folder or below it; any other is refused."""
    folder = Path(team_file).resolve().parent
    try:
        path = (folder / name).resolve()
        if not path.is_relative_to(folder):
            raise ProviderError(f"names `{name}`, which is not in the folder of the team file")
        if not path.is_file():
            raise ProviderError(f"names `{name}`, and there is no such file beside the team file")
        with path.open("rb") as file:
            data = file.read(LIMITS.size + 1)
    except (OSError, ValueError) as error:
        raise ProviderError(f"names `{name}`, which could not be read") from error
    if len(data) > LIMITS.size:
        raise ProviderError(f"names `{name}`, which has more than {LIMITS.size / 1_000_000:g} MB")
    return data
