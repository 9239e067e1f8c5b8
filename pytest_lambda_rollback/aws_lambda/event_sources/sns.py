"""Amazon SNS.

"Using Lambda with Amazon SNS": https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html

SNS invokes functions asynchronously; nobody reads the answer.
"""

from __future__ import annotations

from pytest_lambda_rollback.aws_lambda.event_sources.interface import (
    EventSource,
    never_read,
    records_of,
)

SNS = EventSource(
    name="SNS",
    slug="sns",
    recognises=records_of("aws:sns"),
    payload=(("Records", "*", "Sns", "Message"),),
    parameters=(("Records", "*", "Sns", "Subject"), ("Records", "*", "Sns", "MessageAttributes")),
    answer_is_read=never_read,
)
