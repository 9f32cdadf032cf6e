"""Projects are made with their first key; here they are listed and limited."""

from sqlalchemy import func, or_, select, update

from stellwerk.data.database import Database
from stellwerk.data.notify import notify
from stellwerk.features.keys.errors import UnknownProjectError
from stellwerk.features.keys.limits import changed
from stellwerk.features.keys.service import CHANNEL
from stellwerk.features.keys.tables import projects
from stellwerk.features.keys.types import KeyChange, Project


class Projects:
    """The projects of this database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list(self) -> list[Project]:
        """All projects, oldest first."""
        async with self._database.connect() as connection:
            rows = await connection.execute(select(projects).order_by(projects.c.id))
            return [Project.model_validate(row, from_attributes=True) for row in rows]

    async def update(self, project: str, change: KeyChange) -> Project:
        """Change the limits of a project, given by name or id."""
        if not project.isprintable():
            raise UnknownProjectError("There is no such project.")
        named = or_(projects.c.name == project, projects.c.id == project)
        # A name may look like another one's id; the name counts.
        query = select(projects).where(named).order_by((projects.c.name == project).desc())
        async with self._database.begin() as connection:
            found = (await connection.execute(query.limit(1).with_for_update())).one_or_none()
            if found is None:
                raise UnknownProjectError(f"There is no project {project!r}.")
            values = {"limits": changed(found.limits, change.limits), "changed_at": func.now()}
            statement = update(projects).where(projects.c.id == found.id).values(values)
            row = (await connection.execute(statement.returning(projects))).one()
            await notify(connection, CHANNEL)
            return Project.model_validate(row, from_attributes=True)
