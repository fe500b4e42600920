"""Strangers' mail: SPF, DKIM and DMARC through the real daemon, with NSD as the DNS and dkimpy as who signs."""
import base64, contextlib, glob, os, re, shutil, signal, smtplib, subprocess, tempfile, threading, time

import dkim
import dns.message, dns.rcode
import pytest

from conftest import SANITIZED, USER, until
from names import Liar, Nsd, both_port
from postfix import POSTFIX, Postfix
from sink import Sink

GOOD, BAD = "127.0.0.2", "127.0.0.3"    # SPF of all domains here lists the first one alone


@pytest.fixture(scope="module")
def key(tmp_path_factory):
    """A key of RSA, and its record."""
    folder = tmp_path_factory.mktemp("key")
    subprocess.run(["openssl", "genrsa", "-out", folder / "key.pem", "2048"], check=True, capture_output=True)
    public = subprocess.run(["openssl", "rsa", "-in", folder / "key.pem", "-pubout", "-outform", "DER"], check=True, capture_output=True).stdout
    return (folder / "key.pem").read_bytes(), f"v=DKIM1; p={base64.b64encode(public).decode()}"


def quoted(text):
    return " ".join(f'"{text[i:i + 200]}"' for i in range(0, len(text), 200))


def zone(record):
    rows = ['mail.good.test. A 127.0.0.2', '2.0.0.127.in-addr.arpa. PTR mail.good.test.', '3.0.0.127.in-addr.arpa. PTR mail.good.test.',
            'plain.test. A 127.0.0.2']
    policies = {"good": "reject", "quarantine": "quarantine", "none": "none", "testing": "reject; t=y"}
    for name, policy in policies.items():
        rows += [f'{name}.test. TXT "v=spf1 ip4:127.0.0.2 -all"', f'_dmarc.{name}.test. TXT "v=DMARC1; p={policy}"',
                 f'sel._domainkey.{name}.test. TXT {quoted(record)}']
    rows += ['words.test. TXT "v=spf1 exp=why.words.test -all"', 'why.words.test. TXT "Ask %{i} who it is"']
    rows += ['wild.test. TXT "v=spf1 include:deep.test ~all"', 'deep.test. TXT "v=spf1 a:mail.good.test mx -all"', 'deep.test. MX 10 mail.good.test.']
    return "\n".join(rows)


@pytest.fixture
def world(server, key, tmp_path):
    """The server with a DNS of its own, not started yet; enforcing what it enforces by default."""
    nsd = Nsd(str(tmp_path), "nsd")
    nsd.start({".": zone(key[1])})
    server.checks = ""
    server.dns = f'dns {{ servers = "{nsd.where()}" }}'
    server.nsd = nsd
    yield server
    nsd.stop()


def message(author="a@good.test", more="", body="Hello.\r\n"):
    return f"From: A <{author}>\r\nTo: alice@example.test\r\nSubject: test\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\n{more}\r\n{body}".encode()


def signed(data, key, domain="good.test", **more):
    return dkim.sign(data, b"sel", domain.encode(), key[0], include_headers=[b"from", b"to", b"subject", b"date"], **more) + data


def offer(server, data, client=GOOD, sender="a@good.test", helo="mail.good.test", to="alice@example.test"):
    """Code and words of the answer to the message."""
    with smtplib.SMTP("127.0.0.1", server.port, helo, timeout=60, source_address=(client, 0)) as s:
        s.ehlo()
        assert s.mail(sender)[0] == 250
        assert s.rcpt(to)[0] == 250
        code, words = s.data(data)
        assert s.noop()[0] == 250       # whatever it was, the session goes on
    return code, words.decode()


def results(mail):
    """The field of ours, unfolded; it is the first one of the message, but for what delivery puts in front."""
    names = [name for name in mail.keys() if name not in ("Return-Path", "Delivered-To", "X-Postrider-Quarantine")]
    assert names[0] == "Authentication-Results"
    return re.sub(r"\s+", " ", mail["Authentication-Results"])


def test_what_was_found_stands_on_top_of_the_message(world):
    world.start()
    forged = "Authentication-Results: mx.example.test; dmarc=pass header.from=bank.test\r\n"
    assert offer(world, message(more=forged))[0] == 250
    mail, = world.wait_mails()
    assert len(mail.get_all("Authentication-Results")) == 1
    found = results(mail)
    assert found.startswith("mx.example.test;")
    assert "spf=pass" in found and "smtp.mailfrom=a@good.test" in found
    assert "iprev=pass" in found and "policy.iprev=127.0.0.2" in found
    assert "dkim=none" in found
    assert "dmarc=pass" in found and "header.from=good.test" in found


