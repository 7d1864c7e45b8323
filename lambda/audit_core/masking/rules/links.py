"""Addresses that grant access by themselves: the path is the secret.

The mark of a rule is a host and the beginning of its path, or a beginning that no other service has. The second kind
also finds a path without its host, as in the name of a span. Only the part that nobody can guess is masked.
`audit_core.masking.links` finds the paths of other services.
"""

from __future__ import annotations

from audit_core.masking.rules.rule import ALNUM, HEX, UUID, WORD, Rule
from audit_core.masking.rules.wordlist import words


def _link(rule: str, marks: tuple[str, ...], tail: str, source: str) -> Rule:
    return Rule(rule, marks, tail, source, hidden=True, certain=True)


HOOKS = words("""
    hook hooks webhook webhook-test webhook-waiting webhookb2 incoming incoming-webhook incoming-webhooks
    webhook-trigger generic-webhook-trigger build-hook build_hook build-hooks build_hooks buildhook deploy-hook
    deploy_hook deploy-hooks deploy_hooks deployhook
""")
"""After these, random segments and identifiers are secrets, also further on."""
TELLING = words("""
    trigger callback inbound ingest heartbeat ping mcp mcp-test
    api-token api_token apitoken access-token access_token accesstoken auth-token auth_token authtoken
    apikey api-key api_key accesskey access-key access_key license-key licensekey
    magic magic-link magic_link magiclink magic-login login login-link signin sign-in passwordless one-time otp
    reset reset-password reset_password resetpassword password-reset password_reset passwordreset set-password
    change-password forgot-password recover recovery account-recovery activate activation verify verification
    verify-email verify_email email-verification email_verification confirm confirmation confirm-email confirm_email
    invite invitation invited join join-team accept-invite accept-invitation accept_invitation
    unsubscribe unsub optout opt-out email-preferences share shared sharing share-link guest-access
    feed ical ics
""")
"""After these, the next segment is a secret, also an identifier. Later identifiers belong to resources, and stay."""
COLLECTIONS = words("webhooks")
"""After these, identifiers belong to resources, and stay."""
OF_RESOURCES = words("token key secret password passwd license accept redeem claim")
"""After these, an identifier is a secret too, except a UUID: that identifies a stored secret."""
_TELLING_MARKS = tuple(
    f"/{spelled}/"
    for word in sorted(HOOKS | TELLING | COLLECTIONS | OF_RESOURCES)
    for spelled in (word, word.capitalize())
)
LINK = "link/path"
_SLUG = r"[\w-]{1,64}"

