"""Servers that talk to each other: Postrider to Postfix, Postfix to Postrider, Postrider to Postrider."""
import email.policy, os, smtplib

import pytest

from conftest import Server, until
from names import Nsd
from postfix import DOVECOT, POSTFIX, Logins, Postfix

needs_postfix = pytest.mark.skipif(not POSTFIX or os.geteuid() != 0, reason="Postfix runs only as root, and only where it is installed")
TRUSTED = 'trusted = "127.0.0.0/8"'


@pytest.fixture
def nsd(folder):
    n = Nsd(folder, "nsd")
    yield n
    n.stop()


@pytest.fixture
def postfix(folder):
    p = Postfix(folder, "127.0.26.1")
    yield p
    p.stop()


@pytest.fixture
def other(folder):
    """A second Postrider, mx.other.test; not started."""
    os.makedirs(f"{folder}/other")
    os.chmod(f"{folder}/other", 0o755)
    s = Server(f"{folder}/other")
    yield s
    s.stop()


def to_the_world(server, nsd, port, zone, more=""):
    nsd.start({".": "@ NS ns.test.\nns.test. A 127.0.0.1\n" + zone})
    server.listen = TRUSTED
    server.dns = f'dns {{ servers = "{nsd.where()}" }}'
    server.extra = f"outbound {{ port = {port} allow_private = yes }}\nretry {{ after = {{300ms}} }}\n{more}"
    server.start()


FIX = "fix.test. MX 10 mx.fix.test.\nmx.fix.test. A 127.0.26.1\n"


@needs_postfix
def test_postrider_to_postfix(server, postfix, nsd):
    postfix.start()
    to_the_world(server, nsd, postfix.port, FIX)
    body = "..two\r\n.\r\nGrüße\r\n" + "x" * 990 + "\r\nend"
    with server.smtp() as client:
        client.sendmail("alice@example.test", ["u@fix.test", "v@fix.test", "ghost@fix.test"],
                        f"From: alice@example.test\r\nSubject: one\r\n\r\n{body}\r\n".encode(), ["BODY=8BITMIME"])
    for user in "uv":
        mail, = postfix.wait_mails(user)
        assert mail.partition(b"\n\n")[2] == body.replace("\r\n", "\n").encode() + b"\n"
        assert b"Return-Path: <alice@example.test>" in mail
    bounce, = server.wait_mails()
    assert "ghost@fix.test" in str(bounce) and "User unknown" in str(bounce)
    assert "TLSv1.3" in postfix.log()
    line = until(lambda: [line for line in server.log().splitlines() if "to=<u@fix.test>" in line])[0]
    assert f"relay=mx.fix.test[127.0.26.1]:{postfix.port}" in line and "status=sent (250 2.0.0 Ok: " in line
    server.wait_empty()


@needs_postfix
@pytest.mark.parametrize("tls", ["opportunistic", "verified"])
def test_the_next_connection_resumes_the_tls_session(server, postfix, nsd, tls):
    """Postfix says so itself: a handshake without the costs of keys and certificates."""
    postfix.start(more=f"smtpd_tls_loglevel = 2\nsmtpd_tls_session_cache_database = btree:{postfix.folder}/data/sessions\n")
    server.environment["SSL_CERT_FILE"] = postfix.certificate()
    to_the_world(server, nsd, postfix.port, FIX, f'route "fix.test" {{ tls = {tls} }}\nlog {{ level = debug }}')
    server.extra = server.extra.replace("allow_private", "per_connection = 1 allow_private")
    server.reload()
    for n in range(3):
        server.send(to="u@fix.test")
        postfix.wait_mails("u", n + 1)
        server.wait_empty()
    assert postfix.log().count("Reusing old session") == 2
    until(lambda: server.log().count("resumed=1") == 2)
    assert ("kind=verified, resumed=1" in server.log()) == (tls == "verified")