def test_a_forged_author_is_refused_as_his_domain_asks(world):
    world.start()
    code, words = offer(world, message(), client=BAD)
    assert code == 550 and words.startswith("5.7.1 ")
    assert "good.test" in words and "reject" in words
    code, words = offer(world, message(), client=BAD, sender="x@plain.test")
    assert code == 550 and words.startswith("5.7.1 ")
    assert offer(world, message("a@deep.good.test"), client=BAD)[0] == 550     # the policy of the domain above
    assert world.mails() == []
    refused = until(lambda: [line for line in world.log().splitlines() if "message.refused" in line][2:] and world.log())
    assert refused.count("dsn=5.7.1") == 3


def test_the_last_refusal_of_a_session_has_its_reason_too(world):
    """A 421 in its place would have the forged message sent again."""
    world.listen = "max_errors = 2"
    world.start()
    with smtplib.SMTP("127.0.0.1", world.port, "mail.good.test", timeout=60, source_address=(BAD, 0)) as s:
        s.ehlo()
        for _ in range(2):
            assert s.mail("a@good.test")[0] == 250 and s.rcpt("alice@example.test")[0] == 250
            code, words = s.data(message())
            assert code == 550 and words.startswith(b"5.7.1 ")
        assert s.docmd("NOOP")[0] == 421


def test_a_signature_vouches_for_the_author_whoever_sends(world, key):
    world.start()
    assert offer(world, signed(message(), key), client=BAD, sender="x@plain.test")[0] == 250
    found = results(world.wait_mails()[0])
    assert "dkim=pass" in found and "header.d=good.test" in found and "header.s=sel" in found and "dmarc=pass" in found
    code, words = offer(world, signed(message(), key) + b"One line more.\r\n", client=BAD, sender="x@plain.test")
    assert code == 550 and "body" in words
    # one that is good, of another domain
    assert offer(world, signed(message(), key, "none.test"), client=BAD, sender="x@plain.test")[0] == 550


def test_quarantine_goes_to_the_junk_and_says_why(world):
    world.start()
    assert offer(world, message("a@quarantine.test"), client=BAD)[0] == 250
    mail, = world.wait_mails(folder=".Junk")
    assert "quarantine.test" in mail["X-Postrider-Quarantine"]
    assert "dmarc=fail" in results(mail)
    assert world.mails() == []


def test_a_server_that_mail_is_passed_on_to_learns_of_a_quarantine_too(world):
    sink = Sink("127.0.36.2")
    world.extra = f'deliver imap {{ smtp = "{sink.where()}" }}\ndomain imap.test {{ deliver = imap }}'
    world.start(users=("alice@example.test", "anna@imap.test"))
    assert offer(world, message("a@quarantine.test"), client=BAD, to="anna@imap.test")[0] == 250
    data = until(lambda: sink.mails)[0]["data"]
    assert b"\r\nX-Postrider-Quarantine: DMARC" in data
    sink.stop()


@pytest.mark.parametrize("author", ["a@none.test", "a@testing.test", "a@nowhere.invalid", "a@plain.test"])
def test_who_asks_for_nothing_is_only_marked(world, author):
    world.start()
    assert offer(world, message(author), client=BAD)[0] == 250
    found = results(world.wait_mails()[0])
    assert ("dmarc=fail" if author in ("a@none.test", "a@testing.test") else "dmarc=none") in found


def test_observe_refuses_nothing(world):
    world.listen = "dmarc = observe received_spf = yes"
    world.start()
    assert offer(world, message(), client=BAD)[0] == 250
    mail, = world.wait_mails()
    assert "dmarc=fail" in results(mail)
    assert mail["Received-SPF"].startswith("fail ") and "client-ip=127.0.0.3" in re.sub(r"\s+", " ", mail["Received-SPF"])


def test_the_name_in_helo_is_told_where_it_has_a_record(world):
    world.start()
    assert offer(world, message("a@none.test"), sender="a@none.test", helo="good.test")[0] == 250
    assert offer(world, message("a@none.test"), sender="", helo="none.test")[0] == 250
    first, second = (results(mail) for mail in sorted(world.wait_mails(2), key=lambda mail: mail["Return-Path"], reverse=True))
    assert "smtp.mailfrom=a@none.test" in first and re.search(r"spf=pass \([^)]*\) smtp.helo=good.test", first)
    assert "smtp.mailfrom" not in second and "smtp.helo=none.test" in second and "dmarc=pass" in second


