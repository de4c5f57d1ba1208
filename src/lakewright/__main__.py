"""``python -m lakewright`` is the `lakewright` command."""

from __future__ import annotations

import sys

from lakewright.cli.main import main

sys.exit(main())
