"""A process that syncs functions from a `made_published.PackageServer`, to be killed by tests.

``python -m helpers.sync_process ROOT URL WORKERS``; it prints one JSON line: what the
sync did and the peak of the memory that it held.
"""

from __future__ import annotations

import json
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from helpers.made_published import function, layer, version
from pytest_lambda_rollback.aws.locations import download
from pytest_lambda_rollback.model.published import PublishedFunction
from pytest_lambda_rollback.model.versions import Location, PackageKind, RemotePackage
from pytest_lambda_rollback.sources.archive.archive import Archive, Locate
from pytest_lambda_rollback.sources.archive.syncing import sync


def functions(packages: dict[str, tuple[str, int]]) -> Iterator[PublishedFunction]:
    """Functions of all code that there is; their versions share a layer of unknown digest."""
    by_name: dict[str, list[tuple[str, RemotePackage]]] = {}
    for arn, (sha256, size_bytes) in packages.items():
        if ":function:" in arn:
            package = RemotePackage(
                kind=PackageKind.CODE, arn=arn, sha256=sha256, size_bytes=size_bytes
            )
            name, _, number = arn.rpartition(":")
            by_name.setdefault(name.rpartition(":")[2], []).append((number, package))
    for name, made in by_name.items():
        versions = (
            replace(version(name, number, b"", layer("shared", 1)), code=package)
            for number, package in made
        )
        yield function(name, *versions)


def peak_mb() -> int:
    """Of this program alone; ru_maxrss begins with what the process was before it."""
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if "VmHWM" in line).split()[1]) // 1024


def main() -> None:
    root, url, workers = sys.argv[1:]
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def ask(path: str) -> Any:
        with opener.open(f"{url}/{path}", timeout=60) as answer:
            return json.loads(answer.read())

    def locate_for(_: PublishedFunction) -> Locate:
        def locate(package: RemotePackage) -> Location:
            sha256, size_bytes = ask(f"locate/{package.arn}")
            return Location(
                url=f"{url}/{package.arn}?X-Amz-Signature=planted",
                sha256=sha256,
                size_bytes=size_bytes,
            )

        return locate

    report = sync(
        functions(ask("packages")),
        Archive(Path(root)),
        locate_for=locate_for,
        download=download,
        workers=int(workers),
        progress=lambda line: print(line, file=sys.stderr, flush=True),
    )
    print(
        json.dumps(
            {
                "functions": len(report.functions),
                "fetched": report.fetched,
                "held": report.held,
                "failed": [(each.name, each.reason) for each in report.failed],
                "peak_mb": peak_mb(),
            }
        )
    )


if __name__ == "__main__":
    main()
