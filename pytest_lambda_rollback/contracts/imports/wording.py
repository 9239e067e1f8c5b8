"""What the imports contract says: sentences and causes in the user's terms. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_lambda_rollback.model.findings import Cause
from pytest_lambda_rollback.model.modules import Answer, Answered, Form, ModuleView, Provider, State
from pytest_lambda_rollback.model.settings import Strategy


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """The two environments that are compared."""

    strategy: Strategy
    target: ModuleView
    """Where the target's code would run."""
    other: ModuleView
    """What it is compared with: its own layers for ``redeploy``, the current for ``alias``."""
    current: str

    @property
    def name(self) -> str:
        """``orders:2 by redeploy``."""
        own = self.other if self.strategy is Strategy.REDEPLOY else self.target
        return f"{own.version} by {self.strategy}"

    def current_text(self, here: Answer, there: Answer | None) -> str | None:
        """What the current version's layers have."""
        redeploy = self.strategy is Strategy.REDEPLOY
        answer, view = (here, self.target) if redeploy else (there, self.other)
        return _text(_who(answer, view, there if redeploy else here))

    def target_text(self, here: Answer, there: Answer | None) -> str | None:
        """What the target's own layers have."""
        redeploy = self.strategy is Strategy.REDEPLOY
        answer, view = (there, self.other) if redeploy else (here, self.target)
        return _text(_who(answer, view, here if redeploy else there))


def asked_for(answered: Answered, place: str) -> str:
    """``imports to_text from acme_shared.money (app.py:3)``."""
    ask, answer = answered.ask, answered.answer
    if answer.needed_by:
        return f"imports {ask.module} ({place})"
    if ask.form is Form.HANDLER:
        return f"has the handler module {ask.module}"
    if answer.name is None:
        return f"imports {ask.module} ({place})"
    if ask.form is Form.FROM:
        return f"imports {answer.name} from {answer.module} ({place})"
    if ask.form is Form.STAR:
        return f"uses {answer.name} of {answer.module} by import * ({place})"
    return f"uses {answer.module}.{answer.name} ({place})"


def lacked(
    here: Answer, there: Answer | None, sides: Sides, *, certain: bool = True
) -> tuple[str, Cause | None]:
    """Who does not offer it and who did, with the cause."""
    redeploy = sides.strategy is Strategy.REDEPLOY
    if here.provider is not None and here.provider.kind == "python":
        return _lacked_by_python(sides)
    if here.needed_by:
        return _lacked_below(here, there, sides)
    lacking, offering = _who(here, sides.target, there), _who(there, sides.other, here)
    text = f"which {_lacking(lacking, sides)}"
    if not certain and lacking is not None:
        text = f"which {layer_text(lacking)} does not list in __all__ and may not offer"
    if offering is not None and (there is None or there.state is not State.MISSING):
        text += f"; {_layer(offering)} {'did' if redeploy else 'does'}"
    return text, _cause(lacking, offering, redeploy=redeploy)


def _lacked_by_python(sides: Sides) -> tuple[str, Cause | None]:
    redeploy = sides.strategy is Strategy.REDEPLOY
    here, there = _python(sides.target.runtime), _python(sides.other.runtime)
    text = f"which Python {here} does not have"
    if here == there:
        return text, None
    cause = Cause(
        distribution="python",
        current_version=here if redeploy else there,
        target_version=there if redeploy else here,
    )
    return f"{text}; Python {there} {'did' if redeploy else 'does'}", cause


def _lacked_below(here: Answer, there: Answer | None, sides: Sides) -> tuple[str, Cause | None]:
    """For a module that is there, but whose own imports fail."""
    thing = f"{here.module}.{here.name}" if here.name else here.module
    nobody = _lacking(here.provider if here.name else None, sides)
    text = f"which needs {thing} in {here.needed_by[-1]}, which {nobody}"
    offering = _who(None if here.name else there, sides.other, here)
    return text, _cause(here.provider, offering, redeploy=sides.strategy is Strategy.REDEPLOY)


def layer_text(provider: Provider) -> str:
    """``layer acme-shared 2 (acme-shared 2.0.0)``, or whatever else brought a module."""
    return f"layer {_layer(provider)}" if provider.kind == "layer" else _layer(provider)


def cause_between(current: Provider | None, target: Provider | None) -> Cause | None:
    """The change of layer and distribution from the target's own to the current one."""
    return _cause(current, target, redeploy=True)


def _lacking(provider: Provider | None, sides: Sides) -> str:
    if provider is not None:
        return f"{layer_text(provider)} does not offer"
    if not sides.target.layers:
        return "nothing offers, for there are no layers"
    if sides.strategy is Strategy.REDEPLOY:
        return f"no layer of {sides.current} offers"
    return "none of its own layers offers"


def _who(answer: Answer | None, view: ModuleView, counterpart: Answer | None) -> Provider | None:
    """Who brought the module here, or who would have: by distribution, by name of the layer."""
    if answer is not None and answer.provider is not None:
        return answer.provider
    known = counterpart.provider if counterpart is not None else None
    if known is None:
        return None
    for provider in view.distributions:
        if provider.distribution and provider.distribution == known.distribution:
            return provider
    for provider in view.layers:
        if known.layer and provider.layer == known.layer:
            return provider
    return None


def _cause(lacking: Provider | None, offering: Provider | None, *, redeploy: bool) -> Cause | None:
    current, target = (lacking, offering) if redeploy else (offering, lacking)
    if current is None and target is None:
        return None
    layer = (current and current.layer) or (target and target.layer) or None
    distribution = (target and target.distribution) or (current and current.distribution) or None
    if distribution is None:
        return Cause(
            layer=layer,
            current_version=current.layer_version if current else None,
            target_version=target.layer_version if target else None,
        )
    return Cause(
        layer=layer,
        distribution=distribution,
        current_version=current.version if current else None,
        target_version=target.version if target else None,
    )


def _text(provider: Provider | None) -> str | None:
    return layer_text(provider) if provider is not None else None


def _layer(provider: Provider) -> str:
    """``acme-shared 2 (acme-shared 2.0.0)``."""
    if provider.kind == "code":
        name = "the code's own package"
    elif provider.kind == "layer":
        name = " ".join(filter(None, (provider.layer, provider.layer_version)))
    else:
        return f"the {provider.kind}"
    if provider.distribution:
        version = " ".join(filter(None, (provider.distribution, provider.version)))
        return f"{name} ({version})"
    return name


def _python(runtime: str) -> str:
    return runtime.removeprefix("python")
