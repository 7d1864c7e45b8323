"""The publications that the controls refer to, their items, and the names that the guide gets wrong.

A reference names an item exactly as its publication does. Where the item asks for more than the control gives, the
`gist` names the sentence that the control answers. `MISNOMERS` lists the guide's names that no publication has, with
the nearest items that exist.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Publication:
    """A document that controls refer to: its `name` and the `edition` (version and month) that was read."""

    name: str
    edition: str

    def __str__(self) -> str:
        return f"{self.name} ({self.edition})"


@dataclass(frozen=True, slots=True)
class Reference:
    """One item of a publication.

    `item` and `title` are the publication's own number and name; NIST's items have no names, so `title` sums them up.
    `gist` says what the item asks for that a log can give; it is empty where the title says it.
    """

    publication: Publication
    item: str
    title: str
    gist: str = ""

    def __str__(self) -> str:
        return f"{self.item} {self.title}" + (f" ({self.gist})" if self.gist else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Misnomer:
    """A name that the guide uses, and the nearest items that really exist."""

    guide: str
    actual: str
    nearest: tuple[Reference, ...]


AI_RMF: Final = Publication("NIST AI Risk Management Framework", "AI RMF 1.0, NIST AI 100-1, January 2023")
LLM_TOP_10: Final = Publication("OWASP Top 10 for LLM Applications", "2026, August 2026")
AGENTIC_TOP_10: Final = Publication("OWASP Top 10 for Agentic Applications", "2026, December 2025")
AISVS: Final = Publication("OWASP AI Security Verification Standard (AISVS)", "1.0, June 2026")
AI_ACT: Final = Publication("EU AI Act", "Regulation (EU) 2024/1689, OJ L, 12 July 2024")

ACCOUNTABLE: Final = Reference(
    AI_RMF, "MEASURE 2.8", "risks of transparency and accountability are examined, documented"
)
IN_PRODUCTION: Final = Reference(AI_RMF, "MEASURE 2.4", "behavior of the system is monitored in production")
SECURE: Final = Reference(AI_RMF, "MEASURE 2.7", "security and resilience are evaluated and documented")
PRIVATE: Final = Reference(AI_RMF, "MEASURE 2.10", "privacy risk is examined and documented")
ROLES_CLEAR: Final = Reference(AI_RMF, "GOVERN 2.1", "roles and responsibilities are documented and clear")
COMPONENTS: Final = Reference(AI_RMF, "MAP 4.2", "internal risk controls for components are identified, documented")
MONITORED: Final = Reference(AI_RMF, "MANAGE 4.1", "post-deployment monitoring plans are implemented")
INCIDENTS: Final = Reference(AI_RMF, "MANAGE 4.3", "processes for tracking incidents and errors are followed")

DISCLOSURE: Final = Reference(LLM_TOP_10, "LLM02:2026", "Sensitive Information Disclosure", "scrub logs and traces")
AGENCY: Final = Reference(LLM_TOP_10, "LLM03:2026", "Excessive Agency", "log and monitor what extensions do")
RETRIEVAL: Final = Reference(
    LLM_TOP_10, "LLM09:2026", "Vector and Embedding Weaknesses", "keep immutable logs of retrieval activity"
)
TOOL_MISUSE: Final = Reference(
    AGENTIC_TOP_10, "ASI02", "Tool Misuse and Exploitation", "immutable logs of all tool invocations"
)
PRIVILEGE: Final = Reference(AGENTIC_TOP_10, "ASI03", "Identity and Privilege Abuse")
SUPPLY_CHAIN: Final = Reference(AGENTIC_TOP_10, "ASI04", "Agentic Supply Chain Vulnerabilities")
TAMPER_EVIDENT: Final = Reference(
    AGENTIC_TOP_10, "ASI08", "Cascading Failures", "record outcomes in tamper-evident, time-stamped logs"
)
ROGUE: Final = Reference(
    AGENTIC_TOP_10, "ASI10", "Rogue Agents", "comprehensive, immutable and signed audit logs of all agent actions"
)

INTERACTIONS_LOGGED: Final = Reference(
    AISVS, "AISVS 12.1.1", "AI interactions are logged with session context and telemetry"
)
STRUCTURED: Final = Reference(AISVS, "AISVS 12.1.3", "log entries follow a structured, interoperable schema")
RECORDED: Final = Reference(AI_ACT, "AI Act Art. 12(1)", "automatic recording of events")
KEPT_BY_PROVIDERS: Final = Reference(AI_ACT, "AI Act Art. 19(1)", "providers keep the logs for at least six months")
KEPT_BY_DEPLOYERS: Final = Reference(AI_ACT, "AI Act Art. 26(6)", "deployers keep the logs for at least six months")
WATCHED: Final = Reference(AI_ACT, "AI Act Art. 26(5)", "deployers monitor the operation of the system")

MISNOMERS: Final = (
    Misnomer(
        guide='NIST\'s "traceability of AI system actions" in "Governance, Functionality, and Data categories"',
        actual="The framework's functions are Govern, Map, Measure and Manage; no subcategory is named traceability.",
        nearest=(ACCOUNTABLE, IN_PRODUCTION, MONITORED),
    ),
    Misnomer(
        guide='"Logging & Monitoring" as an item of OWASP\'s Top 10 for LLM Applications',
        actual="None of its editions (2023, 2025, 2026) has such an item; logging is a measure inside others of them.",
        nearest=(AGENCY, RETRIEVAL, ROGUE),
    ),
    Misnomer(
        guide='a "record-keeping" sub-control of OWASP\'s Top 10 for LLM Applications',
        actual="The list has no sub-controls. OWASP's AISVS and Top 10 for Agentic Applications ask for audit logs.",
        nearest=(INTERACTIONS_LOGGED, ROGUE),
    ),
)
