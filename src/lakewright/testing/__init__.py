"""Contract suites and fault injection, shipped for people who write plug-ins."""
