"""Signs requests to AWS anew, with credentials that the function never gets.

A function in a sealed environment signs with dummies. When its requests are recorded from AWS, the
plugin puts its own signature in their place:
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

import re
from typing import Any, Final

from pytest_lambda_rollback.errors import SourceError
from pytest_lambda_rollback.services.http.messages import HttpRequest

_SCOPE: Final = re.compile(r"Credential=[^/,\s]+/\d{8}/([a-z0-9-]+)/([A-Za-z0-9._-]+)/aws4_request")
_RAW_PATHS: Final = frozenset(("s3", "s3-object-lambda", "s3-outposts", "s3express"))
"""Services whose paths are signed as they are."""
_MADE_ANEW: Final = ("authorization", "x-amz-date", "x-amz-security-token")


class Signer:
    """Signs with the credentials of one profile of AWS's configuration files."""

    def __init__(self, profile: str) -> None:
        """Look up the credentials. Raises SourceError if there are none."""
        import botocore.session
        from botocore.exceptions import BotoCoreError

        try:
            found = botocore.session.Session(profile=profile).get_credentials()
            if found is not None:
                found.get_frozen_credentials()
        except BotoCoreError as error:
            raise SourceError(
                f'the AWS profile "{profile}" cannot be used',
                why=str(error).rstrip("."),
                do="Check it with `aws sts get-caller-identity --profile`",
            ) from error
        if found is None:
            raise SourceError(
                f'the AWS profile "{profile}" has no credentials',
                do="Name another one, or log in with it",
            )
        self._credentials: Any = found

    def headers(self, request: HttpRequest) -> tuple[tuple[str, str], ...] | None:
        """The request's headers with a new signature; ``None`` if it is not signed in a header."""
        match = _SCOPE.search(request.header("authorization"))
        if match is None:
            return None
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest

        region, service = match[1], match[2]
        kept = {name: value for name, value in request.headers if name not in _MADE_ANEW}
        sent: Any = AWSRequest(
            method=request.method, url=request.url, headers=kept, data=request.body
        )
        signer: Any = SigV4Auth(self._credentials.get_frozen_credentials(), service, region)
        if service in _RAW_PATHS:
            signer._normalize_url_path = lambda path: path
        signer.add_auth(sent)
        return tuple((str(name).lower(), str(value)) for name, value in sent.headers.items())