def test_off_is_off(world):
    world.listen = "spf = off dkim = off dmarc = off"
    world.start()
    assert offer(world, message(), client=BAD)[0] == 250
    assert world.wait_mails()[0]["Authentication-Results"] is None


def test_spf_enforced(world):
    world.listen = "spf = enforce dmarc = off"
    world.start()
    code, words = offer(world, message("a@plain.test"), client=BAD)
    assert code == 550 and words.startswith("5.7.23 ") and "127.0.0.3" in words
    assert offer(world, message("a@plain.test"), client=BAD, sender="")[0] == 250    # of <> HELO counts, and has no record
    assert offer(world, message("a@plain.test"), client=BAD, sender="", helo="good.test")[0] == 550
    assert offer(world, message("a@plain.test"))[0] == 250


def test_dkim_enforced(world, key):
    world.listen = "dkim = enforce dmarc = off"
    world.start()
    data = signed(message("a@none.test"), key, "none.test")
    code, words = offer(world, data.replace(b"Hello", b"Hullo"))
    assert code == 550 and words.startswith("5.7.20 ")
    assert offer(world, data)[0] == 250
    assert offer(world, message("a@none.test"))[0] == 250   # none is no broken one


def test_who_is_known_is_excepted(world, key):
    world.extra = 'sender "127.0.0.3" { dmarc = observe }  sender list.none.test { dmarc = observe }'
    world.start()
    assert offer(world, message(), client=BAD)[0] == 250
    assert offer(world, message(), client="127.0.0.4")[0] == 550


def test_a_list_that_is_known_may_pass_on_what_others_wrote(world, key):
    """It changed the message, so that nothing vouches for the author any more, and signed it."""
    world.extra = "sender none.test { forwards = yes  dmarc = observe }"
    world.start()
    passed_on = message(more="List-Id: <l.none.test>\r\n", body="Hello.\r\n-- \r\nFooter\r\n")
    assert offer(world, signed(passed_on, key, "none.test"), client=BAD, sender="l@plain.test")[0] == 250     # by DKIM
    assert offer(world, passed_on, client=GOOD, sender="l-bounces@none.test", helo="x.test")[0] == 250          # by SPF
    assert offer(world, passed_on, client=BAD, sender="l-bounces@none.test")[0] == 550
    first, second = world.wait_mails(2)
    assert "dmarc=fail" in results(first) or "dmarc=fail" in results(second)
    checked = [line for line in world.log().splitlines() if "message.checked" in line]
    assert any("action=accept" in line and "`sender none.test` makes an exception" in line for line in checked)
    assert offer(world, message("a@none.test"), sender="l@none.test")[0] == 250
    assert "exception" not in until(lambda: [line for line in world.log().splitlines() if "message.checked" in line][3:])[0]


def test_who_logs_in_or_is_trusted_is_not_checked(world):
    world.listen = 'trusted = "127.0.0.3"'
    world.start()
    assert offer(world, message(), client=BAD)[0] == 250
    assert world.wait_mails()[0]["Authentication-Results"] is None
    assert offer(world, message(), client="127.0.0.4")[0] == 550


@pytest.mark.parametrize("more", ["From: b@none.test\r\n", "From : b@none.test\r\n", "FROM: b@none.test\r\n", "from:b@none.test\r\n"])
def test_a_second_author_field_hides_nothing(world, more):
    world.start()
    assert offer(world, message(more=more))[0] == 550
    assert offer(world, (more + message().decode()).encode())[0] == 550


def test_a_message_without_an_author_is_refused(world):
    world.start()
    code, words = offer(world, b"Subject: x\r\n\r\nHello.\r\n")
    assert code == 550 and "From" in words


def test_a_large_message_is_hashed_as_it_passes(world, key):
    world.start()
    data = signed(message(body="x" * 76 + "\r\n" + "A line like all others, of seventy octets or so, and its end.\r\n" * 160000), key)
    assert offer(world, data, client=BAD, sender="x@plain.test")[0] == 250
    assert "dkim=pass" in results(world.wait_mails()[0])
    assert offer(world, data[:-3] + b"!\r\n", client=BAD, sender="x@plain.test")[0] == 550