RULES: tuple[Rule, ...] = (
    # what starts a build or a workflow
    _link("netlify/build-hook", ("/build_hooks/",), rf"{HEX}{{20,}}", "Netlify: build hooks"),
    _link("cloudflare/deploy-hook", ("/deploy_hooks/",), UUID, "Cloudflare Pages, Workers: deploy hooks"),
    _link(
        "vercel/deploy-hook",
        ("/v1/integrations/deploy/",),
        rf"(?:prj_)?{ALNUM}{{8,}}/({WORD}{{6,}})",
        "Vercel: deploy hooks",
    ),
    _link("circleci/webhook-trigger", ("/private/soc/e/",), rf"{UUID}/({WORD}{{16,}})", "CircleCI: custom webhooks"),
    _link("gatsby/hook", ("/hooks/data_source/",), rf"(?:[a-z_]{{1,24}}/)?({UUID})", "Gatsby Cloud: webhooks"),
    _link(
        "zapier/hook-path",
        ("/hooks/catch/", "/hooks/standard/"),
        r"(?:\d{4,12}/)?([A-Za-z0-9]{5,}(?:/[A-Za-z0-9]{5,})?)",
        "Zapier: webhooks",
    ),
    _link(
        "make/webhook", (".make.com/", ".make.celonis.com/", ".integromat.com/"), r"[a-z0-9]{28,36}\b", "Make: webhooks"
    ),
    _link(
        "pabbly/webhook",
        ("/workflow/sendwebhookdata/", "/webhook-listener/webhook/"),
        r"[\w=.-]{16,}",
        "Pabbly Connect: webhooks",
    ),
    _link("integrately/webhook", ("integrately.com/a/webhooks/",), rf"{WORD}{{16,}}", "Integrately: webhooks"),
    _link("n8n/webhook", ("/webhook/", "/webhook-test/", "/webhook-waiting/"), UUID, "n8n: Webhook node, URLs"),
    _link("n8n/mcp", ("/mcp/", "/mcp-test/"), UUID, "n8n: MCP Server Trigger node"),
    _link("nabu-casa/cloudhook", ("hooks.nabu.casa/",), r"[\w=-]{20,}", "Home Assistant Cloud: webhooks"),
    _link("activepieces/webhook", ("activepieces.com/api/v1/webhooks/",), rf"{WORD}{{12,}}", "Activepieces: webhooks"),
    _link("svix/play", ("/in/e_",), rf"{ALNUM}{{16,}}", "Svix: Play"),
    _link("hookdeck/source", ("hkdk.events/", "events.hookdeck.com/e/"), rf"{WORD}{{10,}}", "Hookdeck: sources"),
    _link("webhook-site/url", ("webhook.site/",), rf"(?:token/)?({UUID})", "Webhook.site: URLs"),
    _link("smee/channel", ("smee.io/",), rf"{WORD}{{12,}}", "smee.io: channels"),
    # chat
    _link(
        "slack/webhook-path",
        ("/services/T",),
        rf"[A-Z0-9]{{6,12}}/(B[A-Z0-9]{{6,12}}/{ALNUM}{{16,}})",
        "Slack: incoming webhooks",
    ),
    _link("slack/invite", ("/shared_invite/",), r"[\w~-]{12,}", "Slack: invite links"),
    _link(
        "discord/invite",
        ("discord.gg/", "discord.com/invite/", "discordapp.com/invite/"),
        rf"{WORD}{{6,}}",
        "Discord: invites",
    ),
    _link("telegram/invite", ("t.me/joinchat/", "t.me/+"), rf"{WORD}{{12,}}", "Telegram: chat invite links"),
    _link("whatsapp/invite", ("chat.whatsapp.com/",), rf"(?:invite/)?({ALNUM}{{18,}})", "WhatsApp: invite links"),
    _link(
        "teams/webhook-path",
        ("/webhookb2/", "/IncomingWebhook/"),
        r"[\w@-]{20,}(?:/[\w@./-]*)?",
        "Microsoft Teams: incoming webhooks",
    ),
    _link("webex/webhook", ("/v1/webhooks/incoming/",), rf"{WORD}{{20,}}", "Webex: incoming webhooks"),
    # monitoring: heartbeats, alerts, intakes of logs
    _link(
        "healthchecks/ping", ("hc-ping.com/", "hchk.io/"), rf"{UUID}|{ALNUM}{{20,24}}\b", "Healthchecks.io: pinging API"
    ),
    _link("better-stack/heartbeat", ("/v1/heartbeat/",), rf"{ALNUM}{{12,}}", "Better Stack: heartbeat monitor"),
    _link(
        "cronitor/telemetry", ("cronitor.link/p/", "cronitor.link/ping/"), rf"{WORD}{{12,}}", "Cronitor: telemetry API"
    ),
    _link("deadmanssnitch/url", ("nosnch.in/",), rf"{ALNUM}{{8,}}", "Dead Man's Snitch: checking in"),
    _link("uptime-kuma/push", ("/api/push/",), rf"{ALNUM}{{8,}}", "Uptime Kuma: push monitor"),
    _link(
        "pagerduty/integration",
        ("/integration/",),
        rf"({HEX}{{32}}|[A-Z0-9]{{20}}|R[A-Z0-9]{{31}})\b",
        "PagerDuty: Events API, integration URLs",
    ),
    _link("splunk-on-call/integration", ("/alert/",), rf"({UUID})/", "Splunk On-Call: REST endpoint integration"),
    _link(
        "grafana/oncall", ("/integrations/v1/",), rf"[a-z_]{{2,40}}/({WORD}{{16,}})", "Grafana OnCall: inbound webhooks"
    ),
    _link(
        "zenduty/integration",
        ("events.zenduty.com/",),
        rf"(?:api/)?integration/{_SLUG}/(?:{_SLUG}/)?({WORD}{{12,}})",
        "Zenduty: integrations",
    ),
    _link(
        "squadcast/webhook", ("api.squadcast.com/v",), rf"\d/incidents/{_SLUG}/({HEX}{{32,}})", "Squadcast: webhooks"
    ),
    _link("datadog/intake", ("/v1/input/",), rf"(?:pub)?{HEX}{{32}}", "Datadog: send logs over HTTP"),
    _link("sumologic/source", ("/receiver/v1/",), r"[a-z]{2,8}/([\w=-]{40,})", "Sumo Logic: HTTP source"),
    _link("loggly/token", ("loggly.com/inputs/", "loggly.com/bulk/"), UUID, "Loggly: HTTP/S event endpoint"),
    _link("logentries/token", ("/noformat/logs/",), UUID, "Logentries: webhooks"),
    _link("sentry/cron", ("/cron/",), rf"{_SLUG}/({HEX}{{32}})", "Sentry: crons over HTTP"),
    _link("bark/push", ("api.day.app/",), rf"{ALNUM}{{20,}}", "Bark: pushing"),
    _link("serverchan/key", ("sctapi.ftqq.com/", "sc.ftqq.com/"), rf"{ALNUM}{{20,}}", "ServerChan: sending"),
    # servers of tools that need no more than their address
    _link(
        "zapier/mcp",
        ("/api/mcp/s/", "/api/mcp/a/", "actions.zapier.com/mcp/"),
        r"[\w=-]{16,}",
        "Zapier: MCP server URL",
    ),
    _link("make/mcp", ("/mcp/api/v1/u/", "/mcp/u/"), rf"{WORD}{{16,}}", "Make: MCP token"),
    _link(
        "pipedream/mcp",
        ("mcp.pipedream.net/", "mcp.pipedream.com/"),
        rf"(?:v\d/)?({UUID}|{WORD}{{20,}})",
        "Pipedream: MCP servers",
    ),
    _link(
        "composio/mcp",
        ("mcp.composio.dev/", "backend.composio.dev/"),
        rf"(?:(?:[a-z_]{{1,32}}|v\d)/){{0,4}}({UUID}|{WORD}{{24,}})",
        "Composio: MCP servers",
    ),
    _link("supermemory/mcp", ("mcp.supermemory.ai/",), rf"{WORD}{{16,}}", "Supermemory: MCP"),
    _link("klavis/mcp", (".klavis.ai/",), rf"(?:mcp/|sse/)?({UUID})", "Klavis AI: MCP instances"),
    # nodes of blockchains, with the key in the path
    _link("ankr/rpc", ("rpc.ankr.com/",), rf"(?:[a-z0-9_]{{1,40}}/){{0,3}}({HEX}{{48,}})", "Ankr: RPC endpoints"),
    _link("quicknode/rpc", (".quiknode.pro/",), rf"{HEX}{{32,}}", "QuickNode: authentication token"),
    _link(
        "chainstack/rpc",
        (".core.chainstack.com/", ".p2pify.com/"),
        rf"(?:[a-z]{{1,12}}/)?({HEX}{{32}})",
        "Chainstack: node endpoints",
    ),
    _link("getblock/rpc", (".getblock.io/",), rf"{HEX}{{32}}|{UUID}", "GetBlock: access tokens"),
    _link("blast/rpc", (".blastapi.io/",), UUID, "Blast API: endpoints"),
    _link(
        "tenderly/rpc",
        (".gateway.tenderly.co/", "rpc.tenderly.co/"),
        rf"(?:fork/)?({UUID}|{ALNUM}{{16,}})",
        "Tenderly: node RPC",
    ),
    _link(
        "drpc/rpc", ("lb.drpc.org/", "lb.drpc.live/"), rf"(?:[a-z0-9-]{{1,32}}/){{0,2}}({WORD}{{36,}})", "dRPC: keys"
    ),
    _link("nodereal/rpc", (".nodereal.io/v1/",), rf"{HEX}{{32}}", "NodeReal: API keys"),
    _link("moralis/rpc", (".moralis-nodes.com/",), rf"[a-z]{{1,20}}/({HEX}{{32}})", "Moralis: nodes"),
    _link("blockpi/rpc", (".blockpi.network/v1/rpc/",), rf"{HEX}{{32,}}", "BlockPI: endpoints"),
    _link("grove/rpc", (".pokt.network/v1/lb/", ".grove.city/v1/"), rf"{HEX}{{8,}}", "Grove: gateway"),
    _link("thegraph/gateway", (".thegraph.com/api/",), rf"{HEX}{{32}}", "The Graph: API keys"),
    _link("infura/path", (".infura.io/",), rf"(?:ws/)?v3/({HEX}{{32}})", "Infura: API keys"),
    _link(
        "alchemy/path",
        (".alchemy.com/", ".alchemyapi.io/"),
        rf"(?:[a-z]{{2,12}}/)?v\d/({WORD}{{16,}})",
        "Alchemy: API keys",
    ),
    _link("syndica/rpc", ("/api-token/",), rf"{WORD}{{20,}}", "Syndica: API tokens"),
    # shared links
    _link(
        "dropbox/share",
        ("dropbox.com/s/", "dropbox.com/sh/", "dropbox.com/scl/fi/", "dropbox.com/scl/fo/"),
        rf"{WORD}{{10,}}(?:/{WORD}{{20,}})?",
        "Dropbox: shared links",
    ),
    _link("onedrive/share", ("1drv.ms/",), r"[a-z]/(?:s|c/[0-9a-f]{16})[!/]([\w!-]{16,})", "OneDrive: shared links"),
    _link(
        "sharepoint/share",
        (".sharepoint.com/:",),
        r"[a-z]:/[a-z]/(?:[\w.-]{1,80}/){0,3}([\w-]{30,})",
        "SharePoint: shareable links",
    ),
    _link("box/share", ("box.com/s/",), rf"{ALNUM}{{20,}}", "Box: shared links"),
    _link("loom/share", ("loom.com/share/",), rf"{HEX}{{32}}", "Loom: share links"),
    _link(
        "wetransfer/share", ("wetransfer.com/downloads/",), rf"{HEX}{{30,}}(?:/{HEX}{{6,}})?", "WeTransfer: downloads"
    ),
    _link("zoom/recording", ("/rec/share/", "/rec/play/"), r"[\w.-]{20,}", "Zoom: sharing cloud recordings"),
    _link(
        "calendly/private-link",
        ("calendly.com/d/",),
        r"[a-z0-9]{3,4}-[a-z0-9]{3,4}-[a-z0-9]{3,4}",
        "Calendly: single-use links",
    ),
    _link(
        "calendly/change",
        ("calendly.com/cancellations/", "calendly.com/reschedulings/"),
        rf"{UUID}|{WORD}{{16,}}",
        "Calendly: cancel and reschedule links",
    ),
    _link("google-calendar/private", ("/private-",), rf"{HEX}{{32}}", "Google Calendar: secret address in iCal format"),
    _link(
        "outlook/calendar",
        ("/owa/calendar/",),
        rf"{HEX}{{32}}@[\w.-]+/({HEX}{{32,}})",
        "Outlook: publishing a calendar",
    ),
    # any other service: `audit_core.masking.links` finds the secret segments
    Rule(
        LINK, _TELLING_MARKS, r"(?:[\w.~=@-]+/){0,2}[\w.~=@-]{12,}", "this kit: telling segments of paths", hidden=True
    ),
)
