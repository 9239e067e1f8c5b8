"""The form on disk of what one version's code asks and gets. Values to plain lists and back."""

from __future__ import annotations

from typing import Any

from pytest_lambda_rollback.import_analysis.module_facts import (
    ask_from_json,
    ask_to_json,
    tries_from_json,
    tries_to_json,
)
from pytest_lambda_rollback.model.modules import (
    Answer,
    Answered,
    CodeFile,
    Definition,
    ModuleView,
    Provider,
    State,
)


def view_to_json(view: ModuleView) -> dict[str, Any]:
    """The view without the name of its version, so that equal content is kept once."""
    providers: dict[Provider | None, int] = {}

    def number(provider: Provider | None) -> int:
        return providers.setdefault(provider, len(providers))

    asks = [
        [answered.file, ask_to_json(answered.ask), _answer_to_json(answered.answer, number)]
        for answered in view.asks
    ]
    layers = [number(provider) for provider in view.layers]
    distributions = [number(provider) for provider in view.distributions]
    return {
        "files": [[file.file, [tries_to_json(b) for b in file.tries]] for file in view.files],
        "asks": asks,
        "layers": layers,
        "notes": view.notes,
        "handler": view.handler,
        "changes_path": view.changes_path,
        "distributions": distributions,
        "providers": [provider and _provider_to_json(provider) for provider in providers],
    }


def view_from_json(data: dict[str, Any], *, version: str, runtime: str) -> ModuleView:
    """The inverse of `view_to_json`. Raises ValueError, TypeError, KeyError or IndexError."""
    providers = [one and _provider_from_json(one) for one in data["providers"]]
    return ModuleView(
        version=version,
        runtime=runtime,
        handler=data["handler"],
        changes_path=data["changes_path"],
        files=tuple(
            CodeFile(file=file, tries=tuple(tries_from_json(block) for block in tries))
            for file, tries in data["files"]
        ),
        asks=tuple(
            Answered(file=file, ask=ask_from_json(ask), answer=_answer_from_json(answer, providers))
            for file, ask, answer in data["asks"]
        ),
        layers=tuple(providers[number] for number in data["layers"]),
        distributions=tuple(providers[number] for number in data["distributions"]),
        notes=tuple(data["notes"]),
    )


def definition_to_json(definition: Definition) -> list[Any]:
    """One definition with its provider written out."""
    provider = definition.provider
    return [
        definition.module,
        definition.name,
        definition.digest,
        provider and _provider_to_json(provider),
    ]


def definition_from_json(data: list[Any]) -> Definition:
    """The inverse of `definition_to_json`."""
    module, name, digest, provider = data
    return Definition(
        module=module,
        name=name,
        digest=digest,
        provider=provider and _provider_from_json(provider),
    )


def _answer_to_json(answer: Answer, number: Any) -> list[Any]:
    definition = answer.definition
    return [
        answer.state,
        answer.module,
        answer.name,
        number(answer.provider),
        definition
        and [definition.module, definition.name, definition.digest, number(definition.provider)],
        answer.needed_by,
    ]


def _answer_from_json(data: list[Any], providers: list[Provider | None]) -> Answer:
    state, module, name, provider, definition, needed_by = data
    return Answer(
        state=State(state),
        module=module,
        name=name,
        provider=providers[provider],
        definition=definition
        and Definition(
            module=definition[0],
            name=definition[1],
            digest=definition[2],
            provider=providers[definition[3]],
        ),
        needed_by=tuple(needed_by),
    )


def _provider_to_json(provider: Provider) -> list[Any]:
    return [
        provider.kind,
        provider.layer,
        provider.layer_version,
        provider.distribution,
        provider.version,
    ]


def _provider_from_json(data: list[Any]) -> Provider:
    kind, layer, layer_version, distribution, version = data
    return Provider(
        kind=kind,
        layer=layer,
        layer_version=layer_version,
        distribution=distribution,
        version=version,
    )
