"""Bring a database up to date with Alembic, from inside the program and without a word on the terminal."""

from functools import cache
from pathlib import Path

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import Engine

from watchbill.errors import ProviderError
from watchbill.store import tables


@cache
def scripts() -> ScriptDirectory:
    """Give the migrations that are shipped with watchbill; read once, as reading runs the code of each."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    return ScriptDirectory.from_config(config)


def upgrade(engine: Engine, name: str) -> None:
    """Run what is missing; a revision that is not known here means the database is from a newer watchbill."""
    script = scripts()
    with engine.connect() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
    if current == script.get_current_head():
        return
    if current is not None:
        try:
            script.get_revision(current)
        except CommandError as error:
            raise ProviderError(
                f"{name} is from a newer watchbill (revision {current})", "upgrade watchbill, or name another --state"
            ) from error
    context = EnvironmentContext(
        Config(),
        script,
        fn=lambda revision, _: script._upgrade_revs(script.get_current_head() or "", revision),  # noqa: SLF001 - the way Alembic's own `upgrade` command goes
    )
    with engine.connect() as connection, context:
        context.configure(connection=connection, target_metadata=tables.METADATA, transactional_ddl=True)
        with context.begin_transaction():
            context.run_migrations()
        connection.commit()
