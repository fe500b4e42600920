"""The fields that say what was found, read by those who read them: the authres package, and Python's email package."""
import email
import email.policy
import os
import subprocess

import pytest

from conftest import BUILD

authres = pytest.importorskip("authres")
SHOW = os.path.join(BUILD, "tests/unit/show_results")
EVIL = [b"a\r\nX-Injected: b", b"a\nX-Injected: b", b"a\r\n\r\nX-Injected: b", b"a\0b", b"a\xc3\xa4b", b"\xff\xfe", b"a; dkim=pass header.d=bank.example",
        b"a) dkim=pass (", b"a\\", b"\"; spf=pass; x=\"", b"(((", b")))", b"  two   words  ", b"x" * 5000, b"a=b", b"<a@b>", b"@", b"a@b@c", b"'", b"%s%n", b"=?utf-8?q?a?="]
PARTS = ["iprev_name", "iprev_why", "mail_from", "helo", "spf_why", "d", "s", "a", "i", "b", "dkim_why", "oldest_pass", "arc_why", "iprev_address", "remote_ip"]


def show(rows, *what):
    def line(name, value):
        return f"{name} {(value if isinstance(value, bytes) else value.encode()).hex()}\n"
    done = subprocess.run([SHOW, *what], input="".join(line(*row) for row in rows).encode(), capture_output=True, timeout=60)
    assert done.returncode == 0, done
    return done.stdout


def rows(**more):
    plain = {"authserv_id": "mx.example.com",
             "iprev": "pass", "iprev_name": "out.example.net", "iprev_address": "2001:db8::1",
             "spf": "fail", "mail_from": "bounce@example.net", "helo": "out.example.net", "client": "192.0.2.1", "mechanism": "-all", "spf_why": "-all matched",
             "dkim": "pass", "d": "example.org", "i": "@example.org", "s": "s1", "a": "rsa-sha256", "b": "AbCdEf+/==", "dkim_why": "2048-bit key",
             "dmarc": "pass", "from": "m.example.org", "record_at": "example.org", "policy": "reject", "dmarc_why": "DKIM vouches for it",
             "arc": "none", "remote_ip": "2001:db8::1"}
    plain.update(more)
    return list(plain.items())


def one_field(text, name):
    """The field's value; nothing else is there."""
    message = email.message_from_bytes(text + b"\r\nbody", policy=email.policy.compat32)
    assert message.keys() == [name], text
    assert all(len(line) <= 998 for line in text.split(b"\r\n")) and text.isascii()
    return message[name]


def parsed(text):
    return authres.AuthenticationResultsHeader.parse("Authentication-Results: " + one_field(text, "Authentication-Results"))


def properties(result):
    return {f"{p.type}.{p.name}": p.value for p in result.properties}


def test_every_method_is_read():
    header = parsed(show(rows()))
    assert header.authserv_id == "mx.example.com"
    got = {r.method: (r.result, properties(r)) for r in header.results}
    assert got == {
        "iprev": ("pass", {"policy.iprev": "2001:db8::1"}),
        "spf": ("fail", {"smtp.mailfrom": "bounce@example.net"}),
        "dkim": ("pass", {"header.d": "example.org", "header.i": "@example.org", "header.s": "s1", "header.a": "rsa-sha256", "header.b": "AbCdEf+/=="}),
        "dmarc": ("pass", {"header.from": "m.example.org", "policy.dmarc": "reject"}),
        "arc": ("none", {"smtp.remote-ip": "2001:db8::1"}),
    }


def test_no_method_is_none():
    header = parsed(show([("authserv_id", "mx.example.com")]))
    assert header.authserv_id == "mx.example.com"
    assert [str(r) for r in header.results] in ([], ["none"])


def test_many_signatures_are_cut_and_the_good_one_stays():
    many = [("dkim", b"fail"), ("d", b"x.example"), ("s", b"s" * 200), ("i", b"i" * 200 + b"@x.example"), ("dkim_why", b"w " * 100)] * 100
    text = show(rows()[:10] + many + [("dkim", b"pass"), ("d", b"good.example")])
    assert len(text) <= 8192
    results = [r for r in parsed(text).results if r.method == "dkim"]
    assert 5 < len(results) <= 12
    assert (results[0].result, properties(results[0])) == ("pass", {"header.d": "good.example"})


@pytest.mark.parametrize("evil", EVIL, ids=range(len(EVIL)))
def test_no_word_of_a_stranger_breaks_the_field(evil):
    for part in PARTS:
        header = parsed(show(rows(**{part: evil})))
        assert header.authserv_id == "mx.example.com"
        assert [r.method for r in header.results] == ["iprev", "spf", "dkim", "dmarc", "arc"], part
        assert [r.result for r in header.results] == ["pass", "fail", "pass", "pass", "none"], part
        assert properties(header.results[3]) == {"header.from": "m.example.org", "policy.dmarc": "reject"}
    everything = parsed(show(rows(**{part: evil for part in PARTS})))
    assert [r.method for r in everything.results] == ["iprev", "spf", "dkim", "dmarc", "arc"]


@pytest.mark.parametrize("evil", EVIL, ids=range(len(EVIL)))
def test_received_spf_stays_one_field(evil):
    for part in ["mail_from", "helo", "client", "mechanism", "spf_why"]:
        value = one_field(show(rows(**{part: evil}), "received_spf"), "Received-SPF")
        assert value.split()[0] == "fail"
        assert "receiver=mx.example.com;" in value
