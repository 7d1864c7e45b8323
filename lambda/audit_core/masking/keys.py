"""Which key names hold secrets or personal data, however they are spelled.

A name is split into words (`X-Api-Key`, `stripeAPIKey`, `DB_PASSWORD_2`). It holds a secret when its last words, after
words that only tell variants apart, are a secret's name: `db_password` does, `password_policy` and `max_tokens` do not.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from audit_core.masking.plausible import is_identifier, is_random
from audit_core.masking.services import BEFORE_KEY, names_service
from audit_core.masking.wordlist import by_word, words

_WORDS = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+|[^\W\d_A-Za-z]+")
_MAX_KEY_CHARACTERS = 256
_OPERATION = re.compile(
    r"(?:Get|List|Describe|Create|Delete|Update|Put|Rotate|Revoke|Batch|Change|Reset|Set|Validate|Verify|Import|Export"
    r"|Generate|Enable|Disable|Search|Register)[A-Z]"
)
"""How interfaces name what can be called: `GetSecretValue`, `ListAccessKeys`."""


HEADS: dict[str, str] = by_word(
    # what people type to get in, in the languages that settings files are written in
    (
        "password",
        """
        password passwd passwrd passwort passphrase pass pwd pw psw kennwort motdepasse mdp senha contrasena
        contraseña contrasenya clavesecreta clavedeacceso palavrapasse wachtwoord lozinka geslo haslo hasło heslo
        jelszo jelszó salasana losenord lösenord adgangskode kodeord passord parola şifre sifre пароль κωδικός סיסמה
        密码 密碼 口令 パスワード 비밀번호 암호 passwords userpass userpwd dbpass adminpass rootpass smtppass
        mailpass ftppass storepass keypass requirepass masterauth rootpw bindpw adminpw dbpw userpw psk presharedkey
        wpapsk
    """,
    ),
    # short codes that stand in for a password, or prove the holder of a card or a phone
    (
        "pin",
        """
        pin pincode otp totp passcode onetimepassword onetimecode mfacode verificationcode securitycode cvv cvc
        cvv2 securityanswer
    """,
    ),
    # what is called a secret
    (
        "secret",
        """
        secret secrets secretkey clientsecret appsecret sharedsecret consumersecret webhooksecret signingsecret
        apisecret secretaccesskey seedphrase mnemonic recoveryphrase recoverycode recoverycodes backupcode
        backupcodes geheimnis segredo секрет 密钥 密鑰
    """,
    ),
    # bearer tokens: whoever has one is let in
    (
        "token",
        """
        token accesstoken refreshtoken idtoken authtoken apitoken bearertoken bearer sessiontoken csrftoken
        xsrftoken csrf xsrf jwt sastoken personalaccesstoken pat accesstokens refreshtokens authtokens apitokens
        oauthtoken authenticitytoken sid phpsessid jsessionid aspnetsessionid cftoken sessionkey sessionsecret
        sessioncookie clave 令牌 authcode authorizationcode magiclink
    """,
    ),
    # keys that open or sign something; a bare `key` does neither
    (
        "api-key",
        """
        apikey apikeys accesskey accesskeyid accessid accountkey authkey privatekey secretkeys signingkey
        encryptionkey masterkey hmackey licensekey licencekey subscriptionkey functionkey functionskey
        servicekey serviceaccountkey storagekey deploykey sshkey rsakey pemkey integrationkey ingestionkey
        writekey serverkey appkey applicationkey consumerkey recoverykey rootkey adminkey sharedaccesskey gpgkey
        pgpkey decryptionkey aeskey symmetrickey sharedkey signkey streamkey activationkey
    """,
    ),
    # headers that carry one of the above
    (
        "authorization",
        """
        authorization proxyauthorization cookie cookies setcookie xauth authheader auth
    """,
    ),
    # groups of them
    ("credentials", "credential credentials creds"),
    # an address that is itself the permission
    ("webhook", "webhookurl webhook"),
)
"""The last words of a name, as one word in lower case, to the kind of secret that it holds (part of the rule id)."""

SERVICE = "service"
"""The kind of `datadog_key`: what a service is called, and a word that says no more than that it is opened."""
_AFTER_SERVICE = words("key api auth")
_LONGEST_HEAD_WORDS = 4
_VARIANTS = words("""
    value text plain plaintext raw b64 base64 base old new prod production dev staging test live current
    previous primary secondary default main backup env var header string encoded
