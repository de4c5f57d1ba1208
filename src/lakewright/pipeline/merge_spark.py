"""A merge that Spark computes and Hudi's own writer writes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lakewright.errors import CommitConflict, QueryError
from lakewright.model.contracts import Loan, Table
from lakewright.model.names import quote_identifier as quote
from lakewright.model.table import Checkpoint, Commit
from lakewright.model.types import decimal_bytes, decimal_parts
from lakewright.pipeline import moves, rewrites, table_at
from lakewright.pipeline.folding_spark import SparkFold
from lakewright.pipeline.holdings import Holdings
from lakewright.pipeline.instants import Instant, based
from lakewright.pipeline.mirror import Mirror
from lakewright.storage.lease import Lease

if TYPE_CHECKING:
    from lakewright.engines.spark import SparkEngine


class SparkMerge:
    """Fulfils `merge.Apply` with an engine.

    Spark opens the instant when it writes, after this has planned what: the loan's guard, in what it writes, looks then whether
    the table is still the one that was planned on.
    """

    def __init__(self, engine: SparkEngine) -> None:
        self._engine = engine

    def __call__(self, lake: Holdings, mirror: Mirror, table: Table, lease: Lease, former: Sequence[Instant] = ()) -> Commit:
        log = lake.log(mirror.source)
        loan = table.lend()
        view = log.view()
        at = table_at.plan(mirror, log, view, former or based(table, loan.base), view.watermark)
        rewrites.require_agreed(at, None)
        moves.require_fitting(table, at.spec)
        _require_same_bytes(at, loan)
        return self._write(lake, at, table, lease, loan, at.checkpoint, anew=bool(former))

    def fill(self, lake: Holdings, at: table_at.TableAt, table: Table, lease: Lease, mark: Checkpoint) -> Commit:
        """Fulfils `publish.Fill`."""
        return self._write(lake, at, table, lease, table.lend(), mark, anew=True)

    def _write(
        self, lake: Holdings, at: table_at.TableAt, table: Table, lease: Lease, loan: Loan, mark: Checkpoint, *, anew: bool
    ) -> Commit:
        """One commit of Spark's, of all rows if they come `anew`, with the checkpoint `mark`."""
        log, location = lake.log(at.mirror.source), lake.store.location(table.path)
        for file in (*at.load, *at.tail):
            log.verify(file)
        fold = SparkFold(self._engine, at, log, lake.store.location(at.table.path) if at.table else location)
        try:
            replaces = fold.replaces or anew
            text = _ordered(fold.rows_sql() if replaces else fold.changes_sql(), at, loan)
            self._refuse(text, loan)
            lease.check()
            self._engine.write(location, text, loan.settings(mark, replaces=replaces), loan.guard())
        finally:
            fold.close()
        commit = next((commit for commit in reversed(table.history()) if commit.checkpoint is not None), None)
        if commit is None or commit.checkpoint != mark:
            raise CommitConflict("LW-416", f"spark's commit of {table.path} did not land", hint="repeat the merge")
        return commit

    def _refuse(self, text: str, loan: Loan) -> None:
        """Raise what is wrong with a row that the table cannot take."""
        refused = loan.refused()
        if refused:
            cases = " ".join(f"WHEN {condition} THEN {number}" for number, (condition, _) in enumerate(refused))
            found = self._engine.one(f"SELECT min(CASE {cases} END) FROM ({text})")
            if found is not None:
                raise refused[found][1]


def _ordered(text: str, at: table_at.TableAt, loan: Loan) -> str:
    """The rows with their columns in the table's order: those that it has, null where the rows have none, then new ones."""
    made, stored = dict(at.spec.columns), dict(loan.spec.columns)
    listed = [quote(name) if name in made else f"CAST(NULL AS {kind}) AS {quote(name)}" for name, kind in stored.items()]
    listed += [quote(name) for name in made if name not in stored]
    return f"SELECT {', '.join(listed)} FROM ({text})"


def _require_same_bytes(at: table_at.TableAt, loan: Loan) -> None:
    """Raise where a column of the table is to become a decimal of more bytes, which Hudi's writer takes for another type."""
    stored = dict(loan.spec.columns)
    for name, kind in at.spec.columns:
        before, after = decimal_parts(stored.get(name, kind)), decimal_parts(kind)
        if before and after and decimal_bytes(before[0]) != decimal_bytes(after[0]):
            message = f"spark cannot widen column {name} of {at.mirror.name} from {stored[name]} to {kind}"
            hint = f"`lakewright merge {at.mirror.name}` does it, in one commit; spark goes on from there"
            raise QueryError("LW-512", message, hint=hint)
