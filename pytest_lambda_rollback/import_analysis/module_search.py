"""Finds modules over the packages of one function version, as Lambda's Python does.

The order is that of `aws_lambda.search_path`. This knows names and places of files and reads
``.pth`` files; what the sources say is read elsewhere.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pytest_lambda_rollback.aws_lambda import runtime_libraries, stdlib
from pytest_lambda_rollback.aws_lambda.search_path import OPT, TASK, Place, SearchEntry, search_path
from pytest_lambda_rollback.model.modules import Provider
from pytest_lambda_rollback.model.versions import FunctionVersion
from pytest_lambda_rollback.packages.trees import Tree

_LIMIT_BYTES = 8 * 1024 * 1024
"""A source or metadata file that is larger is not read: then nothing is known of it."""

_SITE_PACKAGES = re.compile(r"/opt/python/lib/python[\d.]+/site-packages")
"""Includes those for other Pythons, which the function's Python does not search."""

_ARCHIVES = (".zip", ".whl", ".egg")
"""Their modules are not read."""

_DIST_INFO = re.compile(r"(?P<name>[^/]+?)-(?P<version>[^/-]+)(-py\d\S*)?\.(dist|egg)-info")


@dataclass(frozen=True, slots=True)
class Located:
    """The place of a module."""

    kind: str
    """``source``, ``opaque`` (it is there, nothing is known of its names), ``namespace``,
    ``absent``, or ``unknown`` (nothing is certain)."""
    name: str
    path: str = ""
    """Of the source."""
    is_package: bool = False
    folders: tuple[str, ...] = ()
    """The folders of its submodules."""
    provider: Provider | None = None
    compiled: bool = False
    """A C extension beside the source is what is loaded; it may have more names."""

    @property
    def there(self) -> bool:
        """True if importing it finds something."""
        return self.kind in {"source", "opaque", "namespace"}


