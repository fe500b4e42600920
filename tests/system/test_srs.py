"""Forwarding: mail that an alias sends to another server leaves under a sender of ours, and bounces find their way back."""
import base64, hashlib, hmac, os, re, smtplib, subprocess, time

import dkim
import pytest

from conftest import BUILD, PATIENCE, until
from test_servers import needs_postfix, postfix  # noqa: F401 (a fixture)
from test_relay import lines, taken, world  # noqa: F401 (a fixture)

SHOW = os.path.join(BUILD, "tests/unit/show_srs")
KEY = "a secret of both"
DAY = 86400
MAIL_SRS = """
use Mail::SRS; no warnings; local $SIG{__WARN__} = sub {};
my ($what, $length, @words) = @ARGV;
my $srs = Mail::SRS->new(Secret => "%s", MaxAge => 21, HashLength => $length, HashMin => 4, Separator => "=");
print $what eq "make" ? $srs->forward(@words) : $srs->reverse(@words);
""" % KEY


def show(what, *words, day=None):
    day = int(time.time()) // DAY if day is None else day
    done = subprocess.run([SHOW, what, KEY, str(day), *words], capture_output=True, text=True, check=True)
    return done.stdout.rstrip("\n")


def mail_srs(what, *words, length=6):
    done = subprocess.run(["perl", "-e", MAIL_SRS, what, str(length), *words], capture_output=True, text=True)
    return done.stdout if done.returncode == 0 else "refused: " + done.stderr


SENDERS = ["anna@example.org", "Anna+x=y-z@sub.example.org", "a@b.example", "!#$%&'*+-/=?^_`{|}~@example.org",
           "x" * 64 + "@example.org", "SRS0=HHHH=TT=example.org=anna@first.example", "SRS0+x@first.example",
           "SRS1=HHHH=first.example==HHHH=TT=example.org=anna@second.example", "SRS1-HHHH=first.example=-x@second.example"]


@pytest.mark.parametrize("sender", SENDERS)
def test_mail_srs_reads_what_we_make_and_we_what_it_makes(sender):
    ours, theirs = show("make", sender, "us.example"), mail_srs("make", sender, "us.example")
    assert ours == theirs
    back = mail_srs("reverse", ours)
    assert show("read", ours) == f"good {back}" and "@" in back
    if "SRS" not in sender:
        assert back == sender
    for length in (8, 20, 27):
        assert show("read", mail_srs("make", sender, "us.example", length=length)) == f"good {back}"
    assert show("read", mail_srs("make", sender, "us.example", length=4)).startswith("forged")


def test_mail_srs_agrees_on_age():
    today = int(time.time()) // DAY
    for age in (0, 1, 20, 21, 22, 23, 500):
        made = show("make", "anna@example.org", "us.example", day=today - age)
        assert (mail_srs("reverse", made) == "anna@example.org") == show("read", made).startswith("good"), age


# ---- on the real server ----------------------------------------------------------------------------

ZONE = "".join(f"{name}.test. MX 10 mx.{name}.test.\nmx.{name}.test. A 127.0.25.{n}\n" for n, name in enumerate("bcd", 1))
ALIASES = "fwd: u@b.test\nboth: bob, u@b.test\nlist: u@b.test, v@b.test, w@d.test\nback: bob, loop@b.test\nother: x@b.test\n"


def begin(server, world, domain="", more=""):
    """A server that strangers write to; 127.0.0.2 is trusted. b.test is where aliases lead, c.test where the senders are."""
    with open(f"{server.folder}/aliases", "w") as f:
        f.write(ALIASES)
    world.start(ZONE)
    server.domain = f'aliases = "{server.folder}/aliases" {domain}'
    server.listen = 'trusted = "127.0.0.2"'
    server.dns = f'dns {{ servers = "{world.nsd.where()}" }}'
    server.extra = f"outbound {{ port = {world.port} allow_private = yes }}\nretry {{ after = {{300ms}} }}\n{more}"
    server.start()
    return world.sink(1), world.sink(2)


