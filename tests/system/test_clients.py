"""Real clients put mail into the right Maildir."""
import os, shutil, smtplib, ssl, subprocess

import pytest


def test_smtplib_mail_arrives_with_its_trace_fields(running):
    sent = running.send(body="It works.", sender="someone@example.net")
    mail, = running.wait_mails()
    assert mail.get_payload() == "It works.\n"
    assert mail["Return-Path"] == "<someone@example.net>"
    assert mail["Delivered-To"] == "alice@example.test"
    received = mail["Received"]
    assert "from client.example.net" in received and "by mx.example.test" in received and sent in received
    assert "with ESMTP" in received and "for <alice@example.test>" in received


def test_starttls_is_told_in_received(running):
    context = ssl.create_default_context(cafile=f"{running.folder}/tls/cert.pem")
    context.check_hostname = False
    with running.smtp() as client:
        client.ehlo()
        assert client.starttls(context=context)[0] == 220
        client.sendmail("someone@example.net", ["alice@example.test"], "Subject: t\r\n\r\nx\r\n")
    mail, = running.wait_mails()
    assert "with ESMTPS" in mail["Received"] and "TLS1.3" in mail["Received"].replace("v", "")


@pytest.mark.skipif(not shutil.which("swaks"), reason="no swaks")
@pytest.mark.parametrize("words", [[], ["--tls"], ["--pipeline"], ["--tls", "--pipeline"]])
def test_swaks(running, words):
    subprocess.run(["swaks", "--server", "127.0.0.1", "--port", str(running.port), "--from", "a@example.net", "--to", "alice@example.test,bob@example.test",
                    "--ehlo", "client.example.net", "--body", "from swaks", *words], check=True, capture_output=True, timeout=60)
    for user in ("alice", "bob"):
        assert "from swaks" in running.wait_mails(user=user)[0].get_payload()


@pytest.mark.skipif(not shutil.which("curl"), reason="no curl")
def test_curl_with_a_large_mail(running):
    body = "".join(f"line {n} of a large mail\r\n" for n in range(200000))
    with open(f"{running.folder}/large", "w", newline="") as f:
        f.write("Subject: large\r\n\r\n" + body)
    subprocess.run(["curl", "-sS", f"smtp://127.0.0.1:{running.port}/client.example.net", "--mail-from", "a@example.net", "--mail-rcpt",
                    "alice@example.test", "-T", f"{running.folder}/large"], check=True, timeout=120)
    mail, = running.wait_mails()
    assert mail.get_payload() == body.replace("\r\n", "\n")


@pytest.mark.skipif(not shutil.which("msmtp"), reason="no msmtp")
def test_msmtp(running):
    subprocess.run(["msmtp", "--host=127.0.0.1", f"--port={running.port}", "--tls=on", "--tls-certcheck=off", "--domain=client.example.net",
                    "--from=a@example.net", "alice@example.test"], input=b"Subject: m\n\nfrom msmtp\n", check=True, timeout=60)
    assert "from msmtp" in running.wait_mails()[0].get_payload()


@pytest.mark.skipif(not shutil.which("smtp-source"), reason="no smtp-source")
@pytest.mark.parametrize("words", [["-d"], []])
def test_smtp_source(running, words):
    subprocess.run(["smtp-source", *words, "-s", "20", "-m", "200", "-l", "10240", "-f", "a@example.net", "-t", "alice@example.test", "-M", "client.example.net",
                    f"127.0.0.1:{running.port}"], check=True, timeout=120)
    running.wait_mails(200)


def test_fifty_megabytes_less_a_little_arrive_whole(running):
    body = ("x" * 76 + "\r\n") * (45 * 1024 * 1024 // 78)
    running.send(body=body.rstrip("\r\n"))
    assert running.wait_mails()[0].get_payload() == body.replace("\r\n", "\n")


def test_chunking_by_hand(running):
    with running.smtp() as client:
        client.ehlo()
        assert client.has_extn("chunking")
        client.mail("a@example.net")
        client.rcpt("alice@example.test")
        client.send(b"BDAT 14\r\nSubject: c\r\n\r\n")
        assert client.getreply()[0] == 250
        client.send(b"BDAT 6 LAST\r\n.\r\nx\r\n")
        assert client.getreply()[0] == 250
    assert running.wait_mails()[0].get_payload() == ".\nx\n"


def test_smtputf8(running):
    running.add_user("jürgen@example.test")
    with running.smtp() as client:
        client.ehlo()
        client.sendmail("a@example.net", ["jürgen@example.test"], "Subject: grüße\r\n\r\nx\r\n".encode(), mail_options=["SMTPUTF8", "BODY=8BITMIME"])
    running.wait_mails(user="jürgen")


def test_unknown_user_is_refused_at_rcpt_and_the_relay_is_closed(running):
    with running.smtp() as client:
        client.ehlo()
        client.mail("a@example.net")
        code, text = client.rcpt("nobody@example.test")
        assert code == 550 and text.startswith(b"5.1.1")
        assert client.rcpt("someone@foreign.example.net")[0] == 550
        for always in ("postmaster@example.test", "abuse@example.test", "Postmaster"):
            assert client.docmd("RCPT", f"TO:<{always}>")[0] == 250
