"""The place where AWS offers a package for download just now, and the download itself.

A location is a presigned URL: anyone who has it can read the package, so no message contains it,
and errors of the HTTP client, which quote it, are not chained. Nothing is kept or checked here:
the archive compares what was written with the digest that AWS names.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

import requests
from botocore.exceptions import ClientError

from pytest_lambda_rollback.aws.clients import Account, unlogged
from pytest_lambda_rollback.aws.failures import denied, missing, reading
from pytest_lambda_rollback.aws.functions import hexadecimal
from pytest_lambda_rollback.aws_lambda.names import account_of, qualifier_of, region_of, unqualified
from pytest_lambda_rollback.aws_lambda.permissions import statement
from pytest_lambda_rollback.errors import SourceError
from pytest_lambda_rollback.model.versions import Location, PackageKind, RemotePackage

_CHUNK_BYTES: Final = 256 * 1024
_REDIRECTS: Final = 5
_CONNECT_TIMEOUT_S: Final = 10.0
_ERROR_BYTES: Final = 4096
"""Limit of an error document that is read; S3's are shorter."""

_EXPIRY_WORDS: Final = (b"ExpiredToken", b"Request has expired", b"TokenRefreshRequired")

_PASSING: Final = (
    requests.ConnectionError,
    requests.Timeout,
    requests.exceptions.ChunkedEncodingError,
    requests.exceptions.ContentDecodingError,
)


class GoneLocation(SourceError):
    """AWS does not have the package any more, and never will again."""


class ExpiredLocation(SourceError):
    """The location is not valid any more: a new one is to be asked for."""


class InterruptedDownload(SourceError):
    """The download broke off for a passing reason: it is to be tried again."""


def locate(account: Account, package: RemotePackage) -> Location:
    """Ask AWS where the package can be downloaded now: one request. Raises SourceError."""
    here = account.in_region(region_of(package.arn) or account.region)
    if package.kind is PackageKind.LAYER:
        return _layer(here, package)
    return _code(here, package)


def _code(account: Account, package: RemotePackage) -> Location:
    function, version = unqualified(package.arn), qualifier_of(package.arn) or ""
    what = f"the code of {package.name} is unavailable"
    with reading(what=what, action="lambda:GetFunction", resource=function):
        answer = account.client("lambda").get_function(FunctionName=function, Qualifier=version)
    code, configuration = answer.get("Code", {}), answer.get("Configuration", {})
    if configuration.get("PackageType") == "Image" or code.get("RepositoryType") == "ECR":
        raise SourceError(
            what,
            why="it is a container image, not a zip",
            do="Fetch the function's description again, and pull the image",
        )
    error = code.get("Error") or {}
    if error and not code.get("Location"):
        said = ": ".join(
            str(error[key]).rstrip(". ") for key in ("ErrorCode", "Message") if error.get(key)
        )
        raise SourceError(
            what,
            why=f"Lambda cannot provide it ({said})",
            do="Check the KMS key that the code is encrypted with, and allow its use with "
            + statement("kms:Decrypt", code.get("SourceKMSKeyArn")),
        )
    return _location(
        what, code.get("Location"), configuration.get("CodeSha256"), configuration.get("CodeSize")
    )


def _layer(account: Account, package: RemotePackage) -> Location:
    what = f"the layer {package.name} is unavailable"
    action = "lambda:GetLayerVersion"
    client = account.client("lambda")
    with reading(what=what, action=action, resource=package.arn):
        try:
            answer = client.get_layer_version_by_arn(Arn=package.arn)
        except ClientError as error:
            if missing(error):
                raise GoneLocation(
                    what,
                    why=f"AWS no longer has {package.arn}: the layer version was deleted."
                    " Published versions bound to it still run, but nobody can download it",
                    do="Fill the archive from a machine that still has it, or publish the layer"
                    " again and test a redeploy on the new layer version",
                ) from error
            if denied(error):
                owner = account_of(package.arn)
                raise SourceError(
                    what,
                    why=f"{action} is not allowed on {package.arn}",
                    do=f"If account {owner} is not yours, its owner must grant {action} in the"
                    " layer version's policy (`aws lambda add-layer-version-permission`; a deleted"
                    " layer of another account answers the same); the credentials need "
                    + statement(action, package.arn),
                ) from error
            raise
    content = answer.get("Content", {})
    return _location(
        what, content.get("Location"), content.get("CodeSha256"), content.get("CodeSize")
    )


def _location(what: str, url: object, sha256: object, size_bytes: object) -> Location:
    digest = hexadecimal(sha256)
    if not url or digest is None or not isinstance(size_bytes, int):
        raise SourceError(
            what,
            why="AWS's answer lacks the location, the size or the SHA-256",
            do="Check AWS_ENDPOINT_URL",
        )
    return Location(url=str(url), sha256=digest, size_bytes=size_bytes)


# --- download -------------------------------------------------------------------------------


