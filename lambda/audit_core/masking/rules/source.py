"""Source hosting, CI, package registries, code quality."""

from __future__ import annotations

from audit_core.masking.rules.rule import ALNUM, HEX, UUID, WORD, Rule

_GITLAB = "GitLab: token overview, token prefixes"
_ROUTABLE = r"[0-9A-Za-z_-]{20,}(?:\.[0-9a-z]{2}\.?[0-9a-z]{7,9})?"

RULES: tuple[Rule, ...] = (
    Rule(
        "github/token",
        ("ghp_", "gho_", "ghu_", "ghr_"),
        rf"{ALNUM}{{36,255}}",
        "GitHub: about authentication, token formats",
    ),
    Rule("github/app-token", ("ghs_",), r"[A-Za-z0-9_.-]{36,}", "GitHub: about authentication, token formats"),
    Rule(
        "github/fine-grained", ("github_pat_",), r"[A-Za-z0-9_]{22,255}", "GitHub: about authentication, token formats"
    ),
    Rule("gitlab/access-token", ("glpat-",), _ROUTABLE, _GITLAB),
    Rule("gitlab/oauth-secret", ("gloas-",), rf"{WORD}{{64}}", _GITLAB),
    Rule("gitlab/deploy-token", ("gldt-",), rf"{WORD}{{20,}}", _GITLAB),
    Rule("gitlab/runner-token", ("glrt-", "glrtr-"), rf"(?:t\d_)?{_ROUTABLE}", _GITLAB),
    Rule("gitlab/runner-registration", ("GR1348941",), rf"{WORD}{{20}}", _GITLAB),
    Rule("gitlab/job-token", ("glcbt-",), rf"{ALNUM}{{1,5}}_{WORD}{{20,}}|{WORD}{{20,}}", _GITLAB),
    Rule("gitlab/trigger-token", ("glptt-",), rf"{WORD}{{20,}}", _GITLAB),
    Rule("gitlab/feed-token", ("glft-",), rf"{WORD}{{20,}}", _GITLAB),
    Rule("gitlab/mail-token", ("glimt-",), rf"{WORD}{{20,}}", _GITLAB),
    Rule("gitlab/agent-token", ("glagent-",), rf"{WORD}{{20,}}", _GITLAB),
    Rule("gitlab/workspace-token", ("glwt-",), rf"{WORD}{{20,}}", _GITLAB),
    Rule("gitlab/scim-token", ("glsoat-",), rf"{WORD}{{20,}}", _GITLAB),
    Rule("gitlab/feature-flags-token", ("glffct-",), rf"{WORD}{{20,}}", _GITLAB),
    Rule("gitlab/session", ("_gitlab_session=",), r"[0-9a-z]{32}", _GITLAB, hidden=True),
    Rule("bitbucket/app-password", ("ATBB",), r"[A-Za-z0-9_=.-]{28,}", "Bitbucket Cloud: app passwords"),
    Rule("bitbucket/access-token", ("ATCTT3xFf",), r"[A-Za-z0-9_=.-]{100,}", "Bitbucket Cloud: access tokens"),
    Rule(
        "atlassian/api-token", ("ATATT3", "ATSTT3"), r"[A-Za-z0-9_=.-]{60,}", "Atlassian: API tokens for your account"
    ),
    Rule("sourcegraph/token", ("sgp_",), r"(?:[A-Za-z0-9]{16}_|local_)?[0-9A-Fa-f]{40}", "Sourcegraph: access tokens"),
    Rule("circleci/token", ("CCIPAT_", "CCIPRJ_"), rf"{ALNUM}{{10,}}_{HEX}{{40}}", "CircleCI: managing API tokens"),
    Rule(
        "buildkite/token",
        ("bkua_", "bkct_", "bkaj_", "bkpt_"),
        rf"{WORD}{{20,}}",
        "Buildkite: managing API access tokens",
    ),
    Rule("harness/token", ("pat.", "sat."), rf"{WORD}{{22}}\.{ALNUM}{{24}}\.{ALNUM}{{20}}", "Harness: manage API keys"),
    Rule("octopus/key", ("API-",), r"[A-Z0-9]{25,27}\b", "Octopus Deploy: how to create an API key"),
    Rule("jfrog/api-key", ("AKCp",), rf"{ALNUM}{{69}}", "JFrog: API keys"),
    Rule("jfrog/reference-token", ("cmVmdGtu",), rf"{ALNUM}{{56}}", "JFrog: reference tokens"),
    Rule("snyk/token", ("snyk_uat.", "snyk_sat."), rf"{HEX}{{8}}\.{WORD}{{30,}}", "Snyk: authentication for API"),
    Rule("sonar/token", ("squ_", "sqp_", "sqa_"), rf"{HEX}{{40}}", "SonarQube: managing your tokens"),
    Rule(
        "sonar/login",
        ("sonar.login", "sonar.token", "SONAR.LOGIN", "SONAR.TOKEN", "SONAR_LOGIN"),
        rf"[\"']?\s*[:?=]{{1,4}}>?\s*[\"']?({WORD}{{40,44}})",
        "SonarQube: analysis parameters",
        hidden=True,
    ),
    Rule("socket/key", ("sktsec_",), rf"{WORD}{{20,}}", "Socket: API tokens"),
    Rule("depot/token", ("depot_",), rf"{HEX}{{40,}}", "Depot: access tokens"),
    Rule("npm/token", ("npm_",), rf"{ALNUM}{{36}}", "npm: about access tokens"),
    Rule(
        "npm/auth-line",
        (":_authToken=", ":_auth=", ":_password="),
        r"[^\s\"'$\x00]{8,}",
        "npm: npmrc, auth related configuration",
        hidden=True,
    ),
    Rule("pypi/token", ("pypi-AgEIcHlwaS5vcmc", "pypi-AgENdGVzdC5weXBpLm9yZw"), rf"{WORD}{{50,}}", "PyPI: API tokens"),
    Rule("rubygems/key", ("rubygems_",), rf"{HEX}{{48}}", "RubyGems.org: API key scopes"),
    Rule("crates-io/token", ("cio",), rf"{ALNUM}{{32}}\b", "crates.io: API tokens"),
    Rule("nuget/key", ("oy2",), r"[a-z0-9]{43}\b", "NuGet: scoped API keys"),
    Rule("clojars/token", ("CLOJARS_",), r"[A-Za-z0-9]{60}", "Clojars: deploy tokens"),
    Rule("docker/token", ("dckr_pat_", "dckr_oat_"), rf"{WORD}{{27,}}", "Docker: access tokens"),
    Rule("packagist/token", ("packagist_",), rf"[ao][a-z]t_{HEX}{{60,}}", "Private Packagist: API authentication"),
    Rule("deno/token", ("ddp_", "ddo_", "ddw_"), rf"{ALNUM}{{36}}", "Deno Deploy: access tokens"),
    Rule("jsr/token", ("jsrd_", "jsrp_"), rf"{WORD}{{30,}}", "JSR: publishing tokens"),
    Rule(
        "sidekiq/credentials",
        ("BUNDLE_ENTERPRISE__CONTRIBSYS__COM", "BUNDLE_GEMS__CONTRIBSYS__COM"),
        rf"\w*[\"'`]?\s*[:?.=>,]{{0,4}}\s*[\"'`]?({HEX}{{8}}:{HEX}{{8}})",
        "Sidekiq: commercial installation with Bundler",
        hidden=True,
        certain=True,
    ),
    Rule(
        "bundler/credentials",
        ("BUNDLE_",),
        r"[A-Z0-9_]{3,80}__[A-Z0-9_]+[\"']?\s*[=:]\s*[\"']?([^\s\"':]+:[^\s\"'&\x00]+)",
        "Bundler: credentials for gem sources",
        hidden=True,
    ),
    Rule("readme/key", ("rdme_",), r"[a-z0-9]{70}", "ReadMe: API keys"),
    Rule("postman/key", ("PMAK-",), rf"{HEX}{{24}}-{HEX}{{34}}", "Postman: API authentication"),
    Rule("infracost/key", ("ico-",), rf"{ALNUM}{{32}}", "Infracost: API keys"),
    Rule("expo/token", ("expo_",), rf"{WORD}{{40,}}", "Expo: access tokens"),
    Rule("launchdarkly/key", ("sdk-", "api-", "mob-"), UUID, "LaunchDarkly: API access tokens, SDK keys"),
    Rule(
        "unleash/token",
        (":development.", ":production."),
        rf"{HEX}{{40,}}",
        "Unleash: API tokens and client keys",
        before=r"[\w*-]{1,64}",
    ),
    Rule("flagsmith/key", ("ser.",), rf"{ALNUM}{{20,}}", "Flagsmith: server-side SDK keys"),
    Rule("statsig/key", ("secret-", "console-"), rf"{ALNUM}{{40,}}", "Statsig: API keys"),
)
