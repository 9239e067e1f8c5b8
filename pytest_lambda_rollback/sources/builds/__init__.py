"""Candidate builds: folders, zips, SAM, CDK and CloudFormation templates.

How they fail: as `sources` does. ``None`` and ``COMPUTED`` mean a value that only a
deployment knows, which is reported and not a failure; a template that cannot be used raises
SourceError, a name in it that the user got wrong ConfigError.
"""
