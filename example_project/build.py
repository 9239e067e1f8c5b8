"""Make the layers of real third-party packages: `python build.py`.

Each `layers/NAME.txt` lists the wheels of one layer, pinned with hashes; this script has pip
download them and unpacks them to `layers/NAME/python`. A layer that is there and whole is left
alone, so that a second run needs no network. Standard library and pip only.
"""

import base64
import csv
import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

LAYERS = Path(__file__).resolve().parent / "layers"


class BuildError(Exception):
    """A layer could not be created; the text says why and what to do."""


def main() -> int:
    """Make every layer that is missing. Gives the exit code: 0 when all are there."""
    try:
        for requirements in sorted(LAYERS.glob("*.txt")):
            layer = requirements.with_suffix("")
            pins = pins_of(requirements)
            if is_whole(layer, pins):
                print(f"{layer.name}: {', '.join(pins)} is there")
            else:
                print(f"{layer.name}: downloading {', '.join(pins)} ...", flush=True)
                make(layer, requirements)
                print(f"{layer.name}: made {layer}")
    except BuildError as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"The layers were not made: {error}.\nMake {LAYERS} writable.", file=sys.stderr)
        return 1
    return 0


def pins_of(requirements: Path) -> list[str]:
    """The `name==version` of each line."""
    return [line.split()[0] for line in requirements.read_text("utf-8").splitlines() if line]


def is_whole(layer: Path, pins: list[str]) -> bool:
    """True when the layer has just these distributions, each as its RECORD lists it."""
    site = layer / "python"
    records = sorted(site.glob("*.dist-info/RECORD"))
    found = [record.parent.name.removesuffix(".dist-info") for record in records]
    if sorted(found) != sorted(pin.replace("==", "-") for pin in pins):
        return False
    for record in records:
        with record.open(newline="", encoding="utf-8") as rows:
            for name, digest, _size in csv.reader(rows):
                if digest and record_digest(site / name) != digest:
                    return False
    return True


def record_digest(file: Path) -> str | None:
    """The digest of a file as a RECORD writes it, or None when the file does not exist."""
    if not file.is_file():
        return None
    sha256 = hashlib.sha256(file.read_bytes()).digest()
    return "sha256=" + base64.urlsafe_b64encode(sha256).rstrip(b"=").decode("ascii")


def make(layer: Path, requirements: Path) -> None:
    """Download and unpack the wheels aside, then put the layer in its place in one step."""
    with tempfile.TemporaryDirectory(prefix=f".{layer.name}-", dir=layer.parent) as work:
        wheels, fresh = Path(work, "wheels"), Path(work, "layer")
        download(layer, requirements, wheels)
        for wheel in sorted(wheels.glob("*.whl")):
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(fresh / "python")
        if is_whole(layer, pins_of(requirements)):  # another run was quicker
            return
        if layer.exists():
            layer.rename(Path(work, "old"))
        fresh.rename(layer)


def download(layer: Path, requirements: Path, wheels: Path) -> None:
    """Have pip download the pinned wheels. Raises BuildError."""
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
    pip += ["--only-binary", ":all:", "--timeout", "15", "--retries", "1"]
    pip += ["--disable-pip-version-check", "--dest", str(wheels), "-r", str(requirements)]
    environment = os.environ | {"PIP_REQUIRE_VIRTUALENV": "0"}
    run = subprocess.run(pip, env=environment, capture_output=True, text=True, check=False)
    if run.returncode == 0:
        return
    said = run.stderr.strip().splitlines()
    if "No module named pip" in run.stderr:
        do = f"Run '{sys.executable} -m ensurepip', then this script again."
    elif "DO NOT MATCH THE HASHES" in run.stderr:
        do = f"What the package index sent is not what {requirements.name} pins: do not use it."
    else:
        do = "Check the network and pip's settings, then run this script again."
    raise BuildError(
        f"{layer.name} was not made: pip could not download what {requirements.name} pins.\n"
        + "".join(f"  {line}\n" for line in said[-6:])
        + do
    )


if __name__ == "__main__":
    sys.exit(main())
