"""The publications that the controls refer to, the items of them, and what the guide calls otherwise.

The guide names its frameworks loosely. It speaks of NIST "Governance, Functionality, and Data categories", but the AI
Risk Management Framework's functions are Govern, Map, Measure and Manage; and it speaks of a "Logging & Monitoring"
item of OWASP's Top 10 for LLM Applications, which has none in any edition. So each control cites the nearest item that
exists, with the edition it was read in, and `MISNOMERS` says so in one place.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """A document that controls refer to: its `name` and the `edition` (version and month) that was read."""

    name: str
    edition: str

    def __str__(self) -> str:
        return f"{self.name} ({self.edition})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """One item of a publication: the `item` as the publication numbers it, and its `title` (or its gist)."""

    publication: Publication
    item: str
    title: str

    def __str__(self) -> str:
        return f"{self.item} {self.title}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Misnomer:
    """A name that the guide uses, and the nearest items that really exist."""

    guide: str
    actual: str
    nearest: tuple[Reference, ...]


AI_RMF: Final = Publication(name="NIST AI Risk Management Framework", edition="AI RMF 1.0, NIST AI 100-1, January 2023")
LLM_TOP_10: Final = Publication(name="OWASP Top 10 for LLM Applications", edition="2026, August 2026")
AGENTIC_TOP_10: Final = Publication(name="OWASP Top 10 for Agentic Applications", edition="2026, December 2025")
AGENTIC_THREATS: Final = Publication(name="OWASP Agentic AI - Threats and Mitigations", edition="1.0, February 2025")
WEB_TOP_10: Final = Publication(name="OWASP Top 10", edition="2025")

ACCOUNTABLE: Final = Reference(
    publication=AI_RMF, item="MEASURE 2.8", title="risks of transparency and accountability are examined, documented"
)
IN_PRODUCTION: Final = Reference(
    publication=AI_RMF, item="MEASURE 2.4", title="behavior of the system is monitored in production"
)
SECURE: Final = Reference(
    publication=AI_RMF, item="MEASURE 2.7", title="security and resilience are evaluated and documented"
)
PRIVATE: Final = Reference(publication=AI_RMF, item="MEASURE 2.10", title="privacy risk is examined and documented")
ROLES_CLEAR: Final = Reference(
    publication=AI_RMF, item="GOVERN 2.1", title="roles and responsibilities are documented and clear"
)
COMPONENTS: Final = Reference(
    publication=AI_RMF, item="MAP 4.2", title="internal risk controls for components are identified, documented"
)
MONITORED: Final = Reference(
    publication=AI_RMF, item="MANAGE 4.1", title="post-deployment monitoring plans are implemented"
)
INCIDENTS: Final = Reference(
    publication=AI_RMF, item="MANAGE 4.3", title="processes for tracking incidents and errors are followed"
)

DISCLOSURE: Final = Reference(
    publication=LLM_TOP_10, item="LLM02:2026", title="Sensitive Information Disclosure (logs are a channel of it)"
)
AGENCY: Final = Reference(
    publication=LLM_TOP_10, item="LLM03:2026", title="Excessive Agency (log and monitor what tools do)"
)
SUPPLY_CHAIN: Final = Reference(publication=LLM_TOP_10, item="LLM04:2026", title="Supply Chain")
PRIVILEGE: Final = Reference(publication=AGENTIC_TOP_10, item="ASI03", title="Identity and Privilege Abuse")
REPUDIATION: Final = Reference(publication=AGENTIC_THREATS, item="T8", title="Repudiation and Untraceability")
LOGGING_FAILURES: Final = Reference(
    publication=WEB_TOP_10, item="A09:2025", title="Security Logging and Alerting Failures (log integrity)"
)

MISNOMERS: Final = (
    Misnomer(
        guide='NIST\'s "traceability of AI system actions" in "Governance, Functionality, and Data categories"',
        actual="The framework's functions are Govern, Map, Measure and Manage; no subcategory is named traceability.",
        nearest=(ACCOUNTABLE, IN_PRODUCTION, MONITORED),
    ),
    Misnomer(
        guide='"Logging & Monitoring" as an item of OWASP\'s Top 10 for LLM Applications',
        actual="None of its editions (2023, 2025, 2026) has such an item; logging is a measure inside others of them.",
        nearest=(AGENCY, LOGGING_FAILURES, REPUDIATION),
    ),
    Misnomer(
        guide='a "record-keeping" sub-control of OWASP\'s Top 10 for LLM Applications',
        actual="The list has no sub-controls; the agentic threat list names the risk that records answer.",
        nearest=(REPUDIATION,),
    ),
)
