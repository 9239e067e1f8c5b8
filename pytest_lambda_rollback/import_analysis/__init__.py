"""What Python code imports and calls, and what the packages it runs on offer."""