def test_what_many_messages_take_of_memory_is_bounded(world, key):
    """All are begun while there is room; then they grow, some by their header, some by a word without an end."""
    world.extra = "verify { max_memory = 1MB }"
    world.start()
    small, large = [], []
    signature = dkim.sign(message(), b"sel", b"good.test", key[0], canonicalize=(b"relaxed", b"relaxed"))
    for i in range(40):
        s = smtplib.SMTP("127.0.0.1", world.port, "mail.good.test", timeout=60, source_address=(GOOD, 0))
        s.ehlo(), s.mail("a@good.test"), s.rcpt("alice@example.test")
        assert s.docmd("DATA")[0] == 354
        s.send(signature + b"From: a@good.test\r\n")
        (large if i % 2 else small).append(s)
    until(lambda: "checking=40" in world.run("status").stdout)
    for i, s in enumerate(large):
        s.send(b"X: " + b"y" * 70 + b"\r\n" + (b" " + b"y" * 70 + b"\r\n") * 2000 + b"\r\n" if i % 2 else b"\r\n" + b"y" * 200000)
    for s in large:
        s.send(b"\r\n.\r\n")
    answers = [s.getreply() for s in large]
    assert {code for code, _ in answers} == {250, 451} and all(b"4.3.2" in words for code, words in answers if code == 451)
    for s in small:
        s.send(b"\r\nHello.\r\n.\r\n")
    assert {s.getreply()[0] for s in small} == {250}
    assert "process.died" not in world.log()


def test_trace_shows_what_was_found(world, key):
    world.start()
    assert offer(world, signed(message(), key))[0] == 250
    world.wait_mails()
    event = until(lambda: [row for row in world.json("trace", "a@good.test") if row["ev"] == "message.checked"])[0]
    assert event["spf"] == "pass good.test" and event["dkim"] == "pass good.test" and event["dmarc"] == "pass good.test"
    assert event["client"] == GOOD and event["policy"] == "reject" and event["action"] == "accept"
    line, = [line for line in world.run("trace", "a@good.test").stdout.splitlines() if "message.checked" in line]
    for found in ("iprev pass mail.good.test", "spf pass good.test", "dkim pass good.test", "dmarc pass good.test p=reject", "accept"):
        assert found in line
    assert world.run("why", event["id"], check=False).stdout == ""


def test_why_a_message_lies_in_the_junk(world):
    world.start()
    code, words = offer(world, message("a@quarantine.test"), client=BAD)
    mail, = world.wait_mails(folder=".Junk")
    said = until(lambda: world.run("why", words.split()[2], check=False).stdout)
    assert "quarantine" in said and "dmarc fail quarantine.test" in said and "SPF (fail for good.test from 127.0.0.3)" in said


# ---- the DNS fails ------------------------------------------------------------------------------------


def test_what_can_not_be_told_now_is_put_off_where_a_policy_asks(world):
    """The DNS of the sender's domain fails; that of the author says reject."""
    nsd = world.nsd

    def lie(query, is_tcp):
        name = str(query.question[0].name).lower()
        if name.startswith("good.test"):
            answer = dns.message.make_response(query)
            answer.set_rcode(dns.rcode.SERVFAIL)
            return [answer]
        with contextlib.suppress(Exception):
            return [dns.query.udp(query, "127.0.0.1", 2, nsd.port)]
        return []

    import dns.query
    liar = Liar(lie)
    world.dns = f'dns {{ servers = "{liar.where()}" }}'
    world.start()
    code, words = offer(world, message(), client=BAD)
    assert code == 451 and words.startswith("4.7.")
    assert offer(world, message("a@none.test"), sender="a@none.test")[0] == 250
    liar.stop()


# ---- verify dies ----------------------------------------------------------------------------------------


def hold(world):
    """A DNS that says nothing about good.test before it is let go: a message is in verify's hands until then."""
    nsd, gate, asked = world.nsd, threading.Event(), threading.Event()

    def lie(query, is_tcp):
        import dns.query
        if str(query.question[0].name).lower() == "good.test.":
            asked.set()
            gate.wait(60)
        return [dns.query.udp(query, "127.0.0.1", 2, nsd.port)]

    liar = Liar(lie)
    world.dns = f'dns {{ servers = "{liar.where()}"  timeout = 30s }}'
    return liar, gate, asked


def offer_beside(world, data, **more):
    got = []
    thread = threading.Thread(target=lambda: got.append(offer(world, data, **more)))
    thread.start()
    return thread, got


