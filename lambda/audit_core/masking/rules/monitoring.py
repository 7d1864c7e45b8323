"""Monitoring, analytics, maps, devices and the rest."""

from __future__ import annotations

from audit_core.masking.rules.rule import ALNUM, BASE64, HEX, UUID, WORD, Rule

RULES: tuple[Rule, ...] = (
    Rule("newrelic/key", ("NRAK-",), r"[A-Z0-9]{27}\b", "New Relic: API keys"),
    Rule("newrelic/insert-key", ("NRII-", "NRIQ-"), rf"{WORD}{{32}}", "New Relic: insights keys"),
    Rule("newrelic/browser-key", ("NRJS-",), rf"{HEX}{{19}}", "New Relic: browser keys"),
    Rule("newrelic/admin-key", ("NRAA-", "NRRA-"), rf"{HEX}{{27,42}}", "New Relic: admin and REST keys"),
    Rule(
        "newrelic/license-key",
        ("NRAL", "FFFFNRAL"),
        r"\b",
        "New Relic: license keys",
        before=rf"{HEX}{{32,36}}(?:FFFF)?",
        certain=True,
    ),
    Rule("grafana/cloud-token", ("glc_",), r"[A-Za-z0-9+/_-]{32,}={0,2}", "Grafana Cloud: access policies"),
    Rule("grafana/service-account", ("glsa_",), r"[A-Za-z0-9]{32}_[A-Fa-f0-9]{8}", "Grafana: service accounts"),
    Rule("grafana/api-key", ("eyJrIjoi",), r"[A-Za-z0-9+/_-]{40,}={0,2}", "Grafana: API keys (legacy)"),
    Rule(
        "sentry/user-token", ("sntryu_", "sntrya_", "sntryi_"), rf"{HEX}{{64}}", "Sentry: token and credential formats"
    ),
    Rule("sentry/org-token", ("sntrys_",), r"[A-Za-z0-9+/=_.-]{40,}", "Sentry: token and credential formats"),
    Rule(
        "dynatrace/token",
        ("dt0c01.", "dt0s01.", "dt0s02.", "dt0s03.", "dt0s06.", "dt0s16."),
        r"[A-Z0-9]{8,24}\.[A-Z0-9]{64}",
        "Dynatrace: access tokens",
    ),
    Rule(
        "honeycomb/key",
        ("ik_", "lk_", "mk_"),
        r"[a-z0-9]{26,64}",
        "Honeycomb: authorization, API key format",
        before="hc[a-z0-9]",
    ),
    Rule(
        "datadog/token",
        ("ddpat_", "ddsat_", "ddapp_"),
        rf"{WORD}{{34,}}",
        "Datadog: personal access tokens, token format; service access tokens",
    ),
    Rule("elastic/key", ("essu_",), r"[A-Za-z0-9+/=_-]{30,}", "Elastic Cloud: API keys"),
    Rule("axiom/token", ("xaat-", "xapt-"), UUID, "Axiom: API and personal tokens"),
    Rule("checkly/key", ("cu_",), rf"{HEX}{{32}}", "Checkly: API keys"),
    Rule("coralogix/key", ("cxtp_", "cxup_"), rf"{ALNUM}{{28,}}", "Coralogix: API keys"),
    Rule("posthog/key", ("phx_", "phs_", "phr_"), rf"{WORD}{{32,}}", "PostHog: personal API keys"),
    Rule("posthog/project-key", ("phc_",), rf"{WORD}{{32,}}", "PostHog: project API key"),
    Rule("rootly/token", ("rootly_",), rf"{HEX}{{64}}", "Rootly: API keys"),
    Rule("adafruit/key", ("aio_",), rf"{ALNUM}{{28}}", "Adafruit IO: API keys"),
    Rule(
        "maxmind/key", ("_mmk",), r"\b", "MaxMind: license keys", before=r"[A-Za-z0-9]{6}_[A-Za-z0-9]{29}", certain=True
    ),
    Rule("mapbox/secret-token", ("sk.eyJ", "tk.eyJ"), rf"{WORD}{{40,}}\.{WORD}{{20,}}", "Mapbox: access tokens"),
    Rule("intra42/secret", ("s-s4t2ud-", "s-s4t2af-"), rf"{HEX}{{64}}", "42 API: applications"),
    Rule(
        "age/secret-key",
        ("AGE-SECRET-KEY-1",),
        r"[02-9AC-HJ-NP-Zac-hj-np-z]{58}",
        "age: the file encryption format",
        certain=True,
    ),
    Rule(
        "age/plugin-identity",
        ("AGE-PLUGIN-",),
        r"[A-Z0-9-]{4,40}-1[02-9AC-HJ-NP-Z]{20,}",
        "age: plugin protocol",
        certain=True,
    ),
    Rule("nostr/secret-key", ("nsec1",), r"[02-9ac-hj-np-z]{58}\b", "Nostr: NIP-19"),
    Rule(
        "bitcoin/wif",
        ("xprv", "tprv", "yprv", "zprv"),
        r"[1-9A-HJ-NP-Za-km-z]{100,112}",
        "Bitcoin: BIP 32 extended private keys",
    ),
    Rule(
        "alchemy/url",
        (".g.alchemy.com/v2/", ".g.alchemy.com/nft/v3/"),
        rf"{WORD}{{20,}}",
        "Alchemy: API keys",
        hidden=True,
    ),
    Rule(
        "infura/url",
        (".infura.io/v3/", ".infura.io/ws/v3/"),
        rf"{HEX}{{32}}",
        "Infura: API keys",
        hidden=True,
        certain=True,
    ),
    Rule("ionic/token", ("ion_",), rf"{ALNUM}{{42}}\b", "Ionic Appflow: personal access tokens"),
    Rule("knock/key", ("sk_prod_", "sk_dev_"), rf"{WORD}{{30,}}", "Knock: API keys"),
    Rule("agent-audit-log/token", ("aal_",), rf"{WORD}{{43}}", "this kit: agent tokens"),
    Rule("hex/token", ("hxtp_", "hxtw_"), rf"{WORD}{{30,}}", "Hex: API overview, token prefixes"),
    Rule("segment/token", ("sgp_",), rf"{ALNUM}{{60,}}", "Twilio Segment: Public API tokens"),
    Rule("metabase/key", ("mb_",), rf"{BASE64}{{40,}}={{0,2}}", "Metabase: API keys"),
    Rule("lightdash/token", ("ldpat_",), rf"{ALNUM}{{20,}}", "Lightdash: personal access tokens"),
    Rule("logicmonitor/token", ("lma_", "lmb_"), r"[A-Za-z0-9+/=_^-]{30,}", "LogicMonitor: API tokens"),
    Rule("pangea/token", ("pts_", "ptu_", "pck_"), r"[a-z2-7]{32}", "Pangea: service tokens"),
    Rule("foursquare/key", ("fsq3",), rf"{BASE64}{{40,}}={{0,2}}", "Foursquare: Places API keys"),
    Rule("esri/key", ("AAPK", "AAPT", "AATK"), r"[A-Za-z0-9_.-]{60,}", "Esri ArcGIS: API key authentication"),
    Rule(
        "sui/private-key",
        ("suiprivkey1",),
        r"[02-9ac-hj-np-z]{58}\b",
        "Sui: SIP-15, private key encoding",
        certain=True,
    ),
    Rule(
        "aptos/private-key",
        ("ed25519-priv-0x", "secp256k1-priv-0x"),
        rf"{HEX}{{64}}",
        "Aptos: AIP-80, private key formats",
    ),
)
