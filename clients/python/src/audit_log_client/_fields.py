"""`fields-1`: the key names whose values never enter a digest. Frozen: the writer has the same list, with its reasons.

Promise: this list and `normalise` never change, so that a digest can be made again years later.
"""

from __future__ import annotations

_DROPPED = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz", "-_. ")

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
    """Whether the value under `name` stays out of a digest."""
    return normalise(name) in FIELDS_1