def test_a_message_goes_on_when_verify_is_started_again(world):
    liar, gate, asked = hold(world)
    world.start()
    thread, got = offer_beside(world, message())
    assert asked.wait(30)
    for pid in world.children(program="verify"):
        os.kill(pid, signal.SIGKILL)
    until(lambda: world.children(program="verify"))
    gate.set()
    thread.join(60)
    assert got[0][0] == 250
    assert "dmarc=pass" in results(world.wait_mails()[0])
    assert "process.died" in world.log()
    liar.stop()


def test_a_message_goes_on_at_once_where_another_verify_lives(world):
    """After a reload the old one, which is not started again, has the message still: the new one takes over."""
    liar, gate, asked = hold(world)
    world.start()
    old, = world.children(program="verify")
    thread, got = offer_beside(world, message())
    assert asked.wait(30)
    world.reload()
    until(lambda: len(world.children(program="verify")) == 2)
    started = time.monotonic()
    os.kill(old, signal.SIGKILL)
    gate.set()
    thread.join(60)
    assert got[0][0] == 250, got
    assert time.monotonic() - started < 8     # it waited for none to be started
    liar.stop()


def test_many_deaths_lose_nothing(world):
    world.start()
    n, ends = 60, threading.Event()

    def kill():
        while not ends.wait(0.2):
            for pid in world.children(program="verify"):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    accepted = 0
    for i in range(n):
        code, words = offer(world, message(more=f"Message-ID: <{i}@good.test>\r\n"))
        assert code in (250, 451), words
        accepted += code == 250
    ends.set()
    killer.join()
    assert accepted > 0
    ids = [mail["Message-ID"] for mail in world.wait_mails(accepted)]
    assert len(set(ids)) == accepted


@pytest.mark.skipif(SANITIZED or os.geteuid() != 0, reason="needs to take another process's memory away")
def test_whose_message_kills_verify_hears_it_at_once_and_others_do_not(world):
    liar, gate, asked = hold(world)
    world.extra = f'verify {{ evidence = "{world.folder}/evidence" }}'
    world.start()
    other, got = offer_beside(world, message())     # waits for the DNS
    assert asked.wait(30)
    for pid in world.children(program="verify"):
        subprocess.run(["setpriv", "--reuid", USER, "--regid", USER, "--clear-groups", "prlimit", "--pid", str(pid), "--as=1048576"], check=True)
    code, words = offer(world, message("a@none.test", more="X-Large: " + "x" * 200000 + "\r\n"), sender="a@none.test")
    assert code == 451 and words.startswith("4.3.0 ")
    died = until(lambda: [line for line in world.log().splitlines() if "verify.died" in line])
    assert len(died) == 1 and "client=127.0.0.2" in died[0]
    gate.set()
    other.join(60)
    assert got[0][0] == 250
    kept, = until(lambda: glob.glob(f"{world.folder}/evidence/*"))
    assert b"X-Large: xxx" in open(kept, "rb").read()
    assert os.stat(kept).st_mode & 0o077 == 0
    assert offer(world, message("a@none.test", more="X-Large: " + "x" * 200000 + "\r\n"), sender="a@none.test")[0] == 250
    liar.stop()


# ---- Postfix as the stranger ---------------------------------------------------------------------------------


@pytest.mark.skipif(not POSTFIX, reason="no Postfix here")
def test_postfix_as_the_stranger(world, tmp_path, key):
    world.start()
    folder = tempfile.mkdtemp(prefix="postrider-postfix-", dir="/tmp")  # its path is no longer than that of a socket may be
    os.chmod(folder, 0o755)
    postfix = Postfix(folder, "127.0.36.1")
    postfix.start(relayhost=f"[127.0.0.1]:{world.port}", more=f"smtp_bind_address = {GOOD}\n")
    try:
        with smtplib.SMTP("127.0.36.1", postfix.port, timeout=60) as s:
            s.sendmail("a@good.test", ["alice@example.test"], signed(message(), key))
            s.sendmail("a@none.test", ["alice@example.test"], message("a@good.test"))
        mail, = world.wait_mails()
        assert "dkim=pass" in results(mail) and "dmarc=pass" in results(mail)
        until(lambda: "status=bounced" in postfix.log())
        assert "550 5.7.1" in postfix.log() and "good.test" in postfix.log()
    finally:
        postfix.stop()
        shutil.rmtree(folder)


# ---- probe -------------------------------------------------------------------------------------------------------


def test_probe_reads_a_large_file_of_short_lines(world, key, tmp_path):
    world.start()
    mail = tmp_path / "mail"
    mail.write_bytes(signed(message(body="A line\r\n" * 1000000), key).replace(b"\r\n", b"\n"))
    started = time.monotonic()
    row, = world.json("probe", "dkim", str(mail))
    assert row["result"] == "pass" and (SANITIZED or time.monotonic() - started < 5)


