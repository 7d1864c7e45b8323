"""Which key names hold secrets, whatever their spelling: case, dashes, camelCase, prefixes and suffixes.

A name is split into words (`X-Api-Key`, `stripeAPIKey`, `DB_PASSWORD_2`). It holds a secret when its last words, after
words that only tell variants apart, are a secret's name. So `db_password` is one, `password_policy` and `max_tokens`
are not.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_WORDS = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+|[^\W\d_A-Za-z]+")
_IGNORED = dict.fromkeys((0x00AD, 0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF))
_MAX_KEY_CHARACTERS = 256

HEADS: dict[str, str] = {
    # passwords and what people call them
    **dict.fromkeys(
        ("password passwd passwrd passwort passphrase pass pwd pw psw kennwort motdepasse mdp senha contrasena contraseña "
         "wachtwoord lozinka haslo hasło пароль 密码 密碼 パスワード 비밀번호 userpass userpwd dbpass").split(), "password"),
    **dict.fromkeys("pin pincode otp totp passcode onetimepassword mfacode securitycode cvv cvc cvv2 securityanswer".split(), "pin"),
    # secrets by name
    **dict.fromkeys(
        ("secret secrets secretkey clientsecret appsecret appsecretkey sharedsecret consumersecret webhooksecret "
         "signingsecret apisecret secretaccesskey secretvalue secretstring").split(), "secret"),
    # tokens
    **dict.fromkeys(
        ("token accesstoken refreshtoken idtoken authtoken apitoken bearertoken bearer sessiontoken csrftoken xsrftoken csrf xsrf "
         "jwt sastoken personalaccesstoken pat accesstokens refreshtokens authtokens apitokens oauthtoken").split(), "token"),
    # keys that open something (a bare "key" does not)
    **dict.fromkeys(
        ("apikey apikeys accesskey accesskeyid accountkey authkey privatekey secretkeys signingkey encryptionkey masterkey hmackey "
         "licensekey licencekey subscriptionkey functionkey servicekey serviceaccountkey storagekey deploykey sshkey rsakey "
         "pemkey integrationkey ingestionkey writekey serverkey apppassword appkey applicationkey consumerkey recoverykey "
         "rootkey adminkey sharedaccesskey primaryaccesskey").split(), "api-key"),
    # headers and cookies
    **dict.fromkeys(
        "authorization proxyauthorization cookie cookies setcookie xauth authheader auth".split(), "authorization"),
    # whole groups of them
    **dict.fromkeys("credential credentials creds".split(), "credentials"),
    # material that signs or unlocks
    **dict.fromkeys(
        "signature sig sas sassig seedphrase mnemonic recoverycode recoverycodes backupcode backupcodes".split(), "signature"),
    # places that carry a password inside
    **dict.fromkeys("connectionstring connstring connstr connectionuri databaseurl dburl dsn webhookurl".split(), "connection"),
}
"""Compact spelling (letters and digits of the last words, lower case) to what it is called in a rule id."""

_LONGEST_HEAD_WORDS = 4
_VARIANTS = frozenset(
    "value text plain plaintext raw b64 base64 old new prod production dev staging test live current previous primary secondary "
    "default main backup env var header string encoded".split()
)
"""Words after a secret's name that tell which one, and do not make it something else."""

_NOT_TOKENS = frozenset(
    "page next prev previous continuation pagination nextpage sync start end stop eos bos pad unk mask special max min "
    "num input output prompt completion total cached reasoning image audio text last first".split()
)
"""Words before `token` that make it a position in a list or a piece of text, not a secret."""

_GLUED_SUFFIXES = ("password", "passwd", "passphrase", "secret", "apikey", "accesskey", "privatekey", "secretkey", "token")


def words_of(name: str) -> list[str]:
    """Split a key name into lower-case words."""
    plain = unicodedata.normalize("NFKC", name).translate(_IGNORED)
    return [word.lower() for word in _WORDS.findall(plain)]


@lru_cache(maxsize=4096)
def secret_kind(name: str) -> str | None:
    """Say what kind of secret a key of this name holds, or None: `password`, `token`, `api-key` and so on."""
    if len(name) > _MAX_KEY_CHARACTERS:
        name = name[-_MAX_KEY_CHARACTERS:]
    words = words_of(name)
    while len(words) > 1 and (words[-1] in _VARIANTS or words[-1].isdigit()):
        words.pop()
    for count in range(min(_LONGEST_HEAD_WORDS, len(words)), 0, -1):
        kind = HEADS.get("".join(words[-count:]))
        if kind is not None:
            before = words[-count - 1] if len(words) > count else ""
            return None if words[-1] == "token" and before in _NOT_TOKENS else kind
    if words and not words[-1].endswith(("nexttoken", "pagetoken")):
        for suffix in _GLUED_SUFFIXES:
            if words[-1].endswith(suffix):
                return HEADS[suffix]
    return None
