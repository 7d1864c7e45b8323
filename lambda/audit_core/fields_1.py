"""`fields-1`: the key names whose values never enter a digest. Frozen.

Promise: this list and `normalise` never change. A digest made under `fields-1` is recomputed years later, in any
language, from the payload and this page; a better list would be `fields-2`, beside it. The masking rules, which govern
what is stored, grow every month and have nothing to do with it.
"""

from __future__ import annotations

NAME = "fields-1"

_DROPPED = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz", "-_. ")

FIELDS_1: frozenset[str] = frozenset({
    # what proves who you are
    "authorization", "proxyauthorization", "xauthorization", "auth", "authentication", "wwwauthenticate", "cookie",
    "cookies", "setcookie", "password", "passwd", "pwd", "passphrase", "passcode", "userpassword", "oldpassword",
    "newpassword", "currentpassword", "confirmpassword", "passwordconfirmation", "dbpassword", "databasepassword",
    "otp", "totp", "mfacode", "onetimepassword", "pin", "credential", "credentials",
    # keys
    "apikey", "apikeys", "xapikey", "xgoogapikey", "apisecret", "apisecretkey", "appkey", "appsecret",
    "applicationkey", "accesskey", "secretkey", "privatekey", "signingkey", "signingsecret", "encryptionkey",
    "masterkey", "sharedkey", "sshkey", "sshprivatekey", "pgpkey", "licensekey", "accountkey", "storagekey",
    "subscriptionkey", "ocpapimsubscriptionkey", "servicekey", "serviceaccountkey", "awsaccesskeyid",
    "awssecretaccesskey", "secretaccesskey", "awssessiontoken", "xamzsecuritytoken", "openaiapikey",
    "anthropicapikey", "githubtoken", "slacktoken", "stripekey", "stripesecretkey",
    # secrets
    "secret", "secrets", "clientsecret", "consumersecret", "sharedsecret", "webhooksecret", "secretvalue",
    "secretstring", "secrettoken", "clientassertion", "assertion",
    # tokens
    "token", "tokens", "accesstoken", "refreshtoken", "idtoken", "authtoken", "xauthtoken", "bearertoken", "bearer",
    "sessiontoken", "securitytoken", "csrftoken", "xcsrftoken", "xsrftoken", "xxsrftoken", "apitoken", "bottoken",
    "usertoken", "devicetoken", "registrationtoken", "personalaccesstoken", "oauthtoken", "oauthtokensecret", "jwt",
    "sastoken", "sharedaccesssignature", "sharedaccesskey", "sessionkey", "sessioncookie", "codeverifier",
    # connections
    "connectionstring", "databaseurl", "dsn",
    # payment and identity documents
    "cardnumber", "creditcard", "creditcardnumber", "cvv", "cvc", "cvv2", "securitycode", "iban", "accountnumber",
    "routingnumber", "ssn", "socialsecuritynumber",
})  # fmt: skip
"""Normalised names. Chosen so that an ordinary payload keeps its meaning: only exact names, no part of a name."""


def normalise(name: str) -> str:
    """`name` in lower case (A-Z only) without `-`, `_`, `.` and space: `X-Api-Key`, `x_api_key`, `xApiKey` are one."""
    return name.translate(_DROPPED)


def is_secret_field(name: str) -> bool:
    """Whether the value under `name` stays out of a digest."""
    return normalise(name) in FIELDS_1
