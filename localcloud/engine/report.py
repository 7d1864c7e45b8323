"""What a run reports: events while it goes, and its plan or result at the end."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from localcloud.engine.steps import Action, Decision
from localcloud.engine.urns import parse
from localcloud.values import Value, plain


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that was done, or in a plan is to be done, to one resource.

    Attributes:
        paths: the properties that differ.
        replaces: why it cannot be done in place.
        inputs: the checked inputs as plain JSON: secrets as `[secret]`, None for what only the deployment will know.
    """

    action: Action
    urn: str
    type: str
    name: str
    paths: tuple[str, ...] = ()
    replaces: tuple[str, ...] = ()
    inputs: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """A step begins, ends (with its seconds), or fails."""

    status: Literal["begin", "done", "failed"]
    step: Step
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A line from the program: what it printed (`output`) or logged."""

    severity: Literal["output", "debug", "info", "warning", "error"]
    text: str
    urn: str = ""


Event: TypeAlias = Progress | Message
Listener: TypeAlias = Callable[[Event], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What `up` would do.

    Attributes:
        steps: in the order in which they would happen; those of action `same` too.
        outputs: the stack's outputs as plain JSON: secrets as `[secret]`, None where not known yet.
    """

    steps: tuple[Step, ...]
    outputs: Mapping[str, Any] = field(repr=False)

    @property
    def changes(self) -> Counter[str]:
        """How many steps of each action."""
        return Counter(step.action for step in self.steps)

    @property
    def changed(self) -> bool:
        """Whether anything would be created, updated, replaced or deleted."""
        return any(step.action not in ("same", "read") for step in self.steps)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result(Plan):
    """What `up` or `destroy` did. Here `outputs` holds secrets bare."""

    secret_outputs: frozenset[str] = frozenset()


class Steps:
    """The steps of a run. A listener gets each one as it happens."""

    def __init__(self, listener: Listener) -> None:
        """Begin without steps."""
        self.done: list[Step] = []
        self._listener = listener

    @contextlib.contextmanager
    def step(
        self, action: Action, urn: str, inputs: Mapping[str, Value], decision: Decision | None = None
    ) -> Iterator[None]:
        """Report a step before and after its work; keep it if it ended well."""
        step = Step(
            action=action,
            urn=urn,
            type=parse(urn).type,
            name=parse(urn).name,
            paths=decision.paths if decision else (),
            replaces=decision.replaces if decision else (),
            inputs={key: plain(value, hide_secrets=True) for key, value in inputs.items()},
        )
        began = time.monotonic()
        self._listener(Progress(status="begin", step=step))
        try:
            yield
        except BaseException:
            self._listener(Progress(status="failed", step=step, seconds=time.monotonic() - began))
            raise
        self.done.append(step)
        self._listener(Progress(status="done", step=step, seconds=time.monotonic() - began))