def download(
    url: str,
    write: Callable[[bytes], object],
    *,
    limit_bytes: int,
    timeout_s: float,
    what: str = "the package",
) -> None:
    """Hand the content of a location to ``write``, in pieces of at most 1 MiB.

    ``write`` never gets more than ``limit_bytes`` in all; what it raises passes through.
    ``timeout_s`` is the longest silence, not the whole time. ``what`` names the package in
    messages. Proxies and certificate authorities are those of HTTPS_PROXY, NO_PROXY,
    AWS_CA_BUNDLE and REQUESTS_CA_BUNDLE.

    Raises ExpiredLocation, InterruptedDownload, and SourceError for what will not get better by
    itself. After an error, ``write`` may have got the beginning.
    """
    failed = f"{what} cannot be downloaded"
    with unlogged(), requests.Session() as session:
        # A presigned URL is all the authority there is; S3 refuses a second one from ~/.netrc.
        session.auth = _unchanged
        session.headers["Accept-Encoding"] = "identity"
        try:
            with _get(session, url, timeout_s, failed) as response:
                _check_status(response, failed)
                _stream(response, write, limit_bytes, failed)
        except requests.RequestException as error:
            raise _broken(error, failed) from None


def _get(session: requests.Session, url: str, timeout_s: float, failed: str) -> requests.Response:
    """The answer after at most five redirects, none of which leaves TLS."""
    for _ in range(_REDIRECTS + 1):
        scheme = urlsplit(url).scheme
        if scheme not in ("http", "https"):
            raise SourceError(failed, why="its location is neither http nor https")
        try:
            response = session.get(
                url,
                stream=True,
                allow_redirects=False,
                timeout=(min(timeout_s, _CONNECT_TIMEOUT_S), timeout_s),
                verify=os.environ.get("AWS_CA_BUNDLE") or True,
            )
        except requests.RequestException:
            raise
        except OSError:
            # What requests raises for certificates that it cannot read; it names no URL here,
            # but its cause may.
            raise SourceError(
                failed,
                why="the file of certificate authorities cannot be read",
                do="Correct AWS_CA_BUNDLE or REQUESTS_CA_BUNDLE",
            ) from None
        if not response.is_redirect:
            return response
        response.close()
        url = urljoin(url, response.headers["Location"])
        if urlsplit(url).scheme not in (scheme, "https"):
            raise SourceError(
                failed,
                why="it is redirected to another protocol",
                do="Check HTTPS_PROXY; AWS does not do this",
            )
    raise SourceError(failed, why="it redirects too many times", do="Check HTTPS_PROXY")


def _check_status(response: requests.Response, failed: str) -> None:
    status = response.status_code
    if status == 200:
        return
    if status == 403 or (status == 400 and _speaks_of_expiry(response)):
        raise ExpiredLocation(
            failed,
            why=f"its location is no longer valid (HTTP {status})",
            do="Run again; if this persists, check the clock and that no proxy changes requests",
        )
    if status >= 500 or status in (408, 425, 429):
        raise InterruptedDownload(
            failed, why=f"the storage answered HTTP {status}", do="Run again later"
        )
    raise SourceError(
        failed,
        why=f"the storage answered HTTP {status}",
        do="Check the network and the proxy (HTTPS_PROXY), then run again",
    )


def _speaks_of_expiry(response: requests.Response) -> bool:
    body = next(response.iter_content(_ERROR_BYTES), b"")
    return any(word in body for word in _EXPIRY_WORDS)


def _stream(
    response: requests.Response, write: Callable[[bytes], object], limit_bytes: int, failed: str
) -> None:
    too_large = SourceError(
        failed,
        why=f"it is larger than the {limit_bytes} bytes that AWS says",
        do="Run again; if this persists, check that no proxy changes downloads",
    )
    length = response.headers.get("Content-Length", "")
    if length.isdecimal() and int(length) > limit_bytes:
        raise too_large
    left = limit_bytes
    for chunk in response.iter_content(_CHUNK_BYTES):
        if len(chunk) > left:
            raise too_large
        left -= len(chunk)
        write(chunk)


def _broken(error: requests.RequestException, failed: str) -> SourceError:
    """Without the error's text, which quotes the presigned URL."""
    if isinstance(error, requests.exceptions.SSLError):
        return SourceError(
            failed,
            why="the certificate of the storage could not be verified",
            do="Behind a proxy that intercepts TLS, set AWS_CA_BUNDLE to its certificate authority",
        )
    if isinstance(error, requests.exceptions.ProxyError):
        return InterruptedDownload(
            failed, why="the proxy could not be reached", do="Check HTTPS_PROXY and NO_PROXY"
        )
    if isinstance(error, _PASSING):
        return InterruptedDownload(
            failed, why="the connection was lost or timed out", do="Run again; check the network"
        )
    return SourceError(
        failed,
        why=f"the request could not be made ({type(error).__name__})",
        do="Check HTTPS_PROXY and AWS_CA_BUNDLE",
    )


def _unchanged(request: Any) -> Any:
    return request
