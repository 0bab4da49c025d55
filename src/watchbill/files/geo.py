"""Open a database of addresses, in the MMDB format: a file of the user's own, read in place, never fetched.

It needs `maxminddb`, which `pip install watchbill[geo]` brings.
"""

from pathlib import Path
from typing import Any

from watchbill.detect.networks import Networks
from watchbill.errors import NotFoundError, RefusedError, WatchbillError


class Database:
    """What an MMDB file says of addresses. It can be pickled: whoever unpickles it opens the file again."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._reader = _opened(path)

    def get(self, ip: str) -> object:
        """Give the record of an address; None where the file has none, or no addresses of its kind.

        Raises WatchbillError where the file turns out to be damaged.
        """
        try:
            return self._reader.get(ip)
        except ValueError:
            return None
        except _damage() as error:
            raise WatchbillError(f"{self._path} is damaged: {error}", "download it again") from error

    @property
    def kind(self) -> str:
        """What the file calls itself, such as `GeoLite2-ASN`."""
        return str(self._reader.metadata().database_type)

    def close(self) -> None:
        """Let go of the file."""
        self._reader.close()

    def __reduce__(self) -> tuple[type["Database"], tuple[Path]]:
        return Database, (self._path,)


def read_networks(asn: Path | None, geo: Path | None = None) -> Networks:
    """Open the databases that are given; one file may have both, as IPinfo's do, and is then opened once."""
    systems = None if asn is None else Database(asn)
    places = systems if geo == asn or geo is None else Database(geo)
    return Networks(systems, places)


def _opened(path: Path) -> Any:
    try:
        import maxminddb  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise RefusedError(
            f"{path} cannot be read: `maxminddb` is not installed", "install it with `pip install watchbill[geo]`"
        ) from error
    if not path.is_file():
        raise NotFoundError(f"there is no database {path}", "name an MMDB file, such as GeoLite2-ASN.mmdb")
    try:
        return maxminddb.open_database(path)
    except maxminddb.InvalidDatabaseError as error:
        raise WatchbillError(f"{path} is no MMDB database", "name an MMDB file, such as GeoLite2-ASN.mmdb") from error
    except OSError as error:
        raise WatchbillError(f"could not read {path}: {error.strerror}") from error


def _damage() -> type[Exception]:
    from maxminddb import InvalidDatabaseError  # noqa: PLC0415 - an extra

    return InvalidDatabaseError
