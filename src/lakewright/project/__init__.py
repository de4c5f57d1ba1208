"""A lake's folder as values: lake.yaml, saved queries, and the plug-ins they name."""
