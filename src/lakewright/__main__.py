"""The `lakewright` command, and ``python -m lakewright``."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command and return its exit code; an interruption is told as such while its modules are imported too."""
    try:
        from lakewright.cli import main as command
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    return command.main()


if __name__ == "__main__":
    sys.exit(main())
