"""The Lambda Runtime API as the plugin serves it. It uses no engine."""
