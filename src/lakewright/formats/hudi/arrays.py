"""Types of NumPy's arrays."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.int64]
"""Numbers of rows, their places in a file, offsets and lengths."""
