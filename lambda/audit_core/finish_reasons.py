"""Finish reasons that are no success, in lower case and of letters and digits alone.

The Python client ships this module, and the Node client's build reads it.
"""

from typing import Final

BLOCKED_FINISHES: Final = frozenset({
    "blocked", "blocklist", "contentblocked", "contentfilter", "contentfiltered", "contentpolicy",
    "contentpolicyviolation", "errortoxic", "guardrail", "guardrailblocked", "guardrailintervened",
    "imageprohibitedcontent", "imagerecitation", "imagesafety", "jailbreak", "modelarmor", "moderation",
    "moderationblocked", "policyviolation", "prohibitedcontent", "promptblocked", "recitation", "refusal", "safety",
    "sensitive", "spii",
})  # fmt: skip
"""Finish reasons of answers that a policy stopped."""
FAILED_FINISHES: Final = frozenset({
    "abort", "aborted", "cancel", "canceled", "cancelled", "error", "errorlimit", "exception", "failed", "failure",
    "insufficientsystemresource", "internalerror", "malformedfunctioncall", "malformedmodeloutput",
    "malformedresponse", "malformedtoolcall", "malformedtooluse", "missingthoughtsignature", "modelerror",
    "networkerror", "servererror", "timeout", "toomanytoolcalls", "unexpectedtoolcall", "usercancel",
})  # fmt: skip
