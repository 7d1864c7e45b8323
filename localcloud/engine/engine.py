"""A deployment engine for Pulumi programs: preview, up and destroy, with nothing installed but the Pulumi SDK.

Guarantee: a run leads the providers' resources to what the program says or fails with one error; whatever was done is
in the state file; running again, also after a kill at any point, goes on from there; when nothing is to be changed,
no provider is asked to change anything.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from localcloud.engine.deployment import Deployment
from localcloud.engine.errors import ProgramError
from localcloud.engine.monitor import serve
from localcloud.engine.program import Program
from localcloud.engine.refresh import refresh
from localcloud.engine.registry import Source
from localcloud.engine.report import Event, Listener, Message, Plan, Result
from localcloud.engine.state import StateFile
from localcloud.values import Properties, Secret, plain


def _silent(_: Event) -> None:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """One stack of one project.

    Attributes:
        project: the project's name, as in its `Pulumi.yaml`.
        stack: the stack's name.
        program: the folder with the program's `__main__.py`; it is the program's working directory.
        state_file: where the state is kept, mode 0600; a lock file lies beside it.
        providers: for each package a function that makes its provider.
        config: configuration values by full key (`namespace:key`), objects as JSON text.
        secret_keys: the keys in `config` whose values are secret.
        listener: gets every event as it happens, from several threads.
        program_seconds: how long the program may take, the providers' work included.
    """

    project: str
    stack: str
    program: Path
    state_file: Path
    providers: Mapping[str, Source]
    config: Mapping[str, str] = field(default_factory=dict)
    secret_keys: Collection[str] = ()
    listener: Listener = _silent
    program_seconds: float = 1800.0

    def preview(self) -> Plan:
        """Say what `up` would do. Reads, but changes nothing: not the cloud, not the state.

        Raises:
            EngineError: as `up`.
        """
        with self._deployment(real=False) as deployment:
            self._follow_program(deployment)
            deployment.finish()
            outputs = plain(deployment.outputs, hide_secrets=True)
            return Plan(steps=tuple(deployment.steps.done), outputs=outputs)

    def up(self) -> Result:
        """Make the cloud what the program says.

        Raises:
            LockedError: another run holds the stack.
            ProgramError: the program failed; nothing was deleted.
            ProviderError: a provider refused or failed; `urn` says at which resource.
            ProtectedError: a protected resource would have to go.
            UnsupportedError: the program uses what this engine does not have.
            CancelledError: the run was interrupted.
            EngineError: the base of all of these.
        """
        with self._deployment(real=True) as deployment:
            self._follow_program(deployment)
            deployment.finish()
            return _result(deployment, deployment.outputs)

    def destroy(self) -> Result:
        """Delete everything that the state knows. Raises as `up` does, but runs no program."""
        with self._deployment(real=True) as deployment, self._interruptible(deployment):
            refresh(deployment, self.listener)
            deployment.destroy()
            return _result(deployment, {})

    @contextlib.contextmanager
    def _deployment(self, *, real: bool) -> Iterator[Deployment]:
        state = StateFile(self.state_file)
        with contextlib.ExitStack() as stack:
            # A preview only reads the state, which is replaced as a whole, so it may run beside anything.
            if real:
                stack.enter_context(state.locked())
            deployment = Deployment(
                project=self.project,
                stack=self.stack,
                config=self.config,
                secret_keys=frozenset(self.secret_keys),
                sources=self.providers,
                snapshot=state.load(),
                file=state if real else None,
                listener=self.listener,
            )
            stack.callback(deployment.registry.close)
            yield deployment

    def _follow_program(self, deployment: Deployment) -> None:
        """Run the program to its end. Refreshing goes on while its interpreter starts; registrations wait for it."""
        errors: list[str] = []

        def listen(event: Event) -> None:
            if isinstance(event, Message) and event.severity == "error":
                errors.append(event.text)
            self.listener(event)

        with serve(deployment, base=self.program, listener=listen) as address, self._interruptible(deployment):
            with deployment.lock:
                task = {
                    "project": self.project,
                    "stack": self.stack,
                    "monitor": address,
                    "preview": deployment.preview,
                    "config": dict(self.config),
                    "secret_keys": sorted(self.secret_keys),
                }
                program = Program(self.program, task, listen)
                with contextlib.ExitStack() as stack:
                    stack.callback(program.end)
                    refresh(deployment, self.listener)
                    stack.pop_all()
            try:
                well = program.wait(seconds=self.program_seconds, stop=lambda: deployment.failure is not None)
            finally:
                program.end()
                # An operation that was under way is allowed its result, so that the state has it.
                with deployment.lock:
                    pass
            if deployment.failure is not None:
                raise deployment.failure
            if not well:
                raise ProgramError("\n".join(errors) or program.failure())

    @contextlib.contextmanager
    def _interruptible(self, deployment: Deployment) -> Iterator[None]:
        try:
            yield
        except KeyboardInterrupt:
            deployment.cancel()
            with deployment.lock:
                raise deployment.failure from None  # pyrefly: ignore


def _result(deployment: Deployment, outputs: Properties) -> Result:
    return Result(
        steps=tuple(deployment.steps.done),
        outputs=plain(outputs),
        secret_outputs=frozenset(key for key, value in outputs.items() if isinstance(value, Secret)),
    )