class ModuleSearch:
    """The merged /var/task and /opt of one version.

    ``trees`` are those of the code and then of the layers, in their order.
    """

    def __init__(
        self, version: FunctionVersion, trees: Sequence[Tree], python: tuple[int, int]
    ) -> None:
        self.python = python
        self._version = version
        self._trees = trees
        self._owner: dict[str, int] = {}
        self._children: dict[str, dict[str, list[str]]] = {}
        self._folders: set[str] = set()
        self._located: dict[str, Located] = {}
        self._digests: dict[str, str] = {}
        self._providers: dict[tuple[int, str, str], Provider] = {}
        self._source_bytes: Counter[str] = Counter()
        for number, tree in enumerate(trees):
            root = OPT if number else TASK
            for name, size in tree.names().items():
                self._owner[f"{root}/{name}"] = number
                if not number and name.endswith(".py"):
                    self._source_bytes[name.partition("/")[0]] += size
        for path in self._owner:
            self._add(path)
        self._distributions = dict(self._find_distributions())
        self.anything_may_appear = False
        """True if zips, ``.pth`` files or other folders may bring modules from anywhere."""
        self._path = search_path(
            version.configuration.environment, "{}.{}".format(*python), self._path_lines
        )
        self.roots = tuple(entry.path for entry in self._path.packages)
        """The folders of code and layers that are searched, in order."""
        if self._path.has_unseen or any(root.endswith(_ARCHIVES) for root in self.roots):
            self.anything_may_appear = True
        self.layers = tuple(
            Provider(kind="layer", layer=layer.name, layer_version=layer.version)
            for layer in version.layers
        )

    # --- modules -----------------------------------------------------------------------------

    def find(self, name: str) -> Located:
        """Find a module by its absolute name as an import of it would."""
        found = self._located.get(name)
        if found is None:
            parent, _, last = name.rpartition(".")
            found = self._below(self.find(parent), name, last) if parent else self._top(name)
            self._located[name] = found
        return found

    def elsewhere(self, top: str) -> bool:
        """True if a module of that name is where only a change of ``sys.path`` would find it.

        A copy in the folder of a layer's package is only for that package.
        """
        return any(
            self._is_module_in(folder, top)
            for folder, kids in self._children.items()
            if top in kids
            and folder not in self.roots
            and not _SITE_PACKAGES.fullmatch(folder)
            and (folder.startswith(f"{TASK}/") or "__init__.py" not in kids.get("__init__", ()))
        )

    def _is_module_in(self, folder: str, top: str) -> bool:
        names = self._children[folder][top]
        return f"{folder}/{top}" in self._folders or any(
            name.endswith((".py", ".so", ".pyc")) for name in names
        )

    def own_modules(self, package: str) -> Iterator[str]:
        """The modules directly below a package whose folder lies in /var/task."""
        for folder in self.find(package).folders:
            if folder.startswith(f"{TASK}/"):
                for stem, names in self._children.get(folder, {}).items():
                    if stem != "__init__" and (
                        f"{stem}.py" in names or f"{folder}/{stem}" in self._folders
                    ):
                        yield f"{package}.{stem}"

    def all_below(self, top: str) -> Iterator[str]:
        """The modules of one top-level package, wherever it is."""
        pending = [top]
        while pending:
            name = pending.pop()
            yield name
            for folder in self.find(name).folders:
                for stem, names in self._children.get(folder, {}).items():
                    there = f"{stem}.py" in names or f"{folder}/{stem}" in self._folders
                    if there and stem.isidentifier() and stem != "__init__":
                        pending.append(f"{name}.{stem}")

    def own_sources(self) -> Iterator[bytes]:
        """The sources in /var/task that no installed distribution brought."""
        for path in self._owner:
            if path.startswith(f"{TASK}/") and path.endswith(".py") and not self.installed(path):
                yield self.read(path) or b""

    def source_bytes(self, top: str) -> int:
        """Size of all Python sources of one top-level package in /var/task."""
        return self._source_bytes[top]

    def installed(self, path: str) -> bool:
        """True for a file in /var/task that belongs to an installed distribution."""
        provider = self._provider(path)
        return provider.distribution is not None

    def distributions(self) -> tuple[Provider, ...]:
        """Distributions with dist-info or egg-info on the search path, later layers first."""
        return tuple(
            self._provider_of(number, name, version)
            for number, _, name, version in sorted(
                self._distributions.values(), key=lambda one: (-one[0], one[1], one[2])
            )
        )

    # --- content -----------------------------------------------------------------------------

    def place(self, path: str) -> tuple[int, str]:
        """Number of the tree that has this file, and its name there. Raises KeyError."""
        number = self._owner[path]
        return number, path.removeprefix(f"{OPT if number else TASK}/")

    def read(self, path: str) -> bytes | None:
        """The content of a file; ``None`` for one that is too large."""
        number, name = self.place(path)
        content = self._trees[number].read(name, limit_bytes=_LIMIT_BYTES + 1)
        return content if len(content) <= _LIMIT_BYTES else None

    def digest(self, path: str) -> str:
        """SHA-256 of a file's content."""
        if path not in self._digests:
            self._digests[path] = hashlib.sha256(self.read(path) or b"").hexdigest()
        return self._digests[path]

    # --- the search --------------------------------------------------------------------------

    def _add(self, path: str) -> None:
        folder, _, name = path.rpartition("/")
        stem = name.partition(".")[0]
        self._children.setdefault(folder, {}).setdefault(stem, []).append(name)
        while folder not in self._folders and folder != "/":
            self._folders.add(folder)
            folder, _, name = folder.rpartition("/")
            if not folder:
                break
            self._children.setdefault(folder, {}).setdefault(name, [])

    def _top(self, name: str) -> Located:
        brought: Located | None = None
        before = self.roots
        if name in runtime_libraries.IMPORT_PACKAGES:
            brought = Located("opaque", name, provider=Provider(kind="runtime"))
            before = self._roots_before(Place.RUNTIME)
        elif stdlib.has_module(name, self.python):
            brought = self._standard(name)
            before = self._roots_before(Place.STANDARD_LIBRARY)
        found = self._in(before, name, name)
        if found is not None and (brought is None or found.kind != "namespace"):
            # The runtime may have loaded its own before /var/task was searched.
            loaded = brought is not None and name not in runtime_libraries.IMPORT_PACKAGES
            if loaded or name in runtime_libraries.LOADED_FIRST:
                return Located("opaque", name, provider=found.provider)
            return found
        if brought is not None:
            return brought
        if stdlib.is_module(name):
            return self._standard(name)
        return Located("unknown" if name in runtime_libraries.PERHAPS_INSTALLED else "absent", name)

    def _roots_before(self, place: Place) -> tuple[str, ...]:
        return tuple(entry.path for entry in self._path.before(place))

    def _standard(self, name: str) -> Located:
        there = stdlib.has_module(name, self.python)
        if name == "distutils" and not there and self.find("setuptools").there:
            return Located("unknown", name)  # setuptools brings its own under that name
        return Located("opaque" if there else "absent", name, provider=Provider(kind="python"))

    def _below(self, parent: Located, name: str, last: str) -> Located:
        if parent.kind == "opaque":
            if parent.provider is not None and parent.provider.kind == "python":
                return self._standard(name)
            return Located("unknown", name, provider=parent.provider)
        if not parent.there:
            return Located(parent.kind, name, provider=parent.provider)
        found = self._in(parent.folders, name, last)
        return found or Located("absent", name, provider=parent.provider)

    def _in(self, folders: Sequence[str], name: str, last: str) -> Located | None:
        portions: list[str] = []
        for folder in folders:
            names = self._children.get(folder, {}).get(last)
            if names is None:
                continue
            inner = f"{folder}/{last}"
            if inner in self._folders:
                inits = self._children.get(inner, {}).get("__init__", [])
                if "__init__.py" in inits:
                    path = f"{inner}/__init__.py"
                    provider = self._provider(path)
                    compiled = any(init.endswith(".so") for init in inits)
                    return Located("source", name, path, True, (inner,), provider, compiled)
                if any(init.endswith((".pyc", ".so")) for init in inits):
                    return Located("opaque", name, provider=self._provider(f"{inner}/{inits[0]}"))
            libraries = [other for other in names if other.endswith(".so")]
            if libraries and f"{last}.py" not in names:
                provider = self._provider(f"{folder}/{libraries[0]}")
                return Located("opaque", name, provider=provider)
            if f"{last}.py" in names:
                path = f"{folder}/{last}.py"
                return Located(
                    "source",
                    name,
                    path,
                    provider=self._provider(path),
                    compiled=bool(libraries),
                )
            if f"{last}.pyc" in names:
                provider = self._provider(f"{folder}/{last}.pyc")
                return Located("opaque", name, provider=provider)
            if inner in self._folders:
                portions.append(inner)
        if portions:
            owner = self._folder_provider(portions[0])
            return Located("namespace", name, "", True, tuple(portions), owner)
        return None

    def _path_lines(self, site: SearchEntry) -> Iterator[str]:
        """The lines of the ``.pth`` files in one folder that name folders."""
        for names in self._children.get(site.path, {}).values():
            for name in names:
                if name.endswith(".pth"):
                    content = self.read(f"{site.path}/{name}") or b""
                    yield from self._folders_named(name, content.decode("utf-8", "replace"))

    def _folders_named(self, name: str, content: str) -> Iterator[str]:
        for line in map(str.strip, content.splitlines()):
            if line.startswith(("import ", "import\t")):
                if not name.endswith(("-nspkg.pth", "distutils-precedence.pth")):
                    self.anything_may_appear = True
            elif line and not line.startswith("#"):
                yield line

    # --- who brought it ----------------------------------------------------------------------

    def _provider(self, path: str) -> Provider:
        number = self._owner[path]
        root = max(
            (root for root in self.roots if path.startswith(f"{root}/")), key=len, default=""
        )
        key = path.removeprefix(f"{root}/").partition("/")[0].partition(".")[0]
        return self._provider_in(number, root, key)

    def _folder_provider(self, folder: str) -> Provider | None:
        prefix = f"{folder}/"
        path = next((path for path in self._owner if path.startswith(prefix)), None)
        return None if path is None else self._provider(path)

    def _provider_in(self, number: int, root: str, key: str) -> Provider:
        known = self._providers.get((number, root, key))
        if known is None:
            name = version = None
            for folder, metadata_name, metadata_version in self._candidates(number, root):
                if _normal(metadata_name) == _normal(key) or self._lists(folder, key):
                    name, version = metadata_name, metadata_version
                    break
            known = self._provider_of(number, name, version)
            self._providers[number, root, key] = known
        return known

    def _candidates(self, number: int, root: str) -> list[tuple[str, str, str]]:
        return [
            (path, name, version)
            for path, (place, folder, name, version) in self._distributions.items()
            if place == number and folder == root
        ]

    def _lists(self, metadata: str, key: str) -> bool:
        """True if a distribution's own metadata say that it brought a top-level module."""
        for file in ("top_level.txt", "RECORD"):
            path = f"{metadata}/{file}"
            if path in self._owner:
                text = (self.read(path) or b"").decode("utf-8", "replace")
                tops = {re.split(r"[/.,]", line, maxsplit=1)[0] for line in text.split()}
                return key in tops
        return False

    def _provider_of(self, number: int, name: str | None, version: str | None) -> Provider:
        if not number:
            return Provider(kind="code", distribution=name, version=version)
        layer = self._version.layers[number - 1]
        return Provider(
            kind="layer",
            layer=layer.name,
            layer_version=layer.version,
            distribution=name,
            version=version,
        )

    def _find_distributions(self) -> Iterator[tuple[str, tuple[int, str, str, str]]]:
        """(folder of the metadata, (tree, folder it is installed in, name, version))."""
        for folder in self._folders:
            parent, _, last = folder.rpartition("/")
            match = _DIST_INFO.fullmatch(last)
            files = self._children.get(folder, {})
            if match and ("METADATA" in files or "PKG-INFO" in files):
                file = "METADATA" if "METADATA" in files else "PKG-INFO"
                name, version = self._metadata(f"{folder}/{file}")
                number = self._owner[f"{folder}/{file}"]
                yield folder, (number, parent, name or match["name"], version or match["version"])

    def _metadata(self, path: str) -> tuple[str, str]:
        """Name and version as the metadata write them."""
        number, name = self.place(path)
        head = self._trees[number].read(name, limit_bytes=4096).decode("utf-8", "replace")
        fields = dict(line.split(": ", 1) for line in head.splitlines()[:8] if ": " in line)
        return fields.get("Name", "").strip(), fields.get("Version", "").strip()


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
