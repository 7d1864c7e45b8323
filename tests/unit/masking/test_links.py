"""Addresses that grant access by themselves lose their secret part; identifiers in addresses stay."""

from __future__ import annotations

import pytest

from audit_core.masking import PLACEHOLDER, Masker

MASKER = Masker()
HEX24, HEX32 = "5f3c9a1e7b2d4c8f90a1b2c3", "9f2c4e7a1b8d5036e4c7a2f19d3b6085"
HEX40, HEX64 = HEX32 + "7c1f9e2a", HEX32 + "b4e8d1c7a6f03925e1d4c7b8a9f06352"
UUID = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
BASE62, SHORT = "k3VZr8Qm1TzWx7Lc9Nd2Hs5Yb4Gf6Jp0", "k3VZr8Qm1T"
TOKEN = "Xq7bR2mK9vT4nW8cZ1pL6sD3"

OPEN = (
    # the secret part, and the address: known services
    (HEX24, f"api.netlify.com/build_hooks/{HEX24}"),
    (UUID, f"api.cloudflare.com/client/v4/pages/webhooks/deploy_hooks/{UUID}"),
    (UUID, f"api.cloudflare.com/client/v4/workers/builds/deploy_hooks/{UUID}"),
    ("aB3dE5fG7h", "api.vercel.com/v1/integrations/deploy/prj_k3VZr8Qm1TzWx7Lc9Nd2Hs5Y/aB3dE5fG7h"),
    (UUID, f"webhook.gatsbyjs.com/hooks/data_source/publish/{UUID}"),
    ("bq3f9xz", "hooks.zapier.com/hooks/catch/1234567/bq3f9xz/"),
    ("efghijklmnopqrstuvwxyz012345wxyz", "hook.eu2.make.com/efghijklmnopqrstuvwxyz012345wxyz"),
    (BASE62, f"connect.pabbly.com/workflow/sendwebhookdata/{BASE62}"),
    (BASE62, f"webhooks.integrately.com/a/webhooks/{BASE62}"),
    (BASE62, f"maker.ifttt.com/trigger/door/with/key/{BASE62}"),
    (UUID, f"acme.app.n8n.cloud/webhook/{UUID}"),
    (UUID, f"acme.app.n8n.cloud/webhook-test/{UUID}/chat"),
    (UUID, f"acme.app.n8n.cloud/mcp/{UUID}/sse"),
    (HEX64, f"home.example:8123/api/webhook/{HEX64}"),
    ("-" + TOKEN[:22], f"home.example:8123/api/webhook/-{TOKEN[:22]}"),
    (BASE62, f"hooks.nabu.casa/{BASE62}"),
    (TOKEN, f"cloud.activepieces.com/api/v1/webhooks/{TOKEN}"),
    (UUID, f"webhook.site/{UUID}"),
    (TOKEN[:16], f"smee.io/{TOKEN[:16]}"),
    (f"B024BE7LH/{TOKEN}", f"hooks.slack.com/services/T024BE7LD/B024BE7LH/{TOKEN}"),
    (f"B024BE7LH/{TOKEN}", f"POST /services/T024BE7LD/B024BE7LH/{TOKEN}"),
    (BASE62 * 2 + "ab12", f"discord.com/api/webhooks/123456789012345678/{BASE62}{BASE62}ab12"),
    ("zt-1a2b3c4d5-" + TOKEN, f"join.slack.com/t/acme/shared_invite/zt-1a2b3c4d5-{TOKEN}"),
    ("k3VZr8Qm", "discord.gg/k3VZr8Qm"),
    (TOKEN[:16], f"t.me/joinchat/{TOKEN[:16]}"),
    (TOKEN[:22], f"chat.whatsapp.com/{TOKEN[:22]}"),
    (HEX32, f"acme.webhook.office.com/webhookb2/{UUID}@{UUID}/IncomingWebhook/{HEX32}/{UUID}"),
    (HEX32, f"POST /webhookb2/{UUID}@{UUID}/IncomingWebhook/{HEX32}/{UUID}"),
    ("AAFk3VZr8Qm1TzWx7Lc9Nd2Hs5Yb4Gf6Jp0", "api.telegram.org/bot123456789:AAFk3VZr8Qm1TzWx7Lc9Nd2Hs5Yb4Gf6Jp0/getMe"),
    (UUID, f"hc-ping.com/{UUID}/start"),
    (TOKEN[:22], f"hc-ping.com/{TOKEN[:22]}/nightly-backup"),
    (TOKEN, f"uptime.betterstack.com/api/v1/heartbeat/{TOKEN}"),
    (HEX32, f"cronitor.link/p/{HEX32}/nightly-backup"),
    ("3f9a2b7c1d", "nosnch.in/3f9a2b7c1d"),
    (SHORT, f"status.example/api/push/{SHORT}"),
    (HEX32, f"events.pagerduty.com/integration/{HEX32}/enqueue"),
    (UUID, f"alert.victorops.com/integrations/generic/20131114/alert/{UUID}/ops"),
    (TOKEN, f"oncall-prod-us-central-0.grafana.net/oncall/integrations/v1/webhook/{TOKEN}/"),
    (HEX32, f"http-intake.logs.datadoghq.com/v1/input/{HEX32}"),
    (HEX32, f"POST /v1/input/{HEX32}"),
    (BASE62 * 2, f"endpoint4.collection.sumologic.com/receiver/v1/http/{BASE62}{BASE62}"),
    (UUID, f"logs-01.loggly.com/inputs/{UUID}/tag/http/"),
    (HEX32, f"o1.ingest.sentry.io/api/45/cron/nightly/{HEX32}/"),
    (BASE62, f"mcp.zapier.com/api/mcp/s/{BASE62}/mcp"),
    (UUID, f"mcp.pipedream.net/{UUID}/slack"),
    (UUID, f"backend.composio.dev/v3/mcp/{UUID}/mcp"),
    (UUID, f"eu1.make.com/mcp/api/v1/u/{UUID}/sse"),
    (TOKEN, f"mcp.supermemory.ai/{TOKEN}/sse"),
    (HEX64, f"rpc.ankr.com/eth/{HEX64}"),
    (HEX40, f"acme-old-dew.quiknode.pro/{HEX40}/"),
    (HEX32, f"mainnet.infura.io/v3/{HEX32}"),
    (BASE62, f"eth-mainnet.g.alchemy.com/v2/{BASE62}"),
    (HEX32, f"nd-123-456-789.p2pify.com/{HEX32}"),
    (HEX32, f"go.getblock.io/{HEX32}"),
    (UUID, f"eth-mainnet.blastapi.io/{UUID}"),
    (HEX32, f"gateway.thegraph.com/api/{HEX32}/subgraphs/id/5zvR82"),
    (TOKEN[:15], f"www.dropbox.com/s/{TOKEN[:15]}/report.pdf"),
    ("abcd-k3v-z8q", "calendly.com/d/abcd-k3v-z8q/call"),
    (BASE62, f"us02web.zoom.us/rec/share/{BASE62}.k3VZr8Qm1T"),
    (HEX32, f"calendar.google.com/calendar/ical/a/private-{HEX32}/basic.ics"),
    # a telling segment, whatever the host
    (HEX32, f"api.example.com/apikey/{HEX32}/users"),
    (HEX32, f"api.example.com/api-key/{HEX32}"),
    (HEX40, f"api.example.com/v2/token/{HEX40}/info"),
    (TOKEN, f"api.example.com/key/{TOKEN}/data"),
    (TOKEN, f"api.example.com/access_token/{TOKEN}"),
    (TOKEN, f"app.example.com/reset-password/{TOKEN}"),
    (TOKEN, f"app.example.com/password/reset/{TOKEN}"),
    ("c9x2k1-5f3c9a1e7b2d4c8f90a1b2c3d4e5f607", "app.example.com/reset/MQ/c9x2k1-5f3c9a1e7b2d4c8f90a1b2c3d4e5f607/"),
    (UUID, f"app.example.com/reset/confirm/{UUID}"),
    (UUID, f"app.example.com/invite/{UUID}"),
    ("Zx8kQ2mP9vL4", "app.example.com/invite/Zx8kQ2mP9vL4"),
    (TOKEN, f"app.example.com/invitations/accept/{TOKEN}"),
    (TOKEN, f"app.example.com/team/join/{TOKEN}"),
    (HEX40, f"app.example.com/magic-link/{HEX40}"),
    (TOKEN, f"app.example.com/login/{TOKEN}"),
    (HEX32, f"app.example.com/verify-email/{HEX32}"),
    (TOKEN, f"mail.example.com/unsubscribe/{TOKEN}"),
    (TOKEN, f"hub.example.com/hooks/incoming/{TOKEN}"),
    (UUID, f"hub.example.com/incoming-webhooks/{UUID}"),
    (HEX32, f"hub.example.com/hooks/{HEX32}"),
    (TOKEN, f"files.example.com/share/{TOKEN}/report.pdf"),
    (TOKEN, f"cal.example.com/feed/{TOKEN}.ics"),
    (TOKEN, f"ci.example.com/trigger/{TOKEN}"),
)


