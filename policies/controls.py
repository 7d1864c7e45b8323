"""The controls: ONE table of what the kit promises, where the promise comes from, and the live check that tries it.

`audit-log check` runs every row against a deployed stack; docs/controls.md is generated from the same rows. A row says
what must be true in words a newcomer reads, never how it is done: the check's code is the only place for that. What a
row refers to is in policies/references.py.
"""

from dataclasses import dataclass
from typing import Final

from policies.references import (
    ACCOUNTABLE,
    AGENCY,
    COMPONENTS,
    DISCLOSURE,
    IN_PRODUCTION,
    INCIDENTS,
    INTERACTIONS_LOGGED,
    KEPT_BY_DEPLOYERS,
    KEPT_BY_PROVIDERS,
    MONITORED,
    PRIVATE,
    PRIVILEGE,
    RECORDED,
    RETRIEVAL,
    ROGUE,
    ROLES_CLEAR,
    SECURE,
    STRUCTURED,
    SUPPLY_CHAIN,
    TAMPER_EVIDENT,
    TOOL_MISUSE,
    WATCHED,
    Reference,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """One promise of the kit.

    `id` never changes once published (reports refer to it); `statement` is true of a sound stack; `guide` names the
    section of the guide and the demand in it; `nist` and `owasp` are the nearest real items, and `also` lists items of
    AISVS and the EU AI Act; `check` is the live check as `<area>.<function>`, found in cli/checks/<area>.py.
    """

    id: str
    statement: str
    guide: str
    nist: Reference
    owasp: Reference
    check: str
    also: tuple[Reference, ...] = ()

    @property
    def area(self) -> str:
        """The part of the checklist that the control stands in: the check's module."""
        return self.check.partition(".")[0]


CONTROLS: Final = (
    Control(
        id="known-call-recorded",
        statement="a call that is acknowledged is in the log, once, every field as it was sent",
        guide="Checklist: trigger a known API call, verify the log entry",
        nist=ACCOUNTABLE,
        owasp=AGENCY,
        also=(
            INTERACTIONS_LOGGED,
            RECORDED,
        ),
        check="intake.known_call",
    ),
    Control(
        id="digests-recomputable",
        statement="the digests in the record are those of the payloads, recomputed here",
        guide="Events: request payload hash, response payload hash",
        nist=ACCOUNTABLE,
        owasp=ROGUE,
        check="intake.digests",
    ),
    Control(
        id="no-secret-stored",
        statement="no planted secret is in any stored byte: payload, URL, header, attribute",
        guide="Checklist: confirm no secret appears",
        nist=PRIVATE,
        owasp=DISCLOSURE,
        check="intake.no_secret",
    ),
    Control(
        id="content-not-stored",
        statement="prompts and bodies are digested, their text is not stored",
        guide="Events: payload hash, never raw PII or secrets",
        nist=PRIVATE,
        owasp=DISCLOSURE,
        check="intake.no_content",
    ),
    Control(
        id="retry-stored-once",
        statement="the same call sent again is answered with the same record and stored once",
        guide="TL;DR: record every API request and response",
        nist=IN_PRODUCTION,
        owasp=TOOL_MISUSE,
        check="intake.retry",
    ),
    Control(
        id="formats-recorded",
        statement="a call in each agent's own format is recorded: OpenAI traces, Claude events, LiteLLM, OTLP",
        guide="Checklist: implement redaction or hashing at the SDK level for each platform you use",
        nist=ACCOUNTABLE,
        owasp=AGENCY,
        also=(
            STRUCTURED,
            RECORDED,
        ),
        check="intake.formats",
    ),
    Control(
        id="token-required",
        statement="nothing is accepted without a token, with a wrong one, or for another agent",
        guide="Storage: enforce least privilege",
        nist=SECURE,
        owasp=PRIVILEGE,
        check="intake.token_required",
    ),
    Control(
        id="refusal-tells-no-value",
        statement="a refused call is answered with field and reason, never with what it held",
        guide="Capture: never write raw API keys, passwords, or PII",
        nist=PRIVATE,
        owasp=DISCLOSURE,
        check="intake.refusal",
    ),
    Control(
        id="versions-locked",
        statement="every version of the record is locked, in the stack's mode and for its days",
        guide="Storage: set retention based on regulatory needs",
        nist=SECURE,
        owasp=ROGUE,
        also=(
            KEPT_BY_PROVIDERS,
            KEPT_BY_DEPLOYERS,
        ),
        check="immutability.locked",
    ),
    Control(
        id="delete-refused",
        statement="nobody can delete the record, nor hide it behind a delete marker",
        guide="Storage: store logs in an immutable bucket",
        nist=SECURE,
        owasp=ROGUE,
        also=(KEPT_BY_DEPLOYERS,),
        check="immutability.delete",
    ),
    Control(
        id="version-delete-refused",
        statement="nobody can delete the record's version, one by one or in a batch",
        guide="Storage: store logs in an immutable bucket",
        nist=SECURE,
        owasp=ROGUE,
        also=(KEPT_BY_DEPLOYERS,),
        check="immutability.delete_version",
    ),
    Control(
        id="bypass-refused",
        statement="nobody can delete the record's version by bypassing governance",
        guide="Storage: store logs in an immutable bucket",
        nist=SECURE,
        owasp=ROGUE,
        also=(KEPT_BY_DEPLOYERS,),
        check="immutability.bypass_delete",
    ),
    Control(
        id="overwrite-refused",
        statement="nobody can overwrite the record or hide it behind a new version",
        guide="Storage: store logs in an immutable bucket",
        nist=SECURE,
        owasp=RETRIEVAL,
        check="immutability.overwrite",
    ),
    Control(
        id="shortening-refused",
        statement="nobody can shorten the record's retention",
        guide="Storage: set retention based on regulatory needs",
        nist=SECURE,
        owasp=ROGUE,
        also=(KEPT_BY_DEPLOYERS,),
        check="immutability.shorten",
    ),
    Control(
        id="downgrade-refused",
        statement="nobody can weaken or remove the record's lock mode",
        guide="Storage: set retention based on regulatory needs",
        nist=SECURE,
        owasp=ROGUE,
        also=(KEPT_BY_DEPLOYERS,),
        check="immutability.downgrade",
    ),
    Control(
        id="lock-configured",
        statement="the bucket locks what arrives, in the stack's mode and for its days, versioned",
        guide="Checklist: configure a write-once storage target",
        nist=SECURE,
        owasp=TOOL_MISUSE,
        also=(
            KEPT_BY_PROVIDERS,
            KEPT_BY_DEPLOYERS,
        ),
        check="bucket.lock",
    ),
    Control(
        id="lock-change-refused",
        statement="only the administrators can change the bucket's lock",
        guide="Checklist: proper IAM segregation",
        nist=ROLES_CLEAR,
        owasp=PRIVILEGE,
        check="bucket.lock_change",
    ),
    Control(
        id="versioning-change-refused",
        statement="only the administrators can touch versioning",
        guide="Checklist: proper IAM segregation",
        nist=ROLES_CLEAR,
        owasp=PRIVILEGE,
        check="bucket.versioning_change",
    ),
    Control(
        id="versioning-suspension-refused",
        statement="not even an administrator can suspend versioning",
        guide="Storage: store logs in an immutable bucket",
        nist=SECURE,
        owasp=ROGUE,
        check="bucket.versioning_suspension",
    ),
    Control(
        id="lifecycle-change-refused",
        statement="only the administrators can change lifecycle and replication",
        guide="Checklist: proper IAM segregation",
        nist=ROLES_CLEAR,
        owasp=PRIVILEGE,
        check="bucket.lifecycle_change",
    ),
    Control(
        id="policy-change-refused",
        statement="only the administrators can change or remove the bucket policy",
        guide="Checklist: proper IAM segregation",
        nist=ROLES_CLEAR,
        owasp=PRIVILEGE,
        check="bucket.policy_change",
    ),
    Control(
        id="policy-in-force",
        statement="the bucket policy denies deletes to all, changes to all but administrators, and plain HTTP",
        guide="Storage: enforce least-privilege IAM policies",
        nist=SECURE,
        owasp=PRIVILEGE,
        check="bucket.policy",
    ),
    Control(
        id="nothing-expires",
        statement="no lifecycle rule removes a record",
        guide="Storage: set retention based on regulatory needs",
        nist=INCIDENTS,
        owasp=ROGUE,
        also=(
            KEPT_BY_PROVIDERS,
            KEPT_BY_DEPLOYERS,
        ),
        check="bucket.lifecycle",
    ),
    Control(
        id="not-public",
        statement="the bucket is private, encrypted, and its objects are the account's own",
        guide="Storage: access-controlled sink",
        nist=PRIVATE,
        owasp=DISCLOSURE,
        check="bucket.private",
    ),
    Control(
        id="auditor-reads-only",
        statement="the auditor reads and lists, and cannot write, hold, extend or administer",
        guide="Checklist: proper IAM segregation",
        nist=ROLES_CLEAR,
        owasp=PRIVILEGE,
        check="access.auditor",
    ),
    Control(
        id="writer-adds-only",
        statement="the writer adds records, and cannot read, list, delete, hold or administer",
        guide="Checklist: proper IAM segregation",
        nist=ROLES_CLEAR,
        owasp=PRIVILEGE,
        check="access.writer",
    ),
    Control(
        id="writer-not-assumable",
        statement="no person can take on the writer's role: only its function can",
        guide="Checklist: proper IAM segregation",
        nist=ROLES_CLEAR,
        owasp=PRIVILEGE,
        check="access.writer_trust",
    ),
    Control(
        id="retention-admin-extends-only",
        statement="the retention admin extends and holds, and cannot read, write, delete or administer",
        guide="Checklist: proper IAM segregation",
        nist=ROLES_CLEAR,
        owasp=PRIVILEGE,
        check="access.retention_admin",
    ),
    Control(
        id="retention-bounded",
        statement="the retention admin cannot lock past the stated maximum, nor in another mode",
        guide="Storage: set retention based on regulatory needs",
        nist=ROLES_CLEAR,
        owasp=PRIVILEGE,
        check="access.retention_maximum",
    ),
    Control(
        id="holds-separated",
        statement="who places a legal hold cannot release it, and the reverse",
        guide="Checklist: proper IAM segregation",
        nist=ROLES_CLEAR,
        owasp=PRIVILEGE,
        check="access.holds",
    ),
    Control(
        id="hold-releaser-releases-only",
        statement="the hold releaser releases holds, and cannot read, delete, shorten or administer",
        guide="Checklist: proper IAM segregation",
        nist=ROLES_CLEAR,
        owasp=PRIVILEGE,
        check="access.hold_releaser",
    ),
    Control(
        id="keys-for-writer-only",
        statement="nobody but the writer can read the keys of digests: not who reads, holds or extends records",
        guide="Capture: deterministic hash of the payload",
        nist=PRIVATE,
        owasp=DISCLOSURE,
        check="access.keys",
    ),
    Control(
        id="payloads-forgotten",
        statement="payloads are kept nowhere, or where one role alone reads them and two days forget them",
        guide="FAQ: raw bodies only in a separate, encrypted vault with strict access controls, 24-48 hours",
        nist=PRIVATE,
        owasp=DISCLOSURE,
        check="vault.shut",
    ),
    Control(
        id="records-sealed",
        statement="a stored record is part of the sealed log within its minutes, under a good signature",
        guide="Storage: store logs in an immutable bucket",
        nist=ACCOUNTABLE,
        owasp=TAMPER_EVIDENT,
        check="seal.sealed",
    ),
    Control(
        id="sealer-seals-only",
        statement="the sealer adds to the sealed log, and cannot write records, delete, hold or administer",
        guide="Checklist: proper IAM segregation",
        nist=ROLES_CLEAR,
        owasp=PRIVILEGE,
        check="seal.sealer",
    ),
    Control(
        id="seal-for-sealer-only",
        statement="nobody but the sealer can write into the sealed log: not the writer, not an administrator",
        guide="Checklist: proper IAM segregation",
        nist=ROLES_CLEAR,
        owasp=PRIVILEGE,
        check="seal.others",
    ),
    Control(
        id="signing-for-sealer-only",
        statement="nobody but the sealer can sign a checkpoint: not an administrator, not who reads",
        guide="Storage: enforce least privilege",
        nist=SECURE,
        owasp=ROGUE,
        check="seal.key",
    ),
    Control(
        id="no-secret-logged",
        statement="no planted secret or content is in the writer's own operational log",
        guide="Capture: never write raw API keys, passwords, or PII to logs",
        nist=PRIVATE,
        owasp=DISCLOSURE,
        check="function.log",
    ),
    Control(
        id="package-as-built",
        statement="the functions that run are the packages that were built, byte for byte",
        guide="Events: deployment ID",
        nist=COMPONENTS,
        owasp=SUPPLY_CHAIN,
        check="function.package",
    ),
    Control(
        id="alarms-connected",
        statement="errors, throttles, refusals, faults, and a log that is no longer sealed raise an alarm",
        guide="Mapping: rapid detection of anomalous usage",
        nist=MONITORED,
        owasp=TOOL_MISUSE,
        also=(WATCHED,),
        check="function.alarms",
    ),
)
