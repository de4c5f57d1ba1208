"""Places: which rows of a base file have some record keys."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from lakewright.formats.hudi import key_index
from lakewright.formats.hudi.base_reader import BaseFileReader
from lakewright.formats.hudi.file_names import BaseFile
from lakewright.formats.hudi.folder import Folder
from lakewright.formats.hudi.key_index import Wanted


def places_of(folder: Folder, base: BaseFile, record_keys: pa.Array) -> npt.NDArray[np.int64]:
    """The row of each key in a base file, -1 for one that is not there: from its key index, or else from its keys."""
    places = np.full(len(record_keys), -1)
    if not len(record_keys):
        return places
    if (found := key_index.find(folder, base, Wanted(record_keys))) is not None:
        places[found.numbers] = found.rows
        return places
    bounds = pc.min_max(record_keys).as_py()
    for start, column in BaseFileReader(folder.store, base.name, base.size).keys(bounds["min"], bounds["max"]):
        at = pc.fill_null(pc.index_in(column, value_set=record_keys), -1).to_numpy()
        here = np.flatnonzero(at >= 0)
        places[at[here]] = start + here
    return places
