"""Figures, each measured beside its peer or its limit in the same run: ``python -m benchmarks [NAME] [--json]``.

A benchmark is a module here with a function ``run() -> Iterable[Figure]``; its figures are named after it, with - for _.
"""
