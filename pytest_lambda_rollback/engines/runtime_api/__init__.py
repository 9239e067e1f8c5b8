"""The Lambda Runtime API as the plugin serves it. Knows no engine."""
