"""The controls: ONE table of what the kit promises, where the promise comes from, and the live check that tries it.

`audit-log check` runs every row against a deployed stack; docs/controls.md is generated from the same rows. A row says
what must be true in words a newcomer reads, never how it is done: the check's code is the only place for that.
"""

from dataclasses import dataclass
from typing import Final

from policies import references as ref
from policies.references import Reference


@dataclass(frozen=True, slots=True)
class Basis:
    """Where a promise comes from: the section of the guide and the demand in it, and the nearest items of frameworks.

    `also` lists items of AISVS and the EU AI Act.
    """

    guide: str
    nist: Reference
    owasp: Reference
    also: tuple[Reference, ...] = ()

    @property
    def items(self) -> tuple[Reference, ...]:
        """Every item that the promise is evidence for."""
        return (self.nist, self.owasp, *self.also)


@dataclass(frozen=True, slots=True)
class Control:
    """One promise of the kit.

    `id` never changes once published (reports refer to it); `check` is the live check as `<area>.<function>`, found in
    cli/checks/<area>.py; `statement` is true of a sound stack.
    """

    id: str
    check: str
    statement: str
    basis: Basis

    @property
    def area(self) -> str:
        """The part of the checklist that the control stands in: the check's module."""
        return self.check.partition(".")[0]


_SEGREGATED: Final = Basis("Checklist: proper IAM segregation", ref.ROLES_CLEAR, ref.PRIVILEGE)
_IMMUTABLE: Final = Basis("Storage: store logs in an immutable bucket", ref.SECURE, ref.ROGUE, (ref.KEPT_BY_DEPLOYERS,))
_RETAINED: Final = Basis(
    "Storage: set retention based on regulatory needs", ref.SECURE, ref.ROGUE, (ref.KEPT_BY_DEPLOYERS,)
)