def session(server, trusted=False):
    return smtplib.SMTP("127.0.0.1", server.port, "client.example.net", timeout=PATIENCE, source_address=("127.0.0.2" if trusted else "127.0.0.1", 0))


def give(server, sender, to, data=None, trusted=False, code=250):
    """One mail, byte by byte; what was said at its end, or before."""
    data = data or f"From: <{sender}>\r\nSubject: test\r\n\r\nHello.\r\n".encode()
    with session(server, trusted) as s:
        s.ehlo()
        assert s.docmd(f"MAIL FROM:<{sender}>")[0] == 250
        said = [s.docmd(f"RCPT TO:<{address}>") for address in ([to] if isinstance(to, str) else to)]
        if all(one[0] == 250 for one in said):
            said = [s.data(data)]
    assert said[-1][0] == code, said
    return said[-1][1].decode()


def senders(sink):
    return sorted((mail["sender"], tuple(mail["rcpts"])) for mail in sink.mails)


def forwarded(server, sink, sender="anna@c.test", to="fwd@example.test", n=1):
    give(server, sender, to)
    return taken(sink, n)[-1]["sender"]


SRS0 = r"SRS0=[A-Za-z0-9+/]{6}=[A-Z2-7]{2}=c\.test=anna@example\.test"


def test_forwarded_mail_has_our_sender_and_a_bounce_finds_back(server, world):
    there, home = begin(server, world)
    message = (b"From: Anna <anna@c.test>\r\nTo: fwd@example.test\r\nSubject: =?utf-8?q?x?=\r\n\tfolded\r\n"
               b"X-Odd:   a \t b  \r\n\r\n  body \t \r\n\r\n.\r\nend\r\n")
    give(server, "anna@c.test", "fwd@example.test", message)
    mail, = taken(there)
    assert re.fullmatch(SRS0, mail["sender"]) and mail["rcpts"] == ["u@b.test"]
    assert mail["data"].endswith(message)      # not a byte of it is touched
    assert mail["data"].startswith(b"Delivered-To: fwd@example.test\r\n")
    give(server, "", mail["sender"], b"From: MAILER-DAEMON@b.test\r\nSubject: bounce\r\n\r\nno\r\n")
    bounce, = taken(home)
    assert bounce["sender"] == "" and bounce["rcpts"] == ["anna@c.test"] and b"Subject: bounce" in bounce["data"]
    told, = lines(server, "recipient.forwarded") or lines(server, mail["sender"])[:1]
    assert mail["sender"] in told
    assert mail["sender"] in server.run("trace", "fwd@example.test").stdout


def test_a_signature_stays_good_over_a_forward(server, world):
    there, _ = begin(server, world)
    key = subprocess.run(["openssl", "genrsa", "-traditional", "2048"], capture_output=True, check=True).stdout
    public = subprocess.run(["openssl", "rsa", "-pubout", "-outform", "DER"], input=key, capture_output=True, check=True).stdout
    message = b"From: anna@c.test\r\nTo: fwd@example.test\r\nSubject:  two  blanks\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\n\r\nbody  \r\n\r\n"
    for forms in (b"simple", b"simple"), (b"relaxed", b"relaxed"):
        signature = dkim.sign(message, b"s", b"c.test", key, canonicalize=forms)
        give(server, "anna@c.test", "fwd@example.test", signature + message)
    for mail in taken(there, 2):
        assert dkim.verify(mail["data"], dnsfunc=lambda name, timeout=5: b"v=DKIM1; p=" + base64.b64encode(public))
        assert mail["sender"].startswith("SRS0=")


def test_who_is_not_rewritten(server, world):
    there, _ = begin(server, world)
    give(server, "", "fwd@example.test")
    give(server, "alice@example.test", "fwd@example.test", trusted=True)
    give(server, "root@mx.example.test", "fwd@example.test", trusted=True)
    give(server, "anna@c.test", "someone@b.test", trusted=True)    # direct: no alias had a hand in it
    until(lambda: len(there.mails) == 4)
    assert [mail["sender"] for mail in sorted(there.mails, key=lambda m: m["sender"])] == ["", "alice@example.test", "anna@c.test", "root@mx.example.test"]


