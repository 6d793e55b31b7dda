"""Settings of the agent that people at the device have set."""

import json

from iotistic_agent.adapters.store.database import Database

__all__ = ["LocalConfig"]


class LocalConfig:
    """The table ``local_config``; values are JSON, names those of the local API."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> dict[str, str | int]:
        """Return each value that is set, by name."""
        rows = self._database.rows("SELECT name, value FROM local_config ORDER BY name")
        return {str(name): json.loads(value) for name, value in rows}

    def set(self, name: str, value: str | int) -> None:
        """Keep one value."""
        self._database.run(
            "INSERT OR REPLACE INTO local_config VALUES (?, ?)", name, json.dumps(value)
        )

    def reset(self, name: str | None = None) -> int:
        """Forget one value, or all of them; return how many there were."""
        if name is None:
            return self._database.run("DELETE FROM local_config")
        return self._database.run("DELETE FROM local_config WHERE name = ?", name)
