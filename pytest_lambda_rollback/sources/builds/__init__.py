"""Candidate builds: folders, zips, SAM, CDK and CloudFormation templates."""
