"""Code and layer packages: zips and folders, read, checked, stored and listed."""
