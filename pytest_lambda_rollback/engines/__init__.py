"""Engines start execution environments and replay invocations in them."""
