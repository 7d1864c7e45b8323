"""`fields-1`: the key names whose values never enter a digest. Frozen.

Promise: this list and `normalise` never change. A digest made under `fields-1` is recomputed years later, in any
language, from the payload and this page; a better list would be `fields-2`, beside it. The masking rules, which govern
what is stored, grow every month and have nothing to do with it.

How a name got in. The value under a listed name is invisible to the digest: a list too long hides what was said, one
too short lets a secret in, and a short secret can be found from a digest by trying. So a name is listed when what
stands under it proves who somebody is or pays for something, in the vocabulary of HTTP, OAuth, the clouds or the
vendors' own settings, even where it has a second, harmless meaning, as long as what is lost with that meaning is small:

- `token` is every API's word for a credential. In log probabilities it is a piece of text that stands, whole, in the
  message beside them.
- `auth`, `authentication`, `authorization`, `credentials` hold user and password in most HTTP clients; where they only
  name a scheme, the scheme is lost.
- `pin` is four digits, the easiest of all to find; where it is a flag on a message, the flag is lost.
- `assertion` is a bearer credential by RFC 7521.
- `tokens` is not listed: it counts what a model used, or is a model's input as numbers. Nor are `key`, `code`, `pass`,
  `signature`, `session`, `hash`: ordinary words of ordinary content. Nor `webhook_url`, `url`, `email`, `phone`: what
  was called, and for whom. An hmac-sha256 digest protects those, as nothing that is in it can be found by trying.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

NAME = "fields-1"

_SEPARATORS = "-_. "
_DROPPED = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz", _SEPARATORS)

FIELDS_1: frozenset[str] = frozenset({
    # what proves who you are
    "authorization", "proxyauthorization", "xauthorization", "auth", "authentication", "wwwauthenticate", "cookie",
    "cookies", "setcookie", "password", "passwd", "pwd", "passphrase", "passcode", "userpassword", "oldpassword",
    "newpassword", "currentpassword", "confirmpassword", "passwordconfirmation", "dbpassword", "databasepassword",
    "passwords", "passwordhash", "passwordsalt", "adminpassword", "rootpassword", "masterpassword", "smtppassword",
    "pgpassword", "mysqlpassword", "redispassword", "dbpass", "dbpwd", "userpwd", "basicauth", "authkey", "authsecret",
    "otp", "otpcode", "totp", "totpsecret", "mfacode", "mfatoken", "twofactorcode", "smscode", "onetimepassword",
    "onetimecode", "verificationcode", "recoverycode", "recoverycodes", "backupcode", "backupcodes",
    "authorizationcode", "authcode", "pin", "credential", "credentials", "mnemonic", "seedphrase", "recoveryphrase",
    # keys
    "apikey", "apikeys", "xapikey", "xgoogapikey", "apisecret", "apisecretkey", "appkey", "appsecret",
    "applicationkey", "accesskey", "secretkey", "privatekey", "signingkey", "signingsecret", "encryptionkey",
    "masterkey", "sharedkey", "sshkey", "sshprivatekey", "pgpkey", "licensekey", "accountkey", "storagekey",
    "subscriptionkey", "ocpapimsubscriptionkey", "servicekey", "serviceaccountkey", "awsaccesskeyid",
    "awssecretaccesskey", "secretaccesskey", "awssessiontoken", "xamzsecuritytoken", "openaiapikey",
    "accesskeyid", "accesskeysecret", "apikeysecret", "privatekeypem", "privatekeypassphrase", "hmackey", "hmacsecret",
    "walletkey", "authenticationkey", "anthropicapikey", "azureopenaiapikey", "googleapikey", "geminiapikey",
    "mistralapikey", "cohereapikey", "groqapikey", "sendgridapikey", "stripekey", "stripesecretkey", "ddapikey",
    "ddapplicationkey", "xauthkey", "xfunctionskey", "xrapidapikey", "xapisecret",
    # secrets
    "secret", "secrets", "clientsecret", "consumersecret", "sharedsecret", "webhooksecret", "secretvalue",
    "secretstring", "secrettoken", "clientassertion", "assertion",
    # tokens
    "token", "accesstoken", "refreshtoken", "idtoken", "authtoken", "xauthtoken", "bearertoken", "bearer",
    "sessiontoken", "securitytoken", "csrftoken", "xcsrftoken", "xsrftoken", "xxsrftoken", "apitoken", "bottoken",
    "usertoken", "devicetoken", "registrationtoken", "personalaccesstoken", "oauthtoken", "oauthtokensecret", "jwt",
    "apitokens", "accesstokens", "xapitoken", "xaccesstoken", "xrefreshtoken", "xsessiontoken", "xusertoken",
    "privatetoken", "deploytoken", "jobtoken", "githubtoken", "gitlabtoken", "xgitlabtoken", "xvaulttoken",
    "xshopifyaccesstoken", "slacktoken", "discordtoken", "telegrambottoken", "twilioauthtoken", "npmtoken",
    "pypitoken", "hftoken", "huggingfacetoken", "sastoken", "sharedaccesssignature", "sharedaccesskey",
    "sessionkey", "sessioncookie", "codeverifier",
    # connections
    "connectionstring", "connectionstrings", "connectionuri", "databaseurl", "databaseuri", "mongodburi", "redisurl",
    "postgresurl", "dsn",
    # payment and identity documents
    "cardnumber", "creditcard", "creditcardnumber", "cvv", "cvc", "cvv2", "securitycode", "cardcvc", "cardcvv",
    "cardsecuritycode", "cardpin", "iban", "accountnumber", "bankaccountnumber", "routingnumber", "ssn",
    "socialsecuritynumber", "passportnumber",
})  # fmt: skip
"""Normalised names. Chosen so that an ordinary payload keeps its meaning: only exact names, no part of a name."""


def normalise(name: str) -> str:
    """`name` in lower case (A-Z only) without `-`, `_`, `.` and space: `X-Api-Key`, `x_api_key`, `xApiKey` are one."""
    return name.translate(_DROPPED)


def is_secret_field(name: str) -> bool:
    """Return whether the value under `name` stays out of a digest."""
    return normalise(name) in FIELDS_1


def _in_json() -> bytes:
    between = f"[{_SEPARATORS}]*".encode()  # a dash first stands for itself
    names = b"|".join(between.join(bytes([letter]) for letter in name.encode()) for name in sorted(FIELDS_1))
    return rb'"(?i:' + between + rb"(?:" + names + rb")" + between + rb')":'


class SecretFields:
    """The same of many names at once, as `canonical` asks it. Nothing that JSON writes with an escape is one."""

    in_json = _in_json()

    def among(self, keys: Iterable[str]) -> frozenset[str]:
        """Those of `keys` that are."""
        listed = list(keys)
        names = normalise("\n".join(listed)).split("\n")
        if len(names) != len(listed):  # a line's end in one of them
            return frozenset(filter(is_secret_field, listed))
        return frozenset(key for key, name in zip(listed, names, strict=True) if name in FIELDS_1)