def test_srs_can_be_switched_off(server, world):
    there, home = begin(server, world)
    before = forwarded(server, there)
    server.domain += "srs = off"
    server.reload()
    assert forwarded(server, there, n=2) == "anna@c.test"
    give(server, "", before)                # what was made before is good all the same
    assert taken(home)[0]["rcpts"] == ["anna@c.test"]


def test_each_recipient_has_its_own_sender(server, world):
    """One message to a user, to aliases and, as a trusted network may, to a stranger at the same server: three transactions there."""
    there, _ = begin(server, world)
    other = world.sink(3)
    give(server, "anna@c.test", ["list@example.test", "both@example.test", "direct@b.test", "other@example.test"], trusted=True)
    until(lambda: len(there.mails) == 3 and other.mails)
    made = other.mails[0]["sender"]
    assert re.fullmatch(SRS0, made)
    assert senders(there) == [(made, ("u@b.test", "v@b.test")), (made, ("x@b.test",)), ("anna@c.test", ("direct@b.test",))]
    heads = {tuple(mail["rcpts"]): mail["data"].split(b"\r\n", 1)[0] for mail in there.mails}
    assert heads[("x@b.test",)] == b"Delivered-To: other@example.test" and heads[("u@b.test", "v@b.test")] == b"Delivered-To: list@example.test"
    assert heads[("direct@b.test",)].startswith(b"Received:")    # and nobody learns of the others
    assert len(server.wait_mails(user="bob")) == 1
    assert b"Return-Path: <anna@c.test>" in server.mails("bob")[0]


def test_srs_of_others_goes_back_to_the_first_of_them(server, world):
    there, home = begin(server, world)
    made = forwarded(server, there, sender="SRS0=HHH=TT=example.org=anna@c.test")
    assert re.fullmatch(r"SRS1=[A-Za-z0-9+/]{6}=c\.test==HHH=TT=example\.org=anna@example\.test", made)
    give(server, "", made)
    assert taken(home)[0]["rcpts"] == ["SRS0=HHH=TT=example.org=anna@c.test"]
    again = forwarded(server, there, sender="SRS1=ZZZZ=c.test==HHH=TT=example.org=anna@d.test", n=2)
    assert again == made


def test_long_and_odd_senders(server, world):
    there, home = begin(server, world)
    there.offers = (*there.offers, "SMTPUTF8")
    odd = ["x" * 64 + "@c.test", '"john doe"@c.test', "a=b+c@c.test", '"a\\"\\\\b"@c.test']
    for n, sender in enumerate(odd, 1):
        made = forwarded(server, there, sender=sender, n=n)
        assert made != sender
        give(server, "", made)
        assert taken(home, n)[-1]["rcpts"] == [sender]
    with session(server) as s:
        s.ehlo()
        s.command_encoding = "utf-8"
        assert s.docmd("MAIL FROM:<grün@bücher.test> SMTPUTF8")[0] == 250 and s.docmd("RCPT TO:<fwd@example.test>")[0] == 250
        assert s.data(b"Subject: x\r\n\r\nx\r\n")[0] == 250
    mail = taken(there, len(odd) + 1)[-1]
    assert re.fullmatch(r"SRS0=.{6}=..=xn--bcher-kva\.test=grün@example\.test", mail["sender"]) and "SMTPUTF8" in mail["parameters"]
    odd.append(mail["sender"])
    long = "x" * 230 + "@c.test"            # with ours around it no path would hold it
    assert forwarded(server, there, sender=long, n=len(odd) + 1) == long


def refused(server, sender, to, code, words):
    with session(server) as s:
        s.ehlo()
        s.docmd(f"MAIL FROM:<{sender}>")
        got, said = s.docmd(f"RCPT TO:<{to}>")
        assert (got, words in said.decode()) == (code, True), said


