"""Contract suites and fault injection for people who write plug-ins, and an emulated AWS: shipped for tests of users."""
