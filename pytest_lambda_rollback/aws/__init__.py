"""The edge to AWS: the only part that knows boto3 and botocore, and that downloads packages.

It gives the frozen values of `published` and raises SourceError, never an error of a vendor. It
decides nothing about rollbacks and keeps nothing on disk. Its modules load botocore, so they are
imported only where an AWS source is used. Endpoints, profiles, proxies and certificates come from
the settings of the AWS tools (AWS_PROFILE, AWS_ENDPOINT_URL, HTTPS_PROXY, AWS_CA_BUNDLE, …).
"""
