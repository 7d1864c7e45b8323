"""Valid and invalid endpoints, for both clients."""

GOOD: dict[str, str] = {
    "https://log.example.com": "https://log.example.com",
    "https://log.example.com/": "https://log.example.com",
    " https://log.example.com/v1/events/ \n": "https://log.example.com",
    "HTTPS://Log.Example.COM:8443/a/b-c": "https://log.example.com:8443/a/b-c",
    "https://abcdefghijklmnopqrstuvwxyz012345.lambda-url.eu-central-1.on.aws":
        "https://abcdefghijklmnopqrstuvwxyz012345.lambda-url.eu-central-1.on.aws",
    "https://xn--mller-kva.example": "https://xn--mller-kva.example",
    "https://192.0.2.7:4443": "https://192.0.2.7:4443",
    "https://[2001:db8::1]:4443/x": "https://[2001:db8::1]:4443/x",
    "http://127.0.0.1:4566/_aws/lambda-url/abc": "http://127.0.0.1:4566/_aws/lambda-url/abc",
    "http://127.9.9.9": "http://127.9.9.9",
    "http://localhost:8080": "http://localhost:8080",
    "http://[::1]:8080": "http://[::1]:8080",
}  # fmt: skip
"""By given text: the base address that follows from it."""

BAD: list[str] = [
    "", "log.example.com", "https://", "https:///x", "https:/log.example.com", "https:log.example.com", "https://:443",
    "ftp://log.example.com", "file:///etc/passwd", "javascript:alert(1)", "//log.example.com",
    "https//log.example.com",
    # two readers would find two different hosts
    "http://127.0.0.1#@other.example", "http://127.0.0.1?@other.example", "http://127.0.0.1\\@other.example",
    "http://127.0.0.1@other.example", "http://127.0.0.1:80@other.example", "http://other.example@127.0.0.1",
    "http://127.0.0.1%23@other.example", "http://127.0.0.1%2f@other.example", "http://127.0.0.1;@other.example",
    "https://u:p@log.example.com", "https://@log.example.com", "https://log.example.com\\.other.example",
    "https:\\\\log.example.com", "https://log.example.com:443:80", "https://log.example.com,other.example",
    # parts that a base address does not have
    "https://log.example.com/?a=b", "https://log.example.com?", "https://log.example.com#",
    "https://log.example.com/#a",
    "https://log.example.com/a/../b", "https://log.example.com/./", "https://log.example.com/%2e%2e/",
    "https://log.example.com/a b", "https://log.example.com/a%0d%0aX: y", "https://log.example.com/ä",
    # white space and control characters within
    "https://log.example.com\n.other.example", "https://log.exa\tmple.com", "ht\ntps://log.example.com",
    "https://log.example.com\x00", "\x00https://log.example.com", "https://log.example.com\u00a0",
    "https:// log.example", "\u200bhttps://log.example.com", "https://log.example.com\u202e",
    # look-alikes
    "https://lög.example.com", "https://log\u3002example.com", "https://log\uff0eexample.com", "https://\uff4cog.example",
    "http://\u24db\u24de\u24d2alhost", "https://log.ex\u0430mple.com", "http://127\u30020.0.1",
    "http://\u0661\u0662\u0667.0.0.1",
    # http to another host than loopback, in any spelling
    "http://log.example.com", "http://localhost.other.example", "http://127.0.0.1.other.example", "http://localhost.",
    "http://0.0.0.0", "http://2130706433", "http://0x7f000001", "http://0x7f.1", "http://0177.0.0.1", "http://127.1",
    "http://127.0.0.01", "http://127.0.0.256", "http://[::ffff:127.0.0.1]", "http://[::]", "http://[::2]",
    "http://169.254.169.254",
    "http://127.0.0.1.", "http://[::1%25lo]",
    # invalid hosts and ports
    "https://-log.example.com", "https://log..example.com", "https://.example.com", "https://log.example.com.",
    "https://1.2.3", "https://example.0x7f", "https://[::1", "https://::1", "https://[1::2::3]",
    "https://log.example.com:0",
    "https://log.example.com:65536", "https://log.example.com:", "https://log.example.com:4 43",
    "https://log.example.com:-1",
    "https://" + "a" * 64 + ".example",
]  # fmt: skip