""")
"""Words after a secret's name that tell which one, and do not make it something else."""

_NOT_TOKENS = words("""
    page next prev previous continuation pagination nextpage sync start end stop eos bos pad unk mask special
    max min num input output prompt completion total cached reasoning image audio text last first per type
""")
"""Words before `token` that make it a position in a list or a piece of text, not a secret."""

_GLUED = ("password", "passwd", "passphrase", "secret", "apikey", "accesskey", "privatekey", "secretkey", "token")
_GLUED_NOT = ("nexttoken", "pagetoken", "continuationtoken", "nontoken")

IDENTIFIERS = words("""
    id ids uuid guid hash hashes digest digests sha sha1 sha256 sha512 md5 crc etag checksum integrity
    fingerprint commit revision rev version versions model timestamp timestamps time date at created updated
    modified started ended expires duration ms ns seconds nano nanos traceparent tracestate cursor object leaf
    arn urn oid serial build release number count size length offset index port bytes tokens usage latency width
    height x y z lat lng latitude longitude price amount total score
""")
"""Last words of names whose values are identifiers, digests, times, quantities: no personal numbers are there."""

_PERSONAL: dict[str, str] = by_word(
    (
        "phone",
        """
        phone phonenumber telephone tel mobile mobilenumber mobilephone cell cellphone fax whatsapp msisdn
        homephone workphone
    """,
    ),
    (
        "id",
        """
        ssn socialsecuritynumber socialsecurity taxid nationalid passport passportnumber driverlicense
        driverslicense nino personalnumber
    """,
    ),
    (
        "card",
        """
        cardnumber creditcard creditcardnumber ccnumber ccn primaryaccountnumber debitcard
    """,
    ),
)
_ADDRESS_WORDS = words("ip ips ipv4 ipv6 ipaddr ipaddress")
_BEFORE_ADDRESS = words("ip client remote peer source src")
_USERS = words("""
    userid user enduser enduserid username accountid customerid actor subject sub
""")

_BENIGN = words("""
    type name id kind provider method scheme description title label enabled required format status region
    version username user email account role scopes scope issuer audience expires_at expiresat expires_in
    created_at createdat ui_name display_name displayname help helptext placeholder hint tooltip env env_var
""")
"""Members of a group of credentials that are not the secret part."""


class KeyInfo(NamedTuple):
    """What a key's name says about its value.

    `secret`: the kind of secret, or None. `personal`: the kind of personal data, or None. `identifier`: whether it is
    an identifier or a quantity. `user`: whether it names a person. `telling`: whether a random value is suspect.
    `benign`: whether it may stay although the object around it is a secret.
    """

    secret: str | None
    personal: str | None
    identifier: bool
    user: bool
    telling: bool
    benign: bool

    @property
    def tells(self) -> bool:
        """Whether a value under this key must be looked at for what the key says."""
        return self.secret is not None or self.personal is not None or self.telling


def words_of(name: str) -> list[str]:
    """Split a key name into lower-case words."""
    plain = unicodedata.normalize("NFKC", name[-_MAX_KEY_CHARACTERS:])
    return [word.lower() for word in _WORDS.findall(plain)]


def is_position(words: list[str]) -> bool:
    """Whether the word before the last makes a token a position in a list or a piece of text: `next_token`."""
    return len(words) > 1 and words[-2] in _NOT_TOKENS


@lru_cache(maxsize=8192)
def secret_kind(name: str) -> str | None:
    """Say what kind of secret a key of this name holds, or None: `password`, `token`, `api-key` and so on."""
    words = words_of(name)
    if name == "Sid" or "/" in name or _OPERATION.match(name):  # a policy statement, a path, an operation
        return None
    while len(words) > 1 and (words[-1] in _VARIANTS or words[-1].isdigit()):
        words.pop()
    for count in range(min(_LONGEST_HEAD_WORDS, len(words)), 0, -1):
        kind = HEADS.get("".join(words[-count:]))
        if kind is not None:
            return None if words[-1] == "token" and is_position(words) else kind
    if words and not words[-1].endswith(_GLUED_NOT):
        for suffix in _GLUED:
            if words[-1].endswith(suffix):
                return HEADS[suffix]
    if words and words[-1] in _AFTER_SERVICE and names_service(words[:-1], BEFORE_KEY):
        return SERVICE
    return None