def test_probe_waits_for_a_verify_that_is_busy(world, key, tmp_path):
    world.start()
    mail = tmp_path / "mail"
    mail.write_bytes(signed(message(body="A line\r\n" * 100000), key))
    verify, = world.children(program="verify")
    os.kill(verify, signal.SIGSTOP)
    try:
        probe = subprocess.Popen([world.postrider, "-c", world.file, "probe", "dkim", mail, "--json"], stdout=subprocess.PIPE, env=world.environment)
        with pytest.raises(subprocess.TimeoutExpired):
            probe.wait(1)
    finally:
        os.kill(verify, signal.SIGCONT)
    assert b'"result":"pass"' in probe.communicate(timeout=60)[0] and probe.returncode == 0


def test_probe_with_a_configuration_that_has_errors_says_so_once(world):
    world.config = "hostname = \nlisten {\n"
    world.write()
    done = world.run("probe", "spf", "--ip", GOOD, "--from", "a@good.test", check=False)
    assert done.returncode == 78 and done.stdout == ""
    assert done.stderr.startswith(f"{world.file}:2: ") and "went away" not in done.stderr


def test_explain_tells_what_spf_says_of_a_stranger(world):
    world.start()
    for client, result in ((GOOD, "pass"), (BAD, "fail")):
        rows = world.json("explain", "alice@example.test", "--from", "a@good.test", "--client", client)
        assert [(row["step"], row["result"]) for row in rows[:2]] == [("client", "stranger"), ("spf", result)]


@pytest.mark.parametrize("runs", [True, False], ids=["of the server", "without a server"])
def test_probe(world, key, tmp_path, runs):
    world.start() if runs else world.write()
    row, = world.json("probe", "spf", "--ip", GOOD, "--from", "a@good.test", "--helo", "mail.good.test")
    assert row["result"] == "pass" and row["domain"] == "good.test"
    row, = world.json("probe", "spf", "--ip", BAD, "--from", "a@wild.test", "--helo", "good.test")
    assert row["result"] == "softfail" and row["identity"] == "mailfrom"
    assert [(one["identity"], one["result"]) for one in row["found"] if one["method"] == "spf"] == [("helo", "fail")]
    row, = world.json("probe", "spf", "--ip", BAD, "--from", "<>", "--helo", "good.test")
    assert row["result"] == "fail" and row["identity"] == "helo"
    row, = world.json("probe", "spf", "--ip", BAD, "--from", "a@words.test")
    assert row["explanation"] == "Ask 127.0.0.3 who it is"
    words = world.run("probe", "spf", "--ip", GOOD, "--from", "a@wild.test").stdout
    assert "include:deep.test" in words and "pass" in words
    mail = tmp_path / "mail"
    mail.write_bytes(signed(message(), key).replace(b"\r\n", b"\n"))
    row, = world.json("probe", "dkim", str(mail))
    assert row["result"] == "pass" and row["domain"] == "good.test" and row["bits"] == "2048"
    row, = world.json("probe", "dmarc", str(mail), "--ip", BAD, "--from", "x@plain.test")
    assert row["result"] == "pass" and row["policy"] == "reject" and row["dkim_aligned"] == "yes" and row["spf_aligned"] == "no"
    mail.write_bytes(message())
    row, = world.json("probe", "dmarc", str(mail), "--ip", BAD, "--from", "x@plain.test")
    assert row["result"] == "fail"
    assert [one["result"] for one in row["found"] if one["method"] == "verdict"] == ["refuse"]
    row, = world.json("probe", "dkim", str(mail))
    assert row["result"] == "none" and row["why"] == "no signature"
    assert "no signature" in world.run("probe", "dkim", str(mail)).stdout
    row, = world.json("probe", "spf", "--ip", BAD, "--from", "a@good.test")
    assert "helo" not in [one.get("identity") for one in row["found"]]          # nobody said one
    assert not [one for one in row["found"] if one["method"] == "verdict"]      # it asks what is true, not what would be done
    row, = world.json("probe", "dmarc", str(mail), "--ip", BAD, "--from", "x@plain.test")
    assert [one["address"] for one in row["found"] if one["method"] == "iprev"] == [BAD]
    assert world.run("probe", "spf", "--ip", "nonsense", "--from", "a@good.test", check=False).returncode == 64
