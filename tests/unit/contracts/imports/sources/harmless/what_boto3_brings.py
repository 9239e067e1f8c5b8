import boto3, botocore.exceptions, urllib3.util, dateutil.tz, six.moves
from botocore.exceptions import Nothing
client = boto3.nothing
# empty: shared-1
# file: shared-1 boto3/__init__.py
nothing = 1
# file: shared-1 botocore/exceptions.py
Nothing = 1
# empty: shared-2