CONTROLS: Final = (
    Control(
        "known-call-recorded",
        "intake.known_call",
        "a call that is acknowledged is in the log, once, every field as it was sent",
        Basis(
            "Checklist: trigger a known API call, verify the log entry",
            ref.ACCOUNTABLE,
            ref.AGENCY,
            (ref.INTERACTIONS_LOGGED, ref.RECORDED),
        ),
    ),
    Control(
        "digests-recomputable",
        "intake.digests",
        "the digests in the record are those of the payloads, recomputed here",
        Basis("Events: request payload hash, response payload hash", ref.ACCOUNTABLE, ref.ROGUE),
    ),
    Control(
        "no-secret-stored",
        "intake.no_secret",
        "no planted secret is in any stored byte: payload, URL, header, attribute",
        Basis("Checklist: confirm no secret appears", ref.PRIVATE, ref.DISCLOSURE),
    ),
    Control(
        "content-not-stored",
        "intake.no_content",
        "prompts and bodies are digested, their text is not stored",
        Basis("Events: payload hash, never raw PII or secrets", ref.PRIVATE, ref.DISCLOSURE),
    ),
    Control(
        "retry-stored-once",
        "intake.retry",
        "the same call sent again is answered with the same record and stored once",
        Basis("TL;DR: record every API request and response", ref.IN_PRODUCTION, ref.TOOL_MISUSE),
    ),
    Control(
        "formats-recorded",
        "intake.formats",
        "a call in each agent's own format is recorded: OpenAI traces, Claude events, LiteLLM, OTLP",
        Basis(
            "Checklist: implement redaction or hashing at the SDK level for each platform you use",
            ref.ACCOUNTABLE,
            ref.AGENCY,
            (ref.STRUCTURED, ref.RECORDED),
        ),
    ),
    Control(
        "token-required",
        "intake.token_required",
        "nothing is accepted without a token, with a wrong one, or for another agent",
        Basis("Storage: enforce least privilege", ref.SECURE, ref.PRIVILEGE),
    ),
    Control(
        "refusal-tells-no-value",
        "intake.refusal",
        "a refused call is answered with field and reason, never with what it held",
        Basis("Capture: never write raw API keys, passwords, or PII", ref.PRIVATE, ref.DISCLOSURE),
    ),
    Control(
        "versions-locked",
        "immutability.locked",
        "every version of the record is locked, in the stack's mode and for its days",
        Basis(
            "Storage: set retention based on regulatory needs",
            ref.SECURE,
            ref.ROGUE,
            (ref.KEPT_BY_PROVIDERS, ref.KEPT_BY_DEPLOYERS),
        ),
    ),
    Control(
        "delete-refused",
        "immutability.delete",
        "nobody can delete the record, nor hide it behind a delete marker",
        _IMMUTABLE,
    ),
    Control(
        "version-delete-refused",
        "immutability.delete_version",
        "nobody can delete the record's version, one by one or in a batch",
        _IMMUTABLE,
    ),
    Control(
        "bypass-refused",
        "immutability.bypass_delete",
        "nobody can delete the record's version by bypassing governance",
        _IMMUTABLE,
    ),
    Control(
        "overwrite-refused",
        "immutability.overwrite",
        "nobody can overwrite the record or hide it behind a new version",
        Basis("Storage: store logs in an immutable bucket", ref.SECURE, ref.RETRIEVAL),
    ),
    Control("shortening-refused", "immutability.shorten", "nobody can shorten the record's retention", _RETAINED),
    Control(
        "downgrade-refused", "immutability.downgrade", "nobody can weaken or remove the record's lock mode", _RETAINED
    ),
    Control(
        "lock-configured",
        "bucket.lock",
        "the bucket locks what arrives, in the stack's mode and for its days, versioned",
        Basis(
            "Checklist: configure a write-once storage target",
            ref.SECURE,
            ref.TOOL_MISUSE,
            (ref.KEPT_BY_PROVIDERS, ref.KEPT_BY_DEPLOYERS),
        ),
    ),
    Control(
        "lock-change-refused", "bucket.lock_change", "only the administrators can change the bucket's lock", _SEGREGATED
    ),
    Control(
        "versioning-change-refused",
        "bucket.versioning_change",
        "only the administrators can touch versioning",
        _SEGREGATED,
    ),
    Control(
        "versioning-suspension-refused",
        "bucket.versioning_suspension",
        "not even an administrator can suspend versioning",
        Basis("Storage: store logs in an immutable bucket", ref.SECURE, ref.ROGUE),
    ),
    Control(
        "lifecycle-change-refused",
        "bucket.lifecycle_change",
        "only the administrators can change lifecycle and replication",
        _SEGREGATED,
    ),
    Control(
        "policy-change-refused",
        "bucket.policy_change",
        "only the administrators can change or remove the bucket policy",
        _SEGREGATED,
    ),
    Control(
        "policy-in-force",
        "bucket.policy",
        "the bucket policy denies deletes to all, changes to all but administrators, and plain HTTP",
        Basis("Storage: enforce least-privilege IAM policies", ref.SECURE, ref.PRIVILEGE),
    ),
    Control(
        "nothing-expires",
        "bucket.lifecycle",
        "no lifecycle rule removes a record",
        Basis(
            "Storage: set retention based on regulatory needs",
            ref.INCIDENTS,
            ref.ROGUE,
            (ref.KEPT_BY_PROVIDERS, ref.KEPT_BY_DEPLOYERS),
        ),
    ),
    Control(
        "not-public",
        "bucket.private",
        "the bucket is private, encrypted, and its objects are the account's own",
        Basis("Storage: access-controlled sink", ref.PRIVATE, ref.DISCLOSURE),
    ),
    Control(
        "auditor-reads-only",
        "access.auditor",
        "the auditor reads and lists, and cannot write, hold, extend or administer",
        _SEGREGATED,
    ),
    Control(
        "writer-adds-only",
        "access.writer",
        "the writer adds records, and cannot read, list, delete, hold or administer",
        _SEGREGATED,
    ),
    Control(
        "writer-not-assumable",
        "access.writer_trust",
        "no person can take on the writer's role: only its function can",
        _SEGREGATED,
    ),
    Control(
        "retention-admin-extends-only",
        "access.retention_admin",
        "the retention admin extends and holds, and cannot read, write, delete or administer",
        _SEGREGATED,
    ),
    Control(
        "retention-bounded",
        "access.retention_maximum",
        "the retention admin cannot lock past the stated maximum, nor in another mode",
        Basis("Storage: set retention based on regulatory needs", ref.ROLES_CLEAR, ref.PRIVILEGE),
    ),
    Control(
        "holds-separated", "access.holds", "who places a legal hold cannot release it, and the reverse", _SEGREGATED
    ),
    Control(
        "hold-releaser-releases-only",
        "access.hold_releaser",
        "the hold releaser releases holds, and cannot read, delete, shorten or administer",
        _SEGREGATED,
    ),
    Control(
        "keys-for-writer-only",
        "access.keys",
        "nobody but the writer can read the keys of digests: not who reads, holds or extends records",
        Basis("Capture: deterministic hash of the payload", ref.PRIVATE, ref.DISCLOSURE),
    ),
    Control(
        "payloads-forgotten",
        "vault.shut",
        "payloads are kept nowhere, or where one role alone reads them and two days forget them",
        Basis(
            "FAQ: raw bodies only in a separate, encrypted vault with strict access controls, 24-48 hours",
            ref.PRIVATE,
            ref.DISCLOSURE,
        ),
    ),
    Control(
        "records-sealed",
        "seal.sealed",
        "a stored record is part of the sealed log within its minutes, under a good signature",
        Basis("Storage: store logs in an immutable bucket", ref.ACCOUNTABLE, ref.TAMPER_EVIDENT),
    ),
    Control(
        "sealer-seals-only",
        "seal.sealer",
        "the sealer adds to the sealed log, and cannot write records, delete, hold or administer",
        _SEGREGATED,
    ),
    Control(
        "seal-for-sealer-only",
        "seal.others",
        "nobody but the sealer can write into the sealed log: not the writer, not an administrator",
        _SEGREGATED,
    ),
    Control(
        "signing-for-sealer-only",
        "seal.key",
        "nobody but the sealer can sign a checkpoint: not an administrator, not who reads",
        Basis("Storage: enforce least privilege", ref.SECURE, ref.ROGUE),
    ),
    Control(
        "no-secret-logged",
        "function.log",
        "no planted secret or content is in the writer's own operational log",
        Basis("Capture: never write raw API keys, passwords, or PII to logs", ref.PRIVATE, ref.DISCLOSURE),
    ),
    Control(
        "package-as-built",
        "function.package",
        "the functions that run are the packages that were built, byte for byte",
        Basis("Events: deployment ID", ref.COMPONENTS, ref.SUPPLY_CHAIN),
    ),
    Control(
        "alarms-connected",
        "function.alarms",
        "errors, throttles, refusals, faults, and a log that is no longer sealed raise an alarm",
        Basis("Mapping: rapid detection of anomalous usage", ref.MONITORED, ref.TOOL_MISUSE, (ref.WATCHED,)),
    ),
)
