"""Build the two sample apps with the real tools, and keep what reading them needs.

Usage: python tests/tools/make_assets.py --sam SAM --cdk-python PYTHON

SAM is the ``sam`` program of aws-sam-cli, PYTHON an interpreter with aws-cdk-lib. ``sam build``
needs Docker for the app's container image (which is built from nothing, and removed again), CDK
needs node. assets/README.md says what is left out of the results and what is replaced.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

ASSETS = Path(__file__).parents[1] / "assets"
CDK_CONTEXT = {
    "aws:cdk:enable-path-metadata": True,
    "aws:cdk:enable-asset-metadata": True,
    "aws:cdk:version-reporting": False,
    "aws:cdk:bundling-stacks": ["**"],
}
"""The defaults of ``cdk synth``, version reporting aside."""

REGISTRY = re.compile(r"[0-9]{12}\.[a-z0-9.-]+\$\{AWS::URLSuffix\}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sam", required=True)
    parser.add_argument("--cdk-python", required=True)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        make_sam(options.sam, Path(folder) / "sam-app")
        make_cdk(options.cdk_python, Path(folder) / "cdk-app")


def make_sam(program: str, app: Path) -> None:
    shutil.copytree(ASSETS / "sam-app", app, ignore=shutil.ignore_patterns(".aws-sam"))
    quiet = {**os.environ, "SAM_CLI_TELEMETRY": "0"}
    subprocess.run([program, "build", "--no-use-container"], cwd=app, env=quiet, check=True)
    subprocess.run(["docker", "rmi", "receiptsfunction:v1"], check=True)
    template = app / ".aws-sam/build/template.yaml"
    template.write_text(template.read_text().replace(f"{app}/", ""))
    replace(app / ".aws-sam/build", ASSETS / "sam-app/.aws-sam/build")


def make_cdk(python: str, app: Path) -> None:
    shutil.copytree(ASSETS / "cdk-app", app, ignore=shutil.ignore_patterns("cdk.out"))
    out = app / "cdk.out"
    told = {"CDK_OUTDIR": str(out), "CDK_CONTEXT_JSON": json.dumps(CDK_CONTEXT)}
    subprocess.run([python, "app.py"], cwd=app, env={**os.environ, **told}, check=True)
    for path in sorted(out.rglob("*")):
        if path.name in ("tree.json", "validation-report.json") or path.match("*.metadata.json"):
            path.unlink()
        elif path.name == "manifest.json":
            rewrite(path, without_reports)
        elif path.match("*.template.json"):
            rewrite(path, without_helper_code)
            path.write_text(REGISTRY.sub("registry.example", path.read_text()))
        elif path.name == "index.js":
            path.write_text("// The code of a function that CDK adds is left out here.\n")
    replace(out, ASSETS / "cdk-app/cdk.out")


def without_reports(manifest: dict[str, Any]) -> None:
    manifest["artifacts"] = {
        name: {key: value for key, value in artifact.items() if key != "additionalMetadataFile"}
        for name, artifact in manifest["artifacts"].items()
        if artifact["type"] not in ("cdk:tree", "cdk:feature-flag-report")
    }


def without_helper_code(template: dict[str, Any]) -> None:
    for name, resource in template["Resources"].items():
        code = resource["Properties"].get("Code", {}) if "Properties" in resource else {}
        if "ZipFile" in code and name.startswith("BucketNotifications"):
            code["ZipFile"] = "# The code of a function that CDK adds is left out here."


def rewrite(path: Path, change: Any) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content, indent=1) + "\n")


def replace(made: Path, kept: Path) -> None:
    shutil.rmtree(kept, ignore_errors=True)
    shutil.copytree(made, kept)


if __name__ == "__main__":
    main()
