"""The demonstration of a folder: it seeds a database, changes it, drops files, and watches the lake take it all."""

from __future__ import annotations
