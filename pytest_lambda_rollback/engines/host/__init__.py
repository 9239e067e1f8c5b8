"""Parts of engines that run functions on this machine itself, under one of its interpreters."""
