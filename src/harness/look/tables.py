"""The store as tables, opened once and again in the background when it grows old, so that no page waits for it twice.

Conditions come from the address of a page as SQL. DuckDB could read any file and write some, so after the views are
made it is locked to the folder of runs and its index, and no more than one statement is taken.
"""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from harness.analysis import wide
from harness.launch import Refused
from harness.runs.duck import failures, text_list
from harness.runs.facts import Upgrade
from harness.runs.fresh import ALL
from harness.runs.index import index_folder
from harness.runs.source import run_names, source_of
from harness.runs.store import opened

FRESH_SECONDS = 2.0
OLD_AFTER_OPENINGS = 5  # a store that takes a second to open is opened every five seconds at most

Told = TypeVar("Told")


class Tables:
    """The views of docs/runs.md over one folder, for many threads; one question at a time."""

    def __init__(self, root: Path, upgrade: Upgrade | None) -> None:
        self._root, self._upgrade = root, upgrade
        self._first = threading.Lock()
        self._lock, self._opening = threading.Lock(), threading.Lock()
        self._connection: Any = None
        self._opened_at = self._seconds = 0.0

    def ask(self, question: Callable[[Any], Told]) -> Told:
        """What `question` gives of a connection. Raises Refused for what the database cannot do."""
        self._keep_fresh()
        try:
            return self._asked(question)
        except failures() as error:
            if "IO Error" not in str(error):
                raise wide.refusal(error) from error
        self.open()  # a run was thrown away meanwhile
        try:
            return self._asked(question)
        except failures() as error:
            raise wide.refusal(error) from error

    def first(self) -> None:
        """Opens the store unless it is open already, or about to be: then it waits for that."""
        with self._first:
            if self._connection is None:
                self.open()

    def open(self) -> None:
        """Opens the store, in place of what was open before."""
        with self._opening:
            start = time.monotonic()
            connection = self._made()
            with self._lock:
                self._connection, before = connection, self._connection
                if before is not None:
                    before.close()
            self._opened_at, self._seconds = time.monotonic(), time.monotonic() - start

    def _asked(self, question: Callable[[Any], Told]) -> Told:
        with self._lock:
            return question(self._connection)

    def _keep_fresh(self) -> None:
        if self._connection is None:
            self.first()
        elif self._is_old() and not self._opening.locked():
            threading.Thread(target=self.open, daemon=True).start()

    def _is_old(self) -> bool:
        return time.monotonic() - self._opened_at > max(FRESH_SECONDS, OLD_AFTER_OPENINGS * self._seconds)

    def _made(self) -> Any:
        source = source_of(self._root)
        connection = opened(source, self._upgrade, None, ALL)
        wide.hold(connection)
        connection.execute("CREATE TEMP TABLE lineage AS FROM main.lineage")
        elsewhere = [name for name in run_names(source) if not self._is_below(name)]
        hidden = f"{text_list(elsewhere)}::VARCHAR[]"
        connection.execute(f"CREATE TEMP TABLE runs AS FROM main.runs WHERE NOT list_contains({hidden}, run)")
        folders = text_list([f"{self._root}/", f"{index_folder(source, self._upgrade)}/"])
        connection.execute(f"SET allowed_directories = {folders}")
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        return connection

    def _is_below(self, name: str) -> bool:
        """Whether a run is below the folder, and no link that leads out of it."""
        path = self._root / name
        return not path.is_symlink() or path.resolve().is_relative_to(self._root.resolve())


def one_statement(sql: str) -> str:
    """SQL out of an address, which may not be more than a part of one question. Raises Refused."""
    if ";" in sql:
        raise Refused("a condition holds no semicolon")
    return sql
