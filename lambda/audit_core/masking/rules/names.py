"""Words that decide: names of keys and what stands for a secret, as data. Each list says what its words do."""

from __future__ import annotations

from audit_core.masking.rules.wordlist import by_word, words

# Names of keys

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
AFTER_SERVICE = words("key api auth")
VARIANTS = words("""
    value text plain plaintext raw b64 base64 base old new prod production dev staging test live current
    previous primary secondary default main backup env var header string encoded
""")
"""Words after a secret's name that tell which one, and do not make it something else."""
NOT_TOKENS = words("""
    page next prev previous continuation pagination nextpage sync start end stop eos bos pad unk mask special
    max min num input output prompt completion total cached reasoning image audio text last first per type
""")
"""Words before `token` that make it a position in a list or a piece of text, not a secret."""
GLUED_HEADS = ("password", "passwd", "passphrase", "secret", "apikey", "accesskey", "privatekey", "secretkey", "token")
GLUED_POSITIONS = ("nexttoken", "pagetoken", "continuationtoken", "nontoken")
IDENTIFIERS = words("""
    id ids uuid guid hash hashes digest digests sha sha1 sha256 sha512 md5 crc etag checksum integrity
    fingerprint commit revision rev version versions model timestamp timestamps time date at created updated
    modified started ended expires duration ms ns seconds nano nanos traceparent tracestate cursor object leaf
    arn urn oid serial build release number count size length offset index port bytes tokens usage latency width
    height x y z lat lng latitude longitude price amount total score
""")
"""Last words of names whose values are identifiers, digests, times, quantities: no personal numbers are there."""
PERSONAL: dict[str, str] = by_word(
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
ADDRESSES = words("ip ips ipv4 ipv6 ipaddr ipaddress")
BEFORE_ADDRESS = words("ip client remote peer source src")
USERS = words("""
    userid user enduser enduserid username accountid customerid actor subject sub
""")
BENIGN = words("""
    type name id kind provider method scheme description title label enabled required format status region
    version username user email account role scopes scope issuer audience expires_at expiresat expires_in
    created_at createdat ui_name display_name displayname help helptext placeholder hint tooltip env env_var
""")
"""Members of a group of credentials that are not the secret part."""
NOT_SECRET_VALUES = words("""
    bearer basic digest none null true false required optional include omit same-origin oauth oauth2 apikey
    api_key jwt token enabled disabled yes no on off unknown password header query cookie http openid
    openidconnect
""")
WORKING_DIRECTORY = words("PWD OLDPWD")
COUNTED = words("pass passed")
COUNTED_BESIDE = words("""
    fail fails failed failure failures skip skipped skips error errors warn warning warnings pending todo total tests
    flaky ignored
""")

# Names before a value

OTHER_THINGS = words("""
    id ids name names type types url uri endpoint host hostname path file filename dir length len size count
    hash digest fingerprint algorithm alg algo policy field fields prefix suffix format version expiry expires
    expiration expired ttl issued at arn ref reference label title description message error errors hint help
    placeholder rule rules regex pattern patterns index idx code limit usage budget rotation strength manager provider
    service handler class method function ring chain value values pair pairs board stroke press down up map word
    words phrase frame note space store storage vault set list array bits bytes mode status state level scope
    scopes group groups user username email public sha sha1 sha256 md5 checksum integrity nonce date time
    timestamp model encoder decoder tokens page row column col table sort cache partition foreign primary unique
    composite object s3 dedup deduplication idempotency request response event trace span record color colour
    style css icon image img animation react certificate certificates cert certs crt
""")
"""A name whose last words are among these is about a secret, or about something else, but holds none."""
OPEN_WORDS = frozenset(["public", "foreign", "primary", "sort", "cache", "partition"])
PUBLIC_WORDS = frozenset(["public", "publishable", "csrf", "xsrf", "authenticity"])
"""Words of names whose values are meant to be seen, or (anti-forgery tokens) open nothing by themselves."""
DENYING_WORDS = frozenset(["non", "fake", "dummy", "bogus", "mock", "invalid", "nonexistent"])
"""Words of names that say outright that the value opens nothing. A documented format is still masked under them."""

# Placeholders

STAND_INS = words("""
    string str text password passwd secret token bearer basic digest none null nil true false undefined required
    optional default value int integer number bool boolean object array any bytes byte char file apikey api_key
    oauth oauth2 header query http https disabled enabled hidden encrypted unknown empty missing invalid valid
    yes no on off self this password123 varchar uuid float double const static public private final void async
    await return function lambda readonly nullable unset new old user username login admin root pw pwd
    passphrase api-key my-password mypassword
""")
"""Words that stand where a value could, in schemas, types and settings."""
SAY_SO = words("""
    example examples placeholder redacted changeme change replace replaceme insert your yours my todo tbd fixme lorem
    ipsum undefined dummy fake sample here enter paste put
""")
"""One of these words makes a placeholder, where all other words are common in placeholders."""
COMMON_IN_PLACEHOLDERS = STAND_INS | words("""
    key keys secrets tokens api pass passphrase access auth client app db id with me a an the to of for in from goes
    and or real actual own name type service account signing webhook session refresh root test demo dev prod live
    some url base64 hex code host project org team company
""")

# Tokens of no known vendor

NAMES_NO_TOKEN = words("""
    pk pub public publishable cs cus ch pi si sub evt in req res resp msg toolu srvtoolu call chatcmpl cmpl gen run rs
    fc thread step asst file image img item vs batch msgbatch container job task id ids ref user org team sess session
    sha sha1 sha256 sha384 sha512 md5 blake2b blake3 hash digest etag commit rev build dpl prj deployment object obj
    node blob chunk asset bundle main index vendor page cursor next prev trace span event log doc docs document row
    record version tag key path url uuid guid urn did test tests example sample v1 v2 v3
    conv conversation proj project usr group agent tooluse mcp mcpl mcpr cntr eval evalrun ftjob skill video snapshot
    ses wf workflow txn inv invoice order prod product price cart lead deal contact company customer note ticket usage
""")
"""Prefixes of values that are not secret: identifiers, digests, names of files, keys that are meant to be seen."""

# Names and functions in programs

OF_OTHER_LETTERS = words(
    "hasło şifre sifre парол секрет κωδικό סיסמה 密码 密碼 密钥 密鑰 口令 令牌 パスワ 비밀번호 암호"
)
ASKING = words("""
    get fetch read load find lookup look has have is verify check validate parse decode delete remove revoke
    retrieve require resolve describe list create generate rotate contains compare match matches query test expect
    assert print log raise throw error translate trans t prompt ask
""")

# Personal data

FILE_ENDINGS = words("""
    png jpg jpeg gif svg webp ico bmp css scss less js mjs ts tsx jsx json html htm md py rb go rs java kt php
    xml yml yaml toml txt pdf zip gz tar woff ttf mp3 mp4 service socket timer target mount slice lock sh exe
    dll so whl jar map
""")
IBAN_LENGTHS = {
    country: length
    for length, countries in {
        15: "NO", 16: "BE BI", 18: "DK FI FO GL NL SD", 19: "MK SI", 20: "AT BA EE KZ LT LU XK", 21: "CH HR LI LV",
        22: "BG BH CR DE GB GE IE ME RS VA", 23: "AE GI IL IQ OM SO TL", 24: "AD CZ ES MD PK RO SA SE SK TN VG",
        25: "LY PT ST", 26: "IS TR", 27: "BI DJ FR GR IT MC MR SM", 28: "AL AZ BY CY DO GT HU LB NI PL SV",
        29: "BR EG PS QA UA", 30: "JO KW MU YE", 31: "MT SC", 32: "LC", 33: "RU",
    }.items()
    for country in countries.split()
}  # fmt: skip
"""Characters of an IBAN by country, from the SWIFT IBAN registry."""

# Marks of documented tokens

GLUED_MARKS = frozenset(
    mark.encode()
    for mark in words("""
        ghp_ gho_ ghu_ ghs_ ghr_ AKIA ASIA AIza xoxb- xoxp- xoxa- xoxs- xapp- gsk_ npm_ hf_ SG. pplx- xai- tvly- pcsk_
        r8_ ya29. sbp_ glsa_ glc_ gldt- glrt- hvs. hvb. hvr. pul- figd_ nfp_ phx_ lin_api_ ntn_ jina_ aal_
    """)
)
"""Short marks that no word ends in, so that a token is known even where it is glued to one: `/botghp_…`."""
UNIQUE_MARKS = GLUED_MARKS | {
    b"tskey-",
    b"glpat-",
    b"shpat_",
    b"sk-ant-",
    b"sk-proj-",
    b"whsec_",
    b"xkeysib-",
    b"nvapi-",
}
"""Marks that no text holds by chance. Others do: `sk_test_` in `disk_test_throughput`."""
WORD_MARKS = frozenset(
    mark.encode() for mark in words("test_ live_ sandbox_ key_ key- app- api- sdk- mob- dataset- sess- secret_ secret-")
)
"""Marks that are also words."""
OBJECT_NAMES = frozenset(
    name.encode() for name in words("cs pk pub ca ch pi si sub evt in src tok we seti price prod cus session checkout")
)
"""What stands before such a word in an identifier of an object. Stripe puts the mode there: `cs_test_…`."""
