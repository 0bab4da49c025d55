"""Alembic's way in: `store.migrate` has configured the context and runs the migrations itself."""

from alembic import context


context.run_migrations()
