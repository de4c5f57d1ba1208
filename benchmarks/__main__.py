"""Run one benchmark, or every one in a process of its own, so that none inherits another's memory."""

from __future__ import annotations

import argparse
import importlib
import json
import pkgutil
import subprocess
import sys

import benchmarks


def names() -> list[str]:
    """Every benchmark, by name."""
    modules = (module.name for module in pkgutil.iter_modules(benchmarks.__path__))
    return sorted(module.replace("_", "-") for module in modules if not module.startswith("_"))


def run(name: str, *, as_json: bool) -> None:
    """Run one benchmark and print its figures as they come."""
    for figure in importlib.import_module(f"benchmarks.{name.replace('-', '_')}").run():
        found = figure.to_json()
        text = "{name}: {value:g} {unit}, {peer}: {peer_value:g} {unit}, ratio {ratio:g}".format(**found)
        print(json.dumps(found) if as_json else text, flush=True)


def main() -> int:
    """The command line; returns 1 where a benchmark failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("name", nargs="?", choices=names(), metavar="NAME", help=f"one of: {', '.join(names())} (default: all)")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    options = parser.parse_args()
    if options.name:
        run(options.name, as_json=options.json)
        return 0
    flags = ["--json"] if options.json else []
    codes = [subprocess.run([sys.executable, "-m", "benchmarks", name, *flags], check=False).returncode for name in names()]
    return int(any(codes))


if __name__ == "__main__":
    sys.exit(main())
