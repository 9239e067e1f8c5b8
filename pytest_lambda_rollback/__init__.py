"""Would an earlier version of this AWS Lambda function still work today?"""

__version__ = "0.1.0"
