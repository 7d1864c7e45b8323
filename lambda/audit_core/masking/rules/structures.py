"""Shapes that belong to a standard rather than a vendor: keys, tokens, addresses with a password in them."""

from __future__ import annotations

from audit_core.masking.rules.rule import WORD, Rule

_PEM_LABEL = r"(?:[A-Z0-9]{2,12} ){0,3}"

RULES: tuple[Rule, ...] = (
    Rule(
        "jwt",
        ("eyJ", "ewogI", "ewog"),
        rf"{WORD}{{8,}}={{0,2}}\.{WORD}*={{0,2}}\.{WORD}{{6,}}={{0,2}}(?:\.{WORD}*={{0,2}}){{0,2}}",
        "RFC 7519: JSON Web Token; RFC 7515, RFC 7516",
        certain=True,
    ),
    Rule(
        "jwt/unsigned",
        ("eyJ", "ewogI", "ewog"),
        rf"{WORD}{{8,}}={{0,2}}\.(?:eyJ|ewo){WORD}{{8,}}={{0,2}}\.?",
        "RFC 7519: JSON Web Token, unsecured",
        certain=True,
    ),
    Rule(
        "private-key",
        ("-----BEGIN ",),
        rf"{_PEM_LABEL}PRIVATE KEY(?: BLOCK)?-----(?:[\s\"'+\\]|\\[nr])*"
        rf"(?:[A-Za-z-]{{1,20}}: [^\n\\\x00]{{0,200}}(?:[\s\"'+\\]|\\[nr])*){{0,4}}"
        rf"[A-Za-z0-9+/=]{{12,}}[A-Za-z0-9+/=\s\"'\\]*(?:-----END {_PEM_LABEL}PRIVATE KEY(?: BLOCK)?-----)?",
        "RFC 7468: textual encodings; RFC 9580: OpenPGP armor",
        certain=True,
    ),
    Rule(
        "url/userinfo",
        ("://",),
        r"([^\s/?#:@\"'<>\x00]*:[^\s/?#@\"'<>\x00]+|[^\s/?#:@\"'<>\x00]{20,})@[\w\[]",
        "RFC 3986: userinfo",
        hidden=True,
    ),
    Rule(
        "putty-key",
        ("PuTTY-User-Key-File-",),
        r"[23]:[^\x00]{40,}?Private-MAC: ?[0-9a-f]+",
        "PuTTY: private key file format",
        certain=True,
    ),
    Rule(
        "authorization/scheme",
        ("Bearer ", "bearer ", "BEARER ", "Bearer%20", "Bearer: ", "bearer: "),
        r"[A-Za-z0-9._~+/=:-]{8,}",
        "RFC 6750: bearer token usage",
        hidden=True,
    ),
    Rule(
        "authorization/basic",
        ("Basic ", "basic ", "BASIC ", "Basic%20"),
        r"[A-Za-z0-9+/_-]{8,}={0,2}",
        "RFC 7617: the Basic authentication scheme",
        hidden=True,
    ),
    Rule(
        "htpasswd",
        ("$2a$", "$2b$", "$2y$", "$argon2i$", "$argon2id$", "$6$", "$5$", "$apr1$", "$scrypt$", "$y$"),
        r"[./A-Za-z0-9$=,+-]{20,}",
        "crypt(5): password hashes",
    ),
    Rule(
        "mysql/identified-by",
        (
            "IDENTIFIED BY ",
            "identified by ",
            "Identified by ",
            "WITH PASSWORD ",
            "with password ",
            "ENCRYPTED PASSWORD ",
        ),
        r"(?:PASSWORD )?['\"]([^'\"\n\x00]{1,128})['\"]",
        "SQL: CREATE USER",
        hidden=True,
        certain=True,
    ),
    Rule(
        "netrc/password",
        ("machine ",),
        r"[^\s\x00]{1,255}\s+login\s+[^\s\x00]{1,255}\s+password\s+([^\s\x00]{4,})",
        "netrc(5): the .netrc file",
        hidden=True,
        certain=True,
    ),
    Rule(
        "sshpass/password",
        ("sshpass -p",),
        r" ?[\"']?([^\s\"'$<{\x00][^\s\"'\x00]{3,})",
        "sshpass(1)",
        hidden=True,
        certain=True,
    ),
    Rule(
        "curl/user",
        (" -u ", " -u", " --user ", " --user=", " --proxy-user ", " -U ", "\n-u "),
        r"[\"']?([^\s\"':/@$<{\x00][^\s\"':/@\x00]{0,63}:(?:[^\s\"'$<{\[*\x00][^\s\"'\x00]{2,255}|'[^'$\x00\n]{3,256}'))",
        "curl: --user",
        hidden=True,
        certain=True,
    ),
    Rule(
        "paseto",
        ("v1.local.", "v2.local.", "v3.local.", "v4.local.", "v1.public.", "v2.public.", "v3.public.", "v4.public."),
        rf"{WORD}{{40,}}(?:\.{WORD}+)?",
        "PASETO: platform-agnostic security tokens, version 4",
        certain=True,
    ),
    Rule(
        "openvpn/static-key",
        ("-----BEGIN OpenVPN Static key V1-----",),
        r"[0-9a-fA-F\s\\nr]{64,}(?:-----END OpenVPN Static key V1-----)?",
        "OpenVPN: static key mode",
        certain=True,
    ),
    Rule(
        "ssh2/private-key",
        ("---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----",),
        r"(?:[^\x00\n]{0,100}\n){0,8}[A-Za-z0-9+/=\s]{40,}(?:---- END SSH2 ENCRYPTED PRIVATE KEY ----)?",
        "SSH Communications Security: private key files",
        certain=True,
    ),
    Rule(
        "minisign/secret-key",
        ("minisign encrypted secret key", "signify secret key"),
        r"[\s\\nr]{1,4}(RW[A-Za-z0-9+/]{80,}={0,2})",
        "minisign: secret key format; signify(1)",
        hidden=True,
        certain=True,
    ),
    Rule(
        "oauth/code",
        ("?code=", "&code="),
        r"[A-Za-z0-9._~%/+-]{20,}={0,2}",
        "RFC 6749: authorization response; Azure Functions: access keys",
        hidden=True,
    ),
    Rule(
        "directory-password",
        (
            "{SSHA}",
            "{SHA}",
            "{SSHA256}",
            "{SSHA512}",
            "{CRYPT}",
            "pbkdf2_sha256$",
            "pbkdf2_sha512$",
            "scrypt:32768:8:1$",
        ),
        r"[./A-Za-z0-9$=,+:-]{20,}",
        "RFC 2307: userPassword; Django: password management; Werkzeug: security helpers",
    ),
    Rule(
        "django/insecure-key",
        ("django-insecure-",),
        r"[a-z0-9!@#$%^&*(_=+)-]{30,50}",
        "Django: startproject, SECRET_KEY",
        certain=True,
    ),
)
