"""Formats that agents meet most."""

from __future__ import annotations

from audit_core.masking.rules.rule import Rule

RULES: tuple[Rule, ...] = (
    Rule("openai/key", ("sk-",), r"\bsk-(?:proj-|svcacct-|admin-)?[A-Za-z0-9_-]{20,}", "OpenAI: API keys"),
    Rule("anthropic/key", ("sk-ant-",), r"\bsk-ant-[a-z0-9]+-[A-Za-z0-9_-]{20,}", "Anthropic: API keys"),
    Rule("github/token", ("ghp_", "gho_", "ghu_", "ghs_", "ghr_"), r"\bgh[pousr]_[A-Za-z0-9]{36,255}", "GitHub: token formats"),
    Rule("github/fine-grained", ("github_pat_",), r"\bgithub_pat_[A-Za-z0-9_]{22,255}", "GitHub: token formats"),
    Rule("aws/access-key-id", ("akia", "asia"), r"\b(?:AKIA|ASIA)[A-Z2-7]{16}\b", "AWS: IAM unique identifiers"),
    Rule("stripe/key", ("sk_live_", "sk_test_", "rk_live_", "rk_test_", "whsec_"),
         r"\b(?:(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{10,}|whsec_[A-Za-z0-9+/=]{16,})", "Stripe: API keys"),
    Rule("slack/token", ("xoxb-", "xoxp-", "xoxa-", "xoxr-", "xoxs-", "xapp-"), r"\bx(?:ox[abprs]|app)-[A-Za-z0-9-]{10,}",
         "Slack: token types"),
    Rule("google/api-key", ("aiza",), r"\bAIza[A-Za-z0-9_-]{35}", "Google Cloud: API keys"),
    Rule("gitlab/token", ("glpat-",), r"\bglpat-[A-Za-z0-9_.-]{20,}", "GitLab: token overview"),
    Rule("jwt", ("eyj",), r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]*", "RFC 7519"),
    Rule("private-key", ("private key",), r"(?s)-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----[^-]*(?:-----END [A-Z0-9 ]{0,40}-----)?",
         "RFC 7468"),
    Rule("huggingface/token", ("hf_",), r"\bhf_[A-Za-z0-9]{30,}", "Hugging Face: user access tokens"),
    Rule("url/password", ("://",), r"://[^\s/?#:@]{0,256}:([^\s/?#@]{1,256})@", "RFC 3986 userinfo"),
    Rule("authorization/bearer", ("bearer ", "basic "), r"(?i)\b(?:bearer|basic)\s+([A-Za-z0-9._~+/=-]{12,})", "RFC 6750, RFC 7617"),
    Rule("log-token", ("aal_",), r"\baal_[A-Za-z0-9_-]{43}", "this kit's own agent tokens"),
)
