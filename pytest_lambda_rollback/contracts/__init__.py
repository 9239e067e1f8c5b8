"""Contracts compare outcomes and say what would break. Pure: no file, no process, no clock."""
