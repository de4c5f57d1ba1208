"""Run the benchmarks: all, each module in a process of its own so that none inherits another's memory, or those of one name.

A name is a figure's (``hudi-insert``) or the beginning that several share (``hudi``).
"""

from __future__ import annotations

import argparse
import importlib
import json
import pkgutil
import subprocess
import sys

import benchmarks


def modules() -> list[str]:
    """Every benchmark module, as figures' names begin."""
    found = (module.name for module in pkgutil.iter_modules(benchmarks.__path__))
    return sorted(module.replace("_", "-") for module in found if not module.startswith("_"))


def run(module: str, name: str, *, as_json: bool) -> int:
    """Run a module and print its figures of that name as they come; returns how many there were."""
    count = 0
    for figure in importlib.import_module(f"benchmarks.{module.replace('-', '_')}").run():
        if f"{figure.name}-".startswith(f"{name}-"):
            found = figure.to_json()
            text = "{name}: {value:g} {unit}, {peer}: {peer_value:g} {unit}, ratio {ratio:g}".format(**found)
            print(json.dumps(found) if as_json else text, flush=True)
            count += 1
    return count


def main() -> int:
    """The command line; returns 1 where a benchmark failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("name", nargs="?", metavar="NAME", help=f"a figure, or one of: {', '.join(modules())} (default: all)")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    options = parser.parse_args()
    if options.name is None:
        flags = ["--json"] if options.json else []
        codes = [subprocess.run([sys.executable, "-m", "benchmarks", name, *flags], check=False).returncode for name in modules()]
        return int(any(codes))
    chosen = [module for module in modules() if f"{options.name}-".startswith(f"{module}-")]
    if not chosen or not run(chosen[-1], options.name, as_json=options.json):
        parser.error(f"there is no figure {options.name!r}; modules: {', '.join(modules())}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
