"""The carrier, the first process of every execution environment, and its build."""
