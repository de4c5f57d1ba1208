"""Bytes under names, each written whole or not at all, and leases kept in them."""
