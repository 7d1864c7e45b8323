"""Endpoints: what must go is gone, in whatever form it comes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_core.endpoint import clean_endpoint


@pytest.mark.parametrize(
    ("text", "path", "domain"),
    [
        ("api.stripe.com/v1/charges", "api.stripe.com/v1/charges", "api.stripe.com"),
        ("https://api.stripe.com/v1/charges?key=1#top", "https://api.stripe.com/v1/charges", "api.stripe.com"),
        ("HTTPS://Api.Stripe.COM/V1/Charges", "https://api.stripe.com/V1/Charges", "api.stripe.com"),
        ("https://user:pass@host.example:8443/a", "https://host.example:8443/a", "host.example"),
        ("user:pass@host.example/a", "host.example/a", "host.example"),
        ("https://user:p/ass@host.example/a", "https://host.example/a", "host.example"),
        ("https://user:p?ss@host.example/a", "https://host.example/a", "host.example"),
        ("user:p#ss@host.example/a", "host.example/a", "host.example"),
        ("https://user:pass", "https://user", "user"),
        ("https://user:p@ss@host.example/a", "https://host.example/a", "host.example"),
        ("https://user%3Apass%40host.example/a", "https://host.example/a", "host.example"),
        ("https:\\\\user:pass@host.example\\a", "https://host.example\\a", "host.example"),
        ("https:/user:pass@host.example/a", "host.example/a", "host.example"),
        ("https:/us@er:pass@host.example/a?b@c", "host.example/a", "host.example"),
        ("https:/host.example/a?b@c", "https:/host.example/a", "https"),
        ("//user@host.example/a", "host.example/a", "host.example"),
        ("https://[2001:db8::1]:8080/a?b", "https://[2001:db8::1]:8080/a", "[2001:db8::1]"),
        ("[::1]/a", "[::1]/a", "[::1]"),
        ("[::1]", "[::1]", "[::1]"),
        ("localhost:4566", "localhost:4566", "localhost"),
        ("10.0.0.1:80/x", "10.0.0.1:80/x", "10.0.0.1"),
        ("jdbc:postgresql://user:pass@host.example/db?password=x", "jdbc:postgresql://host.example/db", "host.example"),
        ("proxy.example/https://user:pass@host.example/a", "proxy.example/https://host.example/a", "proxy.example"),
        ("https://registry.example/@scope/package", "https://registry.example/@scope/package", "registry.example"),
        ("data:text/plain;base64,c2VjcmV0", "data:", None),
        ("file:///etc/passwd", "file:///etc/passwd", None),
        ("mailto:someone@host.example", "host.example", "host.example"),
        ("/v1/charges?x", "/v1/charges", None),
        ("?token=1", None, None),
        ("#x", None, None),
        ("https://host.example/a;jsessionid=1A2B/b;c=d?x", "https://host.example/a/b", "host.example"),
        ("https://host.example;a=b", "https://host.example", "host.example"),
        ("https://host.example/a\uff1ftoken=1", "https://host.example/a", "host.example"),
        ("https://host.example/a\uff03token", "https://host.example/a", "host.example"),
        ("https://user:pass\uff20host.example/a", "https://host.example/a", "host.example"),
        ("  https://host.example  ", "https://host.example", "host.example"),
        ("search_web", "search_web", "search_web"),
        ("mcp:files/read", "mcp:files/read", "mcp:files"),
        ("b\u00fccher.example/a b", "b\u00fccher.example/a b", "b\u00fccher.example"),
        # connection strings that are not addresses: of PostgreSQL, ADO.NET, ODBC, Go's MySQL driver
        ("host=db user=app password=hunter2", None, None),
        ("password=p@ss/word host=db", None, None),
        ("  user = app  password = hunter2", None, None),
        ("dbname=x", None, None),
        ("db.example password=hunter2", None, None),
        ("/var/run/postgresql password=hunter2", None, None),
        ("db.example/x password=hunter2", None, None),
        ("tcp://db password=hunter2", None, None),
        ("Server=tcp:db,1433;User Id=app;Password=p@ss/word", None, None),
        ("Data Source=db;Password=hunter2", None, None),
        ("DRIVER={PostgreSQL};SERVER=db;PWD=hunter2", None, None),
        ("(DESCRIPTION=(ADDRESS=(HOST=db)))", None, None),
        ("app:pw@tcp(db:3306)/x", None, None),
        ('{"host": "db", "password": "hunter2"}', None, None),
        ("db with a password", None, None),
        ("mongodb://a.example,b.example/db", "mongodb://a.example,b.example/db", "a.example,b.example"),
    ],
)
def test_cleans(text: str, path: str | None, domain: str | None) -> None:
    """Userinfo, query and fragment go; in domain mode so does all but the host."""
    assert clean_endpoint(text) == path
    assert clean_endpoint(text, domain_only=True) == domain


SECRET = "s3cr3tvalue"  # what is planted


@given(
    st.sampled_from(["https://", "http://", "", "//", "wss://", "HTTP:\\\\", "git+ssh://", "jdbc:mysql://"]),
    st.sampled_from(
        [f"u:{SECRET}@", f"{SECRET}@", f"{SECRET}:x@", f"u:{SECRET}@x@", f"u:a/{SECRET}@", f"u:?{SECRET}@", ""]
    ),
    st.sampled_from(["host.example", "host.example:99", "[::1]", "[::1]:1", "10.1.2.3"]),
    st.sampled_from(["", "/", "/a/b", "\\a", f"/a/https://x:{SECRET}@y/z"]),
    st.sampled_from([f"?k={SECRET}", f"#{SECRET}", f"?a#b={SECRET}", f"#a?{SECRET}", ""]),
)
def test_no_secret_survives(scheme: str, userinfo: str, host: str, path: str, rest: str) -> None:
    """Wherever credentials stand in a URL, they are gone."""
    for domain_only in (False, True):
        cleaned = clean_endpoint(scheme + userinfo + host + path + rest, domain_only=domain_only)
        assert cleaned is not None
        assert SECRET not in cleaned
        if not {"/", "?"} & set(userinfo):  # what nobody escaped may take more with it than it should
            assert host.removesuffix(":99").removesuffix("]:1") in cleaned


@given(st.text("ab:/@?#[]\\%4 01.", max_size=30))
def test_any_text(text: str) -> None:
    """Nothing raises; query and fragment never stay; cleaning again changes nothing more that a query could hide in."""
    cleaned = clean_endpoint(text)
    assert cleaned is None or not set("?#") & set(cleaned)
    domain = clean_endpoint(text, domain_only=True)
    assert domain is None or not set("?#@/\\") & set(domain)