def test_nothing_but_what_we_made_is_passed_on(server, world):
    there, home = begin(server, world)
    made = forwarded(server, there)
    for at in range(5, 11):
        letter = "y" if made[at] in "xX" else "x"
        refused(server, "", made[:at] + letter + made[at + 1:], 550, "5.1.1 This address was not made here")
    refused(server, "", made.replace("anna", "eve"), 550, "5.1.1")
    refused(server, "", made.replace("c.test", "d.test"), 550, "5.1.1")
    refused(server, "", "SRS1=AAAAAA=c.test==HHH=TT=x=y@example.test", 550, "5.1.1")
    refused(server, "", made.replace("example.test", "elsewhere.test"), 550, "5.7.1 Relaying denied")
    refused(server, "", "SRS0=nothing@example.test", 550, "5.1.1 No such mailbox here")
    # only bounces: who asks at RCPT whether it exists hears yes, a body is refused
    assert "takes bounces alone" in give(server, "eve@d.test", made, code=550)
    assert "takes bounces alone" in give(server, "eve@d.test", ["bob@example.test", made], code=550)
    assert give(server, "", made.lower()) and give(server, "", made.replace("@example.test", "@mx.example.test"))
    assert [mail["rcpts"] for mail in taken(home, 2)] == [["anna@c.test"], ["anna@c.test"]]


