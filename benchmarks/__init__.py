"""Figures, each measured beside its peer or its limit in the same run: ``python -m benchmarks [NAME] [--json]``.

A benchmark is a module here with a function ``run() -> Iterable[Figure]``; its name is the module's with - for _.
"""