@needs_postfix
def test_postfix_to_postrider(server, postfix):
    server.start()
    postfix.start(relayhost=f"[127.0.0.1]:{server.port}")
    body = "..two\r\n.\r\n" + "y" * 5000 + "\r\nend"
    with smtplib.SMTP(postfix.address, postfix.port) as client:
        client.sendmail("u@fix.test", ["alice@example.test", "bob@example.test"], f"Subject: two\r\n\r\n{body}\r\n")
    for user in ("alice", "bob"):
        mail, = server.wait_mails(user=user)
        assert "from mx.fix.test" in mail["Received"] and "ESMTPS" in mail["Received"]
        assert mail.get_payload().replace("\r\n", "\n").startswith("..two\n.\nyyy")
    until(lambda: postfix.log().count("status=sent") >= 2)


def test_postrider_to_postrider(server, other, nsd):
    to_the_world(server, nsd, other.port, "other.test. MX 10 mx.other.test.\nmx.other.test. A 127.0.0.1\n"
                 "example.test. MX 10 mx.example.test.\nmx.example.test. A 127.0.0.1\n")
    other.dns = server.dns
    other.extra = f"domain other.test {{ deliver = maildir }}\noutbound {{ port = {server.port} allow_private = yes }}"
    other.text = lambda text=other.text: text().replace("hostname = mx.example.test", "hostname = mx.other.test").replace("domain example.test", "domain local.test").replace("alice@example.test", "alice@local.test")
    other.start(users=("carol@other.test", "jörg@other.test"))
    text = "From: Jörg <alice@example.test>\r\nSubject: Grüße\r\n\r\n..dots\r\n.\r\nSchöne Grüße\r\n"
    with server.smtp() as client:
        client.ehlo()
        assert client.mail("alice@example.test", ["BODY=8BITMIME", "SMTPUTF8", "RET=HDRS", "ENVID=one"])[0] == 250
        client.sock.sendall("RCPT TO:<jörg@other.test> NOTIFY=FAILURE\r\n".encode())
        assert client.getreply()[0] == 250
        assert client.rcpt("carol@other.test", ["NOTIFY=SUCCESS"])[0] == 250
        assert client.docmd("DATA")[0] == 354
        client.sock.sendall(text.replace("\r\n.", "\r\n..").encode() + b".\r\n")
        assert client.getreply()[0] == 250
    mail, = other.wait_mails(user="carol", domain="other.test")
    other.wait_mails(user="jörg", domain="other.test")
    assert "Schöne Grüße" in mail.as_bytes(policy=email.policy.SMTPUTF8).decode()
    # asked to tell of its delivery, the other one does; this one does not tell again
    told, = server.wait_mails()
    assert "carol@other.test" in str(told) and "mx.other.test" in str(told)
    server.wait_empty()
    other.wait_empty()


@needs_postfix
@pytest.mark.skipif(not DOVECOT, reason="there is no Dovecot here")
def test_a_smarthost_by_postfix_that_asks_dovecot_for_logins(server, postfix, nsd, folder):
    logins = Logins(folder)
    try:
        postfix.start(more=f"""smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = {logins.socket}
smtpd_tls_auth_only = yes
smtpd_relay_restrictions = permit_sasl_authenticated, reject
smtpd_recipient_restrictions = permit_sasl_authenticated, reject
""")
        for name, password in (("good", "secret word"), ("bad", "wrong")):
            with open(f"{server.folder}/{name}", "w") as f:
                f.write(f"anna:{password}\n")
        server.environment["SSL_CERT_FILE"] = postfix.certificate()
        more = 'route "{}" {{ via = "mx.fix.test:' + str(postfix.port) + '" tls = verified login_file = "' + server.folder + '/{}" }}\n'
        to_the_world(server, nsd, postfix.port, FIX, more.format("*", "good") + more.format("bad.test", "bad"))
        server.send(to="u@fix.test")
        postfix.wait_mails("u")
        assert "sasl_username=anna" in postfix.log()
        server.send(to="u@bad.test")
        line = until(lambda: [line for line in server.log().splitlines() if "to=<u@bad.test>" in line])[0]
        assert "status=deferred" in line and "535" in line and "dsn=4.7.8" in line
    finally:
        logins.stop()
