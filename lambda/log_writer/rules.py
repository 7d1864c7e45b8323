"""By which rules records are made now: the configuration's, with the current keys.

Promise: where the configuration asks for keys there are no rules without them.
"""

from __future__ import annotations

from audit_core.keys import Keys
from audit_core.masking import CustomRules, Masker
from audit_core.record import Rules
from log_writer.config import Config
from log_writer.key_source import KeySource


class RuleBook:
    """The rules of one configuration, made anew when its keys change. Safe to share between threads.

    `keys`: where keys come from; null where none are needed. `masker`: what to use then; null for one as configured.
    """

    def __init__(self, config: Config, *, keys: KeySource | None = None, masker: Masker | None = None) -> None:
        self._config = config
        self._keys = keys
        self._known: Keys | None = None
        self._rules = None if keys else Rules(masker=masker or self._masker(None), envelope=config.envelope)

    def get(self, *, deadline: float) -> Rules:
        """Return the rules. `deadline` is on the monotonic clock, in seconds. Raises `KeysUnavailableError`."""
        keys = self._keys.get(deadline=deadline) if self._keys else None
        rules = self._rules
        if rules is None or keys is not self._known:
            rules = self._with(keys)
            self._known, self._rules = keys, rules
        return rules

    def _with(self, keys: Keys | None) -> Rules:
        pseudonyms = keys.pseudonym.key if keys and self._config.personal != "off" else None
        return Rules(
            masker=self._masker(pseudonyms.key if pseudonyms else None),
            key=keys.digest.key if keys and self._config.keyed_digests else None,
            pseudonym_key_id=pseudonyms.key_id if pseudonyms else None,
            envelope=self._config.envelope,
        )

    def _masker(self, pseudonym_key: bytes | None) -> Masker:
        return Masker(
            personal=self._config.personal,
            pseudonym_key=pseudonym_key,
            custom=CustomRules.from_config(self._config.custom_rules),
        )
