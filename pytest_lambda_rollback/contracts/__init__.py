"""Contracts compare outcomes and report what would break, without files, processes or clocks."""
