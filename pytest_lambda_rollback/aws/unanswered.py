"""Reasons why AWS does not answer at all: credentials, sign-in, region, network, TLS.

Of what botocore says, only what holds no secret is repeated: of a URL the host, of a proxy
nothing, because its URL may hold a password.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Final
from urllib.parse import urlsplit

from botocore import exceptions as botocore_errors

from pytest_lambda_rollback.model.json_values import one_line

SIGN_IN: Final = "Sign in again (`aws sso login` or `aws login`, with --profile if you use one)"

_LONGEST_TEXT: Final = 400
_RUN_AGAIN: Final = "Run again; check the network, VPN and proxy if this persists"
_SET_REGION: Final = 'Add region = "…" to the function\'s aws table, or set AWS_REGION'
_MFA_FIRST: Final = "Start a session with the code first and use its credentials"

_WORDS: Final[tuple[tuple[str, str, str], ...]] = (
    (
        "NoCredentialsError",
        "there are no AWS credentials",
        "Sign in (`aws sso login` or `aws login`), set AWS_PROFILE, or give AWS_ACCESS_KEY_ID and"
        " AWS_SECRET_ACCESS_KEY",
    ),
    (
        "PartialCredentialsError",
        "the AWS credentials lack {cred_var} (read from {provider})",
        "Give both parts of the access key, and the session token if there is one",
    ),
    (
        "ProfileNotFound",
        "there is no AWS profile {profile}",
        "Correct profile or AWS_PROFILE; `aws configure list-profiles` lists the profiles",
    ),
    (
        "TokenRetrievalError UnauthorizedSSOTokenError SSOTokenLoadError SSOError NoAuthTokenError"
        " PendingAuthorizationExpiredError",
        "the sign-in of IAM Identity Center (SSO) is missing or has expired",
        "Run `aws sso login`, with --profile if you use one",
    ),
    (
        "LoginError",
        "the sign-in to AWS is missing or has expired",
        "Run `aws login`, with --profile if you use one",
    ),
    (
        "CredentialRetrievalError MetadataRetrievalError",
        "AWS credentials could not be obtained from {provider}",
        "Check the credential_process, role or container endpoint that the profile names",
    ),
    ("RefreshWithMFAUnsupportedError", "the role asks for an MFA code again", _MFA_FIRST),
    (
        "InfiniteLoopConfigError InvalidConfigError ConfigParseError ConfigNotFound"
        " UnknownCredentialError MissingDependencyException",
        "the AWS configuration cannot be used ({said})",
        "Correct ~/.aws/config, or the file that AWS_CONFIG_FILE names",
    ),
    ("NoRegionError", "no AWS region is set", _SET_REGION),
    (
        "InvalidRegionError UnknownRegionError ServiceNotInRegionError",
        "AWS has no region {region_name} that offers this service",
        "Correct region or AWS_REGION, as in eu-west-1",
    ),
    (
        "SSLError",
        "the certificate of {host} could not be verified ({error})",
        "Behind a proxy that intercepts TLS, set AWS_CA_BUNDLE to its certificate authority",
    ),
    (
        "ProxyConnectionError",
        "the proxy could not be reached",
        "Check HTTPS_PROXY, and NO_PROXY for hosts that need no proxy",
    ),
    ("InvalidProxiesConfigError", "the proxy settings cannot be used", "Correct HTTPS_PROXY"),
    (
        "ConnectTimeoutError",
        "connecting to {host} timed out",
        "Check the network, VPN, firewall and HTTPS_PROXY",
    ),
    (
        "ReadTimeoutError ConnectionClosedError ResponseStreamingError IncompleteReadError",
        "the connection to {host} was lost or timed out",
        _RUN_AGAIN,
    ),
    (
        "EndpointConnectionError",
        "{unreachable}",
        "Check the spelling of the region, the network and VPN, HTTPS_PROXY and AWS_ENDPOINT_URL",
    ),
    (
        "EndpointProviderError BaseEndpointResolverError InvalidEndpointConfigurationError",
        "no endpoint of the service is known ({said})",
        "Check the region and AWS_ENDPOINT_URL",
    ),
    (
        "ConnectionError HTTPClientError",
        "AWS could not be called at {host}",
        "Check the network, VPN, HTTPS_PROXY and AWS_ENDPOINT_URL",
    ),
    (
        "ParamValidationError ValidationError",
        "AWS does not accept this request ({said})",
        "Correct the name in the configuration",
    ),
)
"""For names of botocore's exceptions, the first that fits: the reason, and what to do.

By name, because some are younger than the oldest botocore that will do. Fields are those of the
exception itself (its ``kwargs``) and those of `_fields`.
"""


def unanswered(error: Exception) -> tuple[str, str]:
    """The reason, and what to do, for an error that was raised before AWS answered."""
    if isinstance(error, EOFError) or "output is captured" in str(error):
        return "the AWS profile asks for an MFA code, which cannot be entered here", _MFA_FIRST
    for names, why, do in _WORDS:
        kinds = (getattr(botocore_errors, name, None) for name in names.split())
        if any(isinstance(error, kind) for kind in kinds if kind is not None):
            return clause(why.format_map(_fields(error))), do
    if isinstance(error, ValueError) and "endpoint" in str(error):
        # Its text is the whole URL, which may hold a password.
        return (
            "the address of the AWS endpoint is not a URL",
            "Correct AWS_ENDPOINT_URL or AWS_ENDPOINT_URL_LAMBDA, as in http://127.0.0.1:4566",
        )
    if isinstance(error, OSError):
        return (
            f"{error.filename or 'the network'}: {error.strerror or type(error).__name__}",
            "Check the files that AWS's settings name (~/.aws, AWS_CA_BUNDLE)",
        )
    return (
        f"the AWS client failed ({type(error).__name__}: {clause(str(error))})",
        "Check the AWS settings of this machine",
    )


def clause(text: str) -> str:
    """One printable line of bounded length, without a final full stop."""
    return one_line(text, _LONGEST_TEXT).rstrip(". ")


def _fields(error: Exception) -> defaultdict[str, str]:
    own = getattr(error, "kwargs", {})
    host = urlsplit(str(own.get("endpoint_url") or "")).hostname or "the endpoint"
    cause = str(own.get("error") or "")
    unresolved = any(word in cause for word in ("resol", "not known", "getaddrinfo"))
    fields: defaultdict[str, str] = defaultdict(lambda: "(not said)")
    fields.update({key: str(value) for key, value in own.items()})
    fields.update(
        host=host,
        said=str(error),
        unreachable=(
            f"the name {host} does not resolve" if unresolved else f"nothing answers at {host}"
        ),
    )
    return fields