def test_an_address_expires_and_keys_change(server, world):
    """The secret is known here: what was made on other days, and under the keys of other periods."""
    begin(server, world)
    secret = [line for line in open(f"{server.state}/srs").read().splitlines() if not line.startswith("#")][0].encode()
    today = int(time.time()) // DAY

    def made(age, period=None):
        key = hmac.new(secret, b"srs %d" % ((today - age) // 32 if period is None else period), hashlib.sha256).digest()
        day = (today - age) % 1024
        letters = "".join("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[n] for n in (day >> 5, day & 31))
        digest = hmac.new(key, f"{letters}c.testanna".lower().encode(), hashlib.sha1).digest()
        return f"SRS0={base64.b64encode(digest).decode()[:6]}={letters}=c.test=anna@example.test"

    for age in (0, 10, 21):
        assert give(server, "", made(age)), age
    for age in (22, 23, 25):
        refused(server, "", made(age, (today - 21) // 32), 550, "5.1.1 This address took bounces of one message")
    refused(server, "", made(0, today // 32 - 2), 550, "not made here")
    refused(server, "", made(0, today // 32 + 2), 550, "not made here")


def test_keys_outlive_restarts_and_can_be_replaced(server, world):
    there, home = begin(server, world)
    file = f"{server.state}/srs"
    assert os.stat(file).st_mode & 0o777 == 0o600
    first = forwarded(server, there)
    server.stop()
    text = open(file).read()
    server.start()
    assert open(file).read() == text
    assert forwarded(server, there, n=2) == first
    with open(f"{file}.own", "w") as f:
        f.write("another secret of the admin\n" + text)
    os.chmod(f"{file}.own", 0o600)
    os.rename(f"{file}.own", file)
    server.reload()
    second = forwarded(server, there, n=3)
    assert second != first
    give(server, "", first)
    give(server, "", second)
    taken(home, 2)
    with open(file, "w") as f:
        f.write("another secret of the admin\n")
    server.reload()
    refused(server, "", first, 550, "not made here")
    with open(file, "w") as f:
        f.write("short\n")
    server.run("reload", check=False)
    give(server, "", second)                # a file that is broken takes nothing away


def test_a_restart_does_not_change_the_sender_of_what_waits(server, world):
    there, _ = begin(server, world, more='route b.test { hold = yes }')
    message_id = give(server, "anna@c.test", "list@example.test").split()[-1]
    until(lambda: lines(server, "recipient.forwarded"))
    until(lambda: "held" in server.run("queue", "show", message_id).stdout)
    server.kill()
    os.unlink(f"{server.state}/srs")         # another secret would make another sender
    server.extra = server.extra.replace("hold = yes", "hold = no")
    server.start()
    server.run("queue", "release", message_id)
    mail, = taken(there)
    secret = [line for line in open(f"{server.state}/srs").read().splitlines() if not line.startswith("#")][0]
    assert secret and re.fullmatch(SRS0, mail["sender"]) and mail["rcpts"] == ["u@b.test", "v@b.test"]
    refused(server, "", mail["sender"], 550, "not made here")


def test_a_local_copy_stays_and_a_loop_is_cut(server, world):
    """The other server sends all back to the address it came for."""
    there, home = begin(server, world)
    answers = []

    def send_back(data):
        with session(server) as s:
            s.ehlo()
            s.docmd("MAIL FROM:<someone@b.test>")
            s.docmd("RCPT TO:<back@example.test>")
            answers.append(s.data(data))

    there.says["body"] = send_back
    give(server, "anna@c.test", "back@example.test")
    taken(there)
    assert answers[0][0] == 554 and b"5.4.6 Mail loop" in answers[0][1]
    assert len(server.wait_mails(user="bob")) == 1


def test_a_loop_without_delivered_to_is_cut_by_its_hops(server, world):
    there, home = begin(server, world)
    refusals = []

    def send_back(data):
        data = data.partition(b"\r\n")[2] if data.startswith(b"Delivered-To") else data
        with session(server) as s:
            s.ehlo()
            s.docmd("MAIL FROM:<someone@c.test>")
            s.docmd("RCPT TO:<fwd@example.test>")
            code, words = s.data(data)
            if code != 250:
                refusals.append(words)

    there.says["body"] = send_back
    give(server, "anna@c.test", "fwd@example.test")
    until(lambda: refusals)
    assert b"5.4.6 Too many hops" in refusals[0]


def test_a_failed_forward_is_told_to_the_sender_himself(server, world):
    there, home = begin(server, world)
    there.says["rcpt"] = "550 5.1.1 nobody"
    give(server, "anna@c.test", "fwd@example.test")
    bounce, = taken(home)
    assert bounce["sender"] == "" and bounce["rcpts"] == ["anna@c.test"] and b"u@b.test" in bounce["data"]


@needs_postfix
def test_postfix_asks_about_the_sender_takes_the_mail_and_bounces_it_back(server, world, postfix):
    """Its callout (reject_unverified_sender) comes under a name of its own, its bounce under the null sender."""
    _, home = begin(server, world, more=f'route fix.test {{ via = "{postfix.address}:{postfix.port}" tls = none }}')
    with open(f"{server.folder}/aliases", "a") as f:
        f.write("fix: ghost@fix.test\nfine: u@fix.test\n")
    server.reload()
    # ghost is found out only when the mail is delivered
    postfix.start(relayhost=f"[127.0.0.1]:{server.port}", more="smtpd_reject_unlisted_recipient = no\nsmtpd_sender_restrictions = reject_unverified_sender\n"
                  "address_verify_map =\naddress_verify_relayhost = $relayhost\n")
    give(server, "anna@c.test", "fine@example.test")
    mail, = postfix.wait_mails("u")
    assert re.search(rb"Return-Path: <" + SRS0.encode() + rb">\n", mail)
    give(server, "anna@c.test", "fix@example.test")
    bounce, = taken(home)
    assert bounce["sender"] == "" and bounce["rcpts"] == ["anna@c.test"] and b"ghost@fix.test" in bounce["data"]
    assert "status=deliverable" in postfix.log()


def test_catch_all_and_archive_forward_too(server, world):
    there, _ = begin(server, world, domain='catch_all = "all@b.test" archive = "store@d.test"')
    store = world.sink(3)
    made = forwarded(server, there, to="whoever@example.test")
    assert re.fullmatch(SRS0, made)
    assert taken(store)[0]["sender"] == made
    refused(server, "", made[:5] + "AAAAAA" + made[11:], 550, "not made here")      # no catch_all takes what is forged


def test_explain_tells_the_sender(server, world):
    begin(server, world)
    rows = server.json("explain", "fwd@example.test", "--from", "anna@c.test")
    row, = [row for row in rows if row["step"] == "srs"]
    assert row["result"] == "rewritten" and re.search(SRS0, row["reason"])
    assert not [row for row in server.json("explain", "fwd@example.test", "--from", "bob@example.test") if row["step"] == "srs"]
    assert "SRS" not in server.run("alias", "expand", "fwd@example.test").stdout