def _personal_kind(words: list[str]) -> str | None:
    """Return the kind of personal data that a key of these words holds, or None."""
    last = words[-1] if words else ""
    if last in _ADDRESS_WORDS or (last in ("addr", "address") and not _BEFORE_ADDRESS.isdisjoint(words[-2:-1])):
        return "ip"
    squeezed = "".join(words)
    heads = (head for head in _PERSONAL if squeezed == head or (squeezed.endswith(head) and last != "id"))
    return _PERSONAL.get(next(heads, ""))


@lru_cache(maxsize=8192)
def classify(name: str) -> KeyInfo:
    """Say what a key of this name may hold."""
    words = words_of(name)
    squeezed = "".join(words)
    last = words[-1] if words else ""
    return KeyInfo(
        secret=secret_kind(name),
        personal=_personal_kind(words),
        identifier=last in IDENTIFIERS or last.isdigit(),
        user=squeezed in _USERS,
        telling=names_service(words)
        or (
            last in ("key", "auth")
            and not squeezed.endswith("s3key")
            and len(words) > 1
            and "/" not in name
            and not {"public", "foreign", "primary", "sort", "cache", "partition", "idempotency", "object", "row"}
            & set(words)
        ),
        benign="_".join(words) in _BENIGN or squeezed in _BENIGN,
    )


_NOT_SECRET_VALUES = words("""
    bearer basic digest none null true false required optional include omit same-origin oauth oauth2 apikey
    api_key jwt token enabled disabled yes no on off unknown password header query cookie http openid
    openidconnect
""")
RESOURCE = re.compile(r"(?!SK)[A-Z]{2}[0-9a-f]{32}\Z|S-1-\d{1,14}(?:-\d{1,10}){1,15}\Z")
"""A SID of Twilio, except that of an API key, or a SID of Windows (MS-DTYP, 2.4.2)."""
_WORKING_DIRECTORY = words("PWD OLDPWD")
_DIRECTORY = re.compile(r"[/~.]|[A-Za-z]:[/\\]")
_COUNTED = words("pass passed")
_COUNTED_BESIDE = words("""
    fail fails failed failure failures skip skipped skips error errors warn warning warnings pending todo total tests
    flaky ignored
""")
_SHORTEST_TOKEN = 6
_LONG_TOKEN = 20
_LONG_IDENTIFIER = 32


def is_working_directory(name: str, value: str) -> bool:
    """Return whether a shell's own variable holds a directory. In settings of databases `PWD` is a password."""
    return name in _WORKING_DIRECTORY and _DIRECTORY.match(value) is not None


def is_count(name: str, value: object, beside: Iterable[str]) -> bool:
    """Return whether a member counts passed tests, as a name beside it shows: `{"pass": 42, "fail": 1}`."""
    number = isinstance(value, int) or (isinstance(value, str) and value.isdigit())
    return number and name.lower() in _COUNTED and any(other.lower() in _COUNTED_BESIDE for other in beside)


def holds_secret(kind: str, value: str) -> bool:
    """Whether the value under a key of this kind is to be masked. Passwords and keys always are.

    Where the name has an everyday meaning too (a token of text, an authentication method), a plain word stays.
    """
    if kind in ("password", "secret", "api-key", "custom"):
        return bool(value)
    if not value.strip() or value.lower() in _NOT_SECRET_VALUES:
        return False
    if kind == SERVICE:
        return is_random(value) or (is_identifier(value) and len(value) >= _LONG_IDENTIFIER)
    if kind == "token":
        return (len(value) >= _SHORTEST_TOKEN and not RESOURCE.match(value)) and (
            any(map(str.isdigit, value))
            or (len(value) >= _LONG_TOKEN and " " not in value)
            or is_random(value, shortest=8)
        )
    if kind == "pin":
        return any(map(str.isdigit, value))
    return kind != "webhook" or "://" in value