@pytest.mark.parametrize(("secret", "address"), OPEN, ids=[address[:40] for _, address in OPEN])
@pytest.mark.parametrize(
    "form", ["{}", "https://{}", "POST https://{}", "call {} now", "https:\\/\\/{}", '{{"url": "{}"}}']
)
def test_an_address_that_grants_access_loses_its_secret_part(secret: str, address: str, form: str) -> None:
    """With and without a scheme, in the name of a span, in a sentence and in JSON."""
    assert secret in address
    masked, redactions = MASKER.mask_text(form.format(address))
    assert secret not in masked
    assert PLACEHOLDER in masked
    assert redactions
    assert masked.startswith(form.format(address)[:8])
    assert MASKER.mask_text(masked) == (masked, ())


@pytest.mark.parametrize(
    "address",
    [
        f"api.example.com/v1/users/{UUID}",
        f"api.example.com/v1/webhooks/{UUID}",
        f"api.example.com/v1/webhooks/{HEX24}",
        "api.example.com/v1/webhooks/01HZX3VZR8QM1TZWX7KC9ND2HS",
        "api.stripe.com/v1/webhook_endpoints/we_1MgnNUEeb8a0Z4Kq2xJ5R7tV",
        "api.stripe.com/v1/tokens/tok_1MgnNUEeb8a0Z4Kq2xJ5R7tV",
        "api.stripe.com/v1/payment_intents/pi_3MtwBwLkdIwHu7ix28a3tqPa/confirm",
        "api.stripe.com/v1/checkout/sessions/cs_test_a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8s9T0",
        "api.github.com/repos/o/r/hooks/123456789",
        f"api.github.com/repos/o/r/commits/{HEX40}",
        f"github.com/o/r/blob/{HEX40}/README.md",
        "api.github.com/repos/o/r/actions/runs/12345678901/jobs",
        f"api.example.com/v1/api_keys/{UUID}",
        f"api.example.com/keys/{HEX40}",
        "api.anthropic.com/v1/organizations/invites/invite_015gWxCN9Hfg2QhZwTK7Mdeu",
        "api.openai.com/v1/responses/resp_67ccd2bed1ec8190b14f964abc0542670bb6a6b452d3795b",
        "api.openai.com/v1/threads/thread_abc123DEF456ghi789JKL0/runs",
        "docs.google.com/document/d/1BxiMVs0XRA5nFMdKvBdBZjgmUUqptlbs74OgvE2upms/edit",
        f"registry.example.com/v2/app/blobs/sha256:{HEX64}",
        f"acme.atlassian.net/rest/api/3/issue/{UUID}",
        "login.microsoftonline.com/organizations/oauth2/v2.0/token",
        f"login.microsoftonline.com/{UUID}/oauth2/v2.0/token",
        "auth.example.com/realms/main/protocol/openid-connect/token",
        "github.com/login/oauth/access_token",
        "app.example.com/reset-password/how-to-choose-a-good-password-2024",
        "app.example.com/share/our-yearly-report-2024-final",
        "app.example.com/invite/{invitation_token}/accept",
        "app.example.com/webhook/<your-webhook-id-goes-here>",
        "app.example.com/hooks/pre-commit-and-post-commit-hooks",
        "/webhook/stripe",
        "/callback/google-oauth2",
        "/share/photo1234567.jpg",
        "/confirm/booking-8841273",
        f"shop.example.com/orders/accept/{UUID}",
        "/hooks/useLocalStorageWithDefault",
        "/mcp/server-filesystem/read_text_file",
        "/api/webhook/order_created_notification",
        "POST /v1/messages/count_tokens",
        "hooks.slack.com/services",
        "discord.com/api/webhooks/123456789012345678",
        "hc-ping.com/docs/http_api",
        "mcp.zapier.com/api/mcp/mcp",
        "mcp.example.com/mcp/v1/tools/list",
        "www.dropbox.com/home/Documents",
        f"sentry.example.com/organizations/acme/issues/{UUID}/events/{HEX32}",
        "https://developer.mozilla.org/en-US/docs/Web/API/PushSubscription/getKey",
        f"arn:aws:kms:eu-central-1:123456789012:key/{UUID}",
        "s3://bucket/share/2026/06/30/part-00000-of-00010.parquet",
        f"/Users/me/.cache/huggingface/hub/models--a--b/snapshots/{HEX40}/config.json",
        "node_modules/.pnpm/hooks/dist/index.esm-8f3a2b1c.js",
        "/token/count/2026-06-30T12:00:00Z/window",
        f"/traces/{HEX32}/spans/5f3c9a1e7b2d4c8f",
    ],
)
def test_an_address_of_a_resource_stays(address: str) -> None:
    """Identifiers, commits, digests, documents and words stay, also after a telling segment."""
    for text in (address, f"GET {address}", f"https://{address}", f"see {address} for more"):
        assert MASKER.mask_text(text) == (text, ())
