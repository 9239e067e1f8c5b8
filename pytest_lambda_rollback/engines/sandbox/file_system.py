"""The parts of this machine that an execution environment sees: what the runtime needs, no more.

Programs and shared libraries, certificates and time zones are the machine's. /etc has a few files
of its own, so that no account, host name or address of the machine is seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from pytest_lambda_rollback.engines.host import runtime_bootstrap
from pytest_lambda_rollback.engines.host.interpreters import Interpreter
from pytest_lambda_rollback.engines.sandbox.confinement_arguments import (
    CARRIER,
    GROUP_ID,
    LANGUAGE_FOLDER,
    USER_ID,
    Mount,
)

RUNTIME_FOLDER = "/var/runtime"

_SYSTEM_FOLDERS = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
"""Links into /usr on most systems, folders of their own on others."""

_FILES_OF_ETC = (
    "alternatives",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "ssl/certs",
    "ssl/cert.pem",
    "ssl/openssl.cnf",
    "ca-certificates",
    "pki/ca-trust/extracted",
    "pki/tls/certs",
    "pki/tls/cert.pem",
    "pki/tls/openssl.cnf",
    "crypto-policies",
)
"""Files of this machine's /etc that libraries need. None is secret."""

_BUNDLE_OF_LAMBDA = "ca-bundle.crt"
"""Name of the certificates' file on Amazon Linux."""

_OWN_ETC = {
    "passwd": (
        "root:x:0:0:root:/root:/sbin/nologin\n"
        f"sbx_user1051:x:{USER_ID}:{GROUP_ID}::/home/sbx_user1051:/sbin/nologin\n"
        "nobody:x:65534:65534:nobody:/:/sbin/nologin\n"
    ),
    "group": f"root:x:0:\nsbx_user1051:x:{GROUP_ID}:\nnobody:x:65534:\n",
    "hosts": "127.0.0.1 localhost\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
    "resolv.conf": "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n",
}


def write_own_files(folder: Path) -> None:
    """Make the files of /etc that are not the machine's, and an empty folder. Raises OSError."""
    (folder / "empty").mkdir(mode=0o755)
    (folder / "etc").mkdir(mode=0o755)
    for name, text in _OWN_ETC.items():
        path = folder / "etc" / name
        path.write_text(text)
        path.chmod(0o444)
    entry = folder / "bootstrap"
    entry.write_bytes(Path(runtime_bootstrap.__file__).with_suffix(".sh").read_bytes())
    entry.chmod(0o555)


def links_and_mounts(
    interpreter: Interpreter, *, own: Path, carrier: Path, task: Path, opt: Path
) -> tuple[tuple[tuple[str, str], ...], tuple[Mount, ...]]:
    """Symbolic links as (target, path), and mounts in their order.

    ``own`` is a folder that `write_own_files` filled.
    """
    links: list[tuple[str, str]] = []
    mounts = [Mount(source=Path("/usr"), path="/usr")]
    for name in _SYSTEM_FOLDERS:
        folder = Path(name)
        if folder.is_symlink():
            links.append((str(folder.readlink()), name))
        elif folder.is_dir():
            mounts.append(Mount(source=folder, path=name))
    empty = own / "empty"
    mounts += _interpreter_mounts(interpreter, empty)
    if _is_of_the_system(interpreter.prefix):
        # Its folder has to keep its path; AWS's name leads there.
        name = f"python{interpreter.version}"
        links.append((str(interpreter.executable.resolve()), f"{LANGUAGE_FOLDER}/bin/{name}"))
    mounts += _libraries(interpreter)
    mounts += _etc(own / "etc")
    mounts += _runtime(interpreter.runtime_paths, own)
    mounts += [
        Mount(source=carrier, path=CARRIER),
        Mount(source=task, path="/var/task"),
        Mount(source=opt, path="/opt"),
    ]
    return tuple(links), tuple(mounts)


def _is_of_the_system(prefix: Path) -> bool:
    return prefix == Path("/usr") or Path("/usr") in prefix.parents


def _interpreter_mounts(interpreter: Interpreter, empty: Path) -> Iterator[Mount]:
    """The interpreter with its standard library, and none of the packages installed for it."""
    prefix = interpreter.prefix
    if not _is_of_the_system(prefix):
        yield Mount(source=prefix, path=LANGUAGE_FOLDER)
    if Path("/usr/local") not in (prefix, *prefix.parents) and Path("/usr/local").is_dir():
        yield Mount(source=empty, path="/usr/local")
    library = f"lib/python{interpreter.version}"
    hidden = [
        prefix / library / "site-packages",
        prefix / library / "dist-packages",
        Path("/usr/lib/python3/dist-packages"),
    ]
    for folder in hidden:
        if folder.is_dir():
            yield Mount(source=empty, path=_inside(folder, prefix))


def _inside(path: Path, prefix: Path) -> str:
    if _is_of_the_system(prefix) or prefix not in path.parents:
        return str(path)
    return f"{LANGUAGE_FOLDER}/{path.relative_to(prefix)}"


def _libraries(interpreter: Interpreter) -> Iterator[Mount]:
    """Folders of shared libraries that lie outside of what is seen already."""
    seen = [Path("/usr"), *(Path(name) for name in _SYSTEM_FOLDERS), interpreter.prefix]
    folders = {library.parent for library in interpreter.libraries}
    for folder in sorted(folders):
        if not any(known in (folder, *folder.parents) for known in seen):
            yield Mount(source=folder, path=str(folder))


def _etc(own: Path) -> Iterator[Mount]:
    for name in _FILES_OF_ETC:
        path = Path("/etc") / name
        if path.exists():
            yield Mount(source=path.resolve(), path=str(path))
    bundle = Path("/etc/ssl/certs/ca-certificates.crt")
    if bundle.exists() and not Path("/etc/pki/tls/certs").exists():
        yield Mount(source=bundle.resolve(), path=f"/etc/pki/tls/certs/{_BUNDLE_OF_LAMBDA}")
    for name in _OWN_ETC:
        yield Mount(source=own / name, path=f"/etc/{name}")


def _runtime(packages: Iterable[Path], own: Path) -> Iterator[Mount]:
    """/var/runtime: the entry of the runtime, AWS's client, boto3 and what they require."""
    yield Mount(source=own / "bootstrap", path=f"{RUNTIME_FOLDER}/bootstrap")
    yield Mount(source=Path(runtime_bootstrap.__file__), path=f"{RUNTIME_FOLDER}/bootstrap.py")
    for path in packages:
        yield Mount(source=path, path=f"{RUNTIME_FOLDER}/{path.name}")
