"""A table that is held for another engine."""

from __future__ import annotations

import sys

import pytest

from lakewright.errors import LeaseHeld
from lakewright.pipeline.lake import Lake
from lakewright.pipeline.merge import merge
from tests.faults.conftest import Shop


def test_nothing_of_ours_writes_to_a_table_that_is_held(loaded: Shop) -> None:
    loaded.sql("INSERT INTO parts VALUES (40, 'x'); INSERT INTO orders VALUES (40, 'x')")
    loaded.ok("capture")
    with Lake.open(loaded.folder) as lake, Lake.open(loaded.folder) as other:
        before = len(other.history("parts"))
        with lake.hold("parts"):
            with pytest.raises(LeaseHeld, match="hold"):
                merge(other, other.mirror("parts"))
            merged = merge(other, other.mirror("orders"))
            assert merged is not None
            assert merged.commit is not None
            assert len(other.history("parts")) == before
    assert loaded.equal() == {"orders": "equal", "parts": "equal"}


def test_the_job_that_a_table_is_held_for_gives_the_exit_code(loaded: Shop) -> None:
    holder = "import sys, pathlib; sys.exit('hold' not in pathlib.Path(sys.argv[1]).read_text())"
    (lease,) = loaded.files("curated/_leases/parts.json")
    assert loaded.run("hold", "parts", "--", sys.executable, "-c", holder, lease).code == 0
    assert loaded.run("hold", "parts", "--", sys.executable, "-c", "raise SystemExit(7)").code == 7
    assert loaded.run("hold", "parts", "--", sys.executable, "-c", "import os; os.kill(os.getpid(), 9)").code == 137
    told = loaded.fails("hold", "parts", "--", "no-such-job", exit_code=2)
    assert told.message == "no-such-job cannot be run: No such file or directory"
    assert loaded.fails("hold", "nothing", "--", "true").code == "LW-524"
