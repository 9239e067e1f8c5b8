"""Layers and distributions that offer a module or name, or did before."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_lambda_rollback.aws_lambda.runtimes import python_version
from pytest_lambda_rollback.model.causes import Cause
from pytest_lambda_rollback.model.findings import Details, Subject
from pytest_lambda_rollback.model.modules import Answer, Answered, Form, ModuleView, Provider, State
from pytest_lambda_rollback.model.settings import Strategy


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """The two environments that are compared."""

    subject: Subject
    target: ModuleView
    """The environment that the target's code would run in."""
    other: ModuleView
    """The environment to compare with: its own for ``redeploy``, the current one for ``alias``."""

    @property
    def redeploy(self) -> bool:
        """True if the target's code would run on the current version's layers."""
        return self.subject.strategy is Strategy.REDEPLOY

    def current_text(self, here: Answer, there: Answer | None) -> str | None:
        """The view of the current version's layers."""
        answer, view = (here, self.target) if self.redeploy else (there, self.other)
        return _text(_who(answer, view, there if self.redeploy else here))

    def target_text(self, here: Answer, there: Answer | None) -> str | None:
        """The view of the target's own layers."""
        answer, view = (there, self.other) if self.redeploy else (here, self.target)
        return _text(_who(answer, view, here if self.redeploy else there))


def asked_for(answered: Answered) -> Details:
    """How the code asks for what is missing."""
    ask, answer = answered.ask, answered.answer
    module, name = answer.module, answer.name
    if answer.needed_by:
        asks, module, name = "module", ask.module, None
    elif ask.form is Form.HANDLER:
        asks, module = "handler", ask.module
    elif name is None:
        asks, module = "module", ask.module
    elif ask.form is Form.FROM:
        asks = "name"
    else:
        asks = "star" if ask.form is Form.STAR else "attribute"
    return ("asks", asks), ("module", module), ("name", name)


def lacked(here: Answer, there: Answer | None, sides: Sides) -> tuple[Details, Cause | None]:
    """The provider that no longer offers it and the one that did, with the cause."""
    if here.provider is not None and here.provider.kind == "python":
        return _lacked_by_python(sides)
    if here.needed_by:
        return _lacked_below(here, there, sides)
    lacking, offering = _who(here, sides.target, there), _who(there, sides.other, here)
    known = offering if there is None or there.state is not State.MISSING else None
    return _details(sides, lacking, known), _cause(lacking, offering, redeploy=sides.redeploy)


def _details(
    sides: Sides,
    lacking: Provider | None,
    offering: Provider | None,
    *,
    needs: str | None = None,
    needed_in: str | None = None,
) -> Details:
    return (
        ("lacking", _text(lacking)),
        ("offering", offering.name if offering is not None else None),
        ("python", False),
        ("needs", needs),
        ("needed_in", needed_in),
        ("no_layers", not sides.target.layers),
    )


def _lacked_by_python(sides: Sides) -> tuple[Details, Cause | None]:
    here, there = _python(sides.target.runtime), _python(sides.other.runtime)
    differs = here != there
    details: Details = (
        ("lacking", f"Python {here}"),
        ("offering", f"Python {there}" if differs else None),
        ("python", True),
        ("needs", None),
        ("needed_in", None),
        ("no_layers", not sides.target.layers),
    )
    if not differs:
        return details, None
    return details, Cause(
        distribution="python",
        current_version=here if sides.redeploy else there,
        target_version=there if sides.redeploy else here,
    )


def _lacked_below(here: Answer, there: Answer | None, sides: Sides) -> tuple[Details, Cause | None]:
    """For a module that is there, but whose own imports fail."""
    details = _details(
        sides,
        here.provider if here.name else None,
        None,
        needs=f"{here.module}.{here.name}" if here.name else here.module,
        needed_in=here.needed_by[-1],
    )
    offering = _who(None if here.name else there, sides.other, here)
    return details, _cause(here.provider, offering, redeploy=sides.redeploy)


def layer_text(provider: Provider) -> str:
    """``layer acme-shared 2 (acme-shared 2.0.0)``, or whatever else brought a module."""
    return f"layer {provider.name}" if provider.kind == "layer" else provider.name


def cause_between(current: Provider | None, target: Provider | None) -> Cause | None:
    """The change of layer and distribution from the target's own to the current one."""
    return _cause(current, target, redeploy=True)


def _who(answer: Answer | None, view: ModuleView, counterpart: Answer | None) -> Provider | None:
    """The provider of the module here, or the likely one: by distribution, by layer name."""
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
    if offering is not None and offering.kind == "code":
        # The code is the same on both stacks, so the layer that hides its package is the cause.
        return Cause(layer=lacking.layer) if lacking is not None and lacking.layer else None
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


def _python(runtime: str) -> str:
    return python_version(runtime) or runtime
