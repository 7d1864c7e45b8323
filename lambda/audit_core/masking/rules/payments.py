"""Payments, shops, finance."""

from __future__ import annotations

from audit_core.masking.rules.rule import ALNUM, HEX, UUID, WORD, Rule

RULES: tuple[Rule, ...] = (
    Rule(
        "stripe/key",
        ("sk_live_", "sk_test_", "rk_live_", "rk_test_", "sk_prod_", "rk_prod_", "sk_org_live_", "sk_org_test_"),
        r"[A-Za-z0-9_]{10,}",
        "Stripe: API keys",
    ),
    Rule("stripe/webhook-secret", ("whsec_",), r"[A-Za-z0-9+/=_-]{20,}", "Stripe: webhooks; Standard Webhooks"),
    Rule(
        "stripe/client-secret",
        ("_secret_",),
        rf"{ALNUM}{{16,}}",
        "Stripe: Payment Intents",
        before=r"(?:pi|seti|cs|src|sub)_[A-Za-z0-9_]{10,}",
    ),
    Rule(
        "square/token",
        ("sq0atp-", "sq0csp-", "sq0idp-", "sq0csb-", "sq0idb-"),
        rf"{WORD}{{22,60}}",
        "Square: access tokens",
    ),
    Rule("square/access-token", ("EAAA",), rf"{WORD}{{56,60}}", "Square: access tokens"),
    Rule(
        "braintree/token",
        ("access_token$production$", "access_token$sandbox$"),
        rf"[0-9a-z]{{16}}\${HEX}{{32}}",
        "Braintree: access tokens",
    ),
    Rule(
        "adyen/key", ("AQE",), r"[A-Za-z0-9+/=_-]{10,200}\.[\w<>{}$&%!@#^*()\[\]|~+=/-]{6,}", "Adyen: API credentials"
    ),
    Rule("razorpay/key", ("rzp_live_", "rzp_test_"), rf"{ALNUM}{{14,}}", "Razorpay: API keys"),
    Rule(
        "plaid/token",
        (
            "access-sandbox-",
            "access-development-",
            "access-production-",
            "public-sandbox-",
            "public-development-",
            "public-production-",
            "link-sandbox-",
            "link-development-",
            "link-production-",
            "asset-report-sandbox-",
            "asset-report-development-",
            "asset-report-production-",
        ),
        UUID,
        "Plaid: glossary, tokens, identifiers and keys",
    ),
    Rule(
        "klarna/key",
        ("klarna_live_api_", "klarna_test_api_"),
        r"[A-Za-z0-9+/=_-]{20,}",
        "Klarna: API reference, authentication",
    ),
    Rule("gocardless/token", ("live_", "sandbox_"), r"[A-Za-z0-9_=-]{40}", "GoCardless: making requests"),
    Rule("lob/key", ("live_pub_", "test_pub_"), rf"{HEX}{{31}}", "Lob: API keys"),
    Rule("lob/secret-key", ("live_", "test_"), rf"{HEX}{{35}}", "Lob: API keys"),
    Rule("mollie/key", ("live_", "test_"), rf"{ALNUM}{{30,}}\b", "Mollie: authentication"),
    Rule(
        "flutterwave/key",
        ("FLWSECK-", "FLWSECK_TEST-", "FLWPUBK-", "FLWPUBK_TEST-", "FLWSECK_LIVE-", "FLWPUBK_LIVE-"),
        r"[A-Za-z0-9]{12,40}(?:-X)?",
        "Flutterwave: authentication, API keys",
    ),
    Rule(
        "shopify/token",
        ("shpat_", "shpca_", "shppa_", "shpss_", "shpua_", "shprt_", "shptka_", "shpit_"),
        r"[A-Fa-f0-9]{32,}",
        "Shopify changelog: length of the access token; app secret key length",
    ),
    Rule("easypost/key", ("EZAK", "EZTK"), rf"{ALNUM}{{54}}", "EasyPost: authentication"),
    Rule("shippo/token", ("shippo_live_", "shippo_test_"), r"[a-fA-F0-9]{40}", "Shippo: authentication"),
    Rule("duffel/token", ("duffel_test_", "duffel_live_"), r"[A-Za-z0-9_=-]{43}", "Duffel: making requests"),
    Rule(
        "paddle/key",
        ("pdl_live_apikey_", "pdl_sdbx_apikey_"),
        rf"[a-z\d]{{26}}_{ALNUM}{{22}}_{ALNUM}{{3}}",
        "Paddle: API keys",
    ),
    Rule(
        "paddle/notification-secret",
        ("pdl_ntfset_",),
        rf"{ALNUM}{{26}}_[A-Za-z0-9+/=]{{32}}",
        "Paddle: verify webhook signatures",
    ),
    Rule(
        "polar/token",
        ("polar_oat_", "polar_pat_", "polar_whs_", "polar_ci_", "polar_cs_"),
        rf"{ALNUM}{{30,}}",
        "Polar: organization access tokens",
    ),
    Rule(
        "secret-token-uri",
        ("secret-token:",),
        r"[A-Za-z0-9._~:%@!$&'()*+,;=/-]{12,}",
        "RFC 8959: the secret-token URI scheme",
    ),
    Rule("xendit/key", ("xnd_production_", "xnd_development_"), rf"{ALNUM}{{30,}}", "Xendit: API keys"),
    Rule("omise/key", ("skey_",), r"(?:test_)?[0-9a-z]{15,}", "Omise: authentication"),
    Rule("midtrans/key", ("Mid-server-", "SB-Mid-server-"), rf"{WORD}{{20,}}", "Midtrans: access keys"),
    Rule("brex/token", ("bxt_",), rf"{ALNUM}{{30,}}", "Brex: authentication"),
    Rule("stytch/secret", ("secret-live-", "secret-test-"), r"[A-Za-z0-9_=-]{32,}", "Stytch: API keys"),
    Rule("asaas/key", ("$aact_",), r"[A-Za-z0-9:$+/=_-]{40,}", "Asaas: authentication"),
    Rule(
        "mercadopago/token",
        ("APP_USR-", "TEST-"),
        rf"\d{{10,}}-\d{{6}}-{HEX}{{32}}(?:-\d+)?",
        "Mercado Pago: credentials",
    ),
    Rule(
        "chargebee/key",
        ("live_", "test_"),
        r"[A-Za-z0-9]{20,}(?:cu|cd)[A-Za-z0-9]{6,}\b",
        "Chargebee: API authentication",
    ),
    Rule("revenuecat/key", ("atk_",), rf"{ALNUM}{{30,}}", "RevenueCat: authentication"),
    Rule("coinbase/cdp-key", ("organizations/",), rf"{UUID}/apiKeys/{UUID}", "Coinbase Developer Platform: API keys"),
    Rule("samsara/token", ("samsara_api_",), rf"{ALNUM}{{28,}}", "Samsara: authentication"),
    Rule(
        "settlemint/token",
        ("sm_pat_", "sm_aat_", "sm_sat_"),
        rf"{ALNUM}{{16}}",
        "SettleMint: personal, application and service tokens",
    ),
)
