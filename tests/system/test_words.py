"""What is written about messages, read by Python's email package: bounces and notices, and the Received field."""
import email
import email.policy
import email.utils
import os
import subprocess

import pytest

from conftest import BUILD

SHOW = os.path.join(BUILD, "tests/unit/show_words")
FAILED, DELAYED, DELIVERED, RELAYED, EXPANDED = range(5)
HEADER_MAX, FULL_MAX = 16384, 51200
HEADER = b"Received: from x\r\n\tby y; z\r\nFrom: anna@example.net\r\nSubject: hello\r\n\r\n"
BODY = b"the body of it\r\n--not a boundary\r\n.\r\n"
EVIL = [b"a\r\nX-Injected: b", b"a\nX-Injected: b", b"a\rX-Injected: b", b"a\r\n\r\nX-Injected: b", b"a\0X-Injected: b",
        b"a\xc3\xa4b", b"a\xff\xfeb", b"\r\n--=_ID26LETTERS\r\nX-Injected: b", b"\x85X-Injected: b", b"\x1b[2J\x7f",
        "\u2028X-Injected: b".encode(), b"X-Injected: b\r\n" * 500]


def show(rows, what="dsn"):
    def line(name, value):
        value = value if isinstance(value, bytes) else value.encode() if isinstance(value, str) else str(int(value)).encode()
        return f"{name} {value.hex()}\n"
    done = subprocess.run([SHOW, what], input="".join(line(*row) for row in rows).encode(), capture_output=True, timeout=60)
    assert done.returncode == 0, done
    return done.stdout, tuple(bool(int(word)) for word in done.stderr.split())


def rcpt(action=FAILED, address="bob@example.org", **more):
    return [("rcpt", action), ("address", address)] + list(more.items())


def write(*rcpts, header=HEADER, body=BODY, body_size=None, **more):
    rows = {"hostname": "mx.example.org", "id": "ID26LETTERS", "about_id": "ABOUT26", "to": "anna@example.net",
            "wall": 1795244940000, "arrival": 1795200000000, "full": False, "header": header, "body": body,
            "body_size": len(body) if body_size is None else body_size}
    rows.update(more)
    flat = [row for one in (rcpts or (rcpt(),)) for row in one]
    return show(list(rows.items()) + flat)


class Report:
    """A bounce, taken apart; what is not as RFC 3464, 6522 and 6533 say fails here."""

    def __init__(self, raw, utf8=False):
        self.raw = raw
        for line in raw.split(b"\r\n"):
            assert b"\n" not in line and b"\r" not in line and b"\0" not in line
            assert len(line) <= 998
        assert raw.endswith(b"\r\n")
        self.mail = email.message_from_bytes(raw, policy=email.policy.compat32)
        assert not self.mail.defects
        assert self.mail.get_content_type() == "multipart/report"
        prefix = "global-" if utf8 else ""
        assert self.mail.get_param("report-type") == prefix + "delivery-status"
        assert [key for key, value in self.mail.items()] == ["From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted",
                                                             "MIME-Version", "Content-Type", "Content-Transfer-Encoding"]
        assert len(self.mail.get_payload()) == 3
        self.words, self.status, self.original = self.mail.get_payload()
        assert self.words.get_content_type() == "text/plain"
        assert self.status.get_content_type() == f"message/{prefix}delivery-status"
        self.text = self.words.get_payload(decode=True).decode("utf-8")
        blocks = self.part(1).split(b"\r\n\r\n")
        self.fields = [self.read(block) for block in blocks]
        self.per_message, self.rcpts = self.fields[0], self.fields[1:]

    def part(self, number):
        """The bytes of a part's body, as they stand there."""
        whole = self.raw.split(b"\r\n--=_ID26LETTERS")[number + 1]
        return whole.split(b"\r\n\r\n", 1)[1].rstrip(b"\r\n") if number == 1 else whole.split(b"\r\n\r\n", 1)[1]

    @staticmethod
    def read(block):
        fields = {}
        for line in block.split(b"\r\n"):
            name, value = line.split(b": ", 1)
            name = name.decode("ascii")
            assert name not in fields
            fields[name] = value.decode("utf-8")
        return fields


KNOWN = {"Reporting-MTA", "Original-Envelope-Id", "Arrival-Date", "Original-Recipient", "Final-Recipient", "Action", "Status",
         "Remote-MTA", "Diagnostic-Code", "Last-Attempt-Date", "Will-Retry-Until"}


def test_a_bounce_is_right_field_by_field():
    raw, needs = write(rcpt(FAILED, "bob@example.org", orcpt="rfc822;Bob+2B@Example.ORG", code=550, enhanced="5.1.1",
                            words="5.1.1 no such user\nask elsewhere", host="mx.example.com", attempt=1795244000000), envid="QQ+2B314")
    report = Report(raw)
    assert needs == (False, False)
    assert report.mail["From"] == "Mail Delivery System <MAILER-DAEMON@mx.example.org>"
    assert report.mail["To"] == "<anna@example.net>"
    assert report.mail["Message-ID"] == "<ID26LETTERS@mx.example.org>"
    assert report.mail["Auto-Submitted"] == "auto-replied"
    assert email.utils.parsedate_to_datetime(report.mail["Date"]).timestamp() == 1795244940
    assert report.mail["Subject"] == "Your mail could not be delivered"
    assert report.per_message == {"Reporting-MTA": "dns; mx.example.org", "Original-Envelope-Id": "QQ+314",
                                  "Arrival-Date": "Fri, 20 Nov 2026 18:40:00 +0000"}
    assert report.rcpts == [{"Original-Recipient": "rfc822;Bob+@Example.ORG", "Final-Recipient": "rfc822;bob@example.org",
                             "Action": "failed", "Status": "5.1.1", "Remote-MTA": "dns; mx.example.com",
                             "Diagnostic-Code": "smtp; 550 5.1.1 5.1.1 no such user ask elsewhere",
                             "Last-Attempt-Date": "Sat, 21 Nov 2026 06:53:20 +0000"}]
    assert "<bob@example.org>" in report.text and "mx.example.com said:" in report.text and "ABOUT26" in report.text


@pytest.mark.parametrize("status, words", [
    ("5.1.1", "compare the address"), ("5.1.2", "domain is gone"), ("5.1.10", "takes no mail at all"), ("5.2.2", "mailbox is full"), ("5.3.4", "too large"),
    ("5.3.5", "your administrator"), ("5.4.4", "no mail server that can be reached"), ("5.4.6", "in a circle"),
    ("5.4.7", "all that time"), ("5.6.3", "another form"), ("5.7.1", "by its rules"), ("5.0.0", "show this report"), ("", "show this report")])
def test_a_bounce_says_what_to_do(status, words):
    report = Report(write(rcpt(FAILED, "bob@example.org", code=550, enhanced=status, words="no", host="mx.example.com"))[0])
    assert words in report.text.split("What to do: ")[1]


def test_after_the_last_attempt_the_server_is_quoted_as_it_spoke():
    report = Report(write(rcpt(FAILED, "bob@example.org", code=450, enhanced="5.4.7", words="4.2.1 not now", host="mx.example.com"))[0])
    assert "as long as it may be; last:\r\n    mx.example.com said:\r\n    450 4.2.1 not now\r\n" in report.text.replace("\r", "").replace("\n", "\r\n")
    assert report.rcpts[0]["Status"] == "5.4.7" and report.rcpts[0]["Diagnostic-Code"] == "smtp; 450 4.2.1 not now"


def test_advice_stands_once_for_all_that_it_fits():
    full = [rcpt(FAILED, f"u{n}@example.org", code=550, enhanced="5.2.2", words="full", host="mx") for n in range(5)]
    report = Report(write(*full, rcpt(FAILED, "x@example.org", code=550, enhanced="5.1.1", words="who?", host="mx"), rcpt(DELAYED, "y@example.org"))[0])
    assert report.text.count("What to do: ") == 2
    assert report.text.index("u4@") < report.text.index("mailbox is full") < report.text.index("x@example") < report.text.index("compare the address")


def test_headers_only_never_quote_the_body():
    for header in HEADER, HEADER[:-2]:
        report = Report(write(full=False, header=header)[0])
        assert report.original.get_content_type() == "text/rfc822-headers"
        assert report.part(2) == HEADER[:-2]
        assert b"the body of it" not in report.raw


def test_full_quotes_all_of_it():
    for header in HEADER, HEADER[:-2]:
        report = Report(write(full=True, header=header)[0])
        assert report.original.get_content_type() == "message/rfc822"
        assert report.part(2) == HEADER + BODY
        quoted = report.original.get_payload()[0]
        assert quoted["Subject"] == "hello" and quoted.get_payload() == BODY.decode()


@pytest.mark.parametrize("more, whole", [(0, True), (1, False)])
def test_full_ends_at_its_limit(more, whole):
    body = b"a" * 998 + b"\r\n"
    body = (body * 60)[:FULL_MAX - len(HEADER) - 2 + more] + b"\r\n"
    report = Report(write(full=True, body=body)[0])
    assert (report.original.get_content_type() == "message/rfc822") == whole
    assert (b"aaaa" in report.raw) == whole


def test_a_body_that_is_not_all_there_is_not_quoted():
    report = Report(write(full=True, body_size=len(BODY) + 1)[0])
    assert report.original.get_content_type() == "text/rfc822-headers" and b"the body of it" not in report.raw


def test_a_long_header_is_cut_at_a_line():
    field = b"X-Long: " + b"a" * 90 + b"\r\n"
    report = Report(write(full=True, header=field * 500 + b"\r\n")[0])
    quoted = report.part(2)
    assert report.original.get_content_type() == "text/rfc822-headers"
    assert len(quoted) <= HEADER_MAX < len(quoted) + len(field) and quoted == field * (len(quoted) // len(field))


def test_a_message_without_header_or_body_is_quoted():
    for header, body in (b"", b""), (b"\r\n", b""), (b"\r\n", b"text\r\n"), (b"A: b", b""):
        report = Report(write(full=True, header=header, body=body)[0])
        assert report.part(2).startswith(header if header == b"A: b" else b"\r\n" + body)
        Report(write(full=False, header=header, body=body)[0])


@pytest.mark.parametrize("action, name, status, subject, words", [
    (FAILED, "failed", "5.0.0", "Your mail could not be delivered", "could not be delivered"),
    (DELAYED, "delayed", "4.0.0", "Your mail is delayed", "need not send it again"),
    (DELIVERED, "delivered", "2.0.0", "Your mail was delivered", "was delivered to"),
    (RELAYED, "relayed", "2.0.0", "Your mail was passed on", "sends no notices"),
    (EXPANDED, "expanded", "2.0.0", "Your mail was passed on", "members of these lists")])
def test_each_outcome_has_its_words(action, name, status, subject, words):
    report = Report(write(rcpt(action, until=1795500000000))[0])
    one = report.rcpts[0]
    assert (one["Action"], one["Status"], report.mail["Subject"]) == (name, status, subject)
    assert words in report.text.replace("\r\n", " ")
    assert ("Will-Retry-Until" in one) == (action == DELAYED) == ("It is tried until" in report.text)


@pytest.mark.parametrize("action, code, enhanced, status", [
    (FAILED, 550, "5.7.1", "5.7.1"), (FAILED, 550, "", "5.0.0"), (FAILED, 451, "", "4.0.0"), (FAILED, 0, "4.4.7", "4.4.7"),
    (DELAYED, 451, "4.2.0", "4.2.0"), (DELAYED, 0, "", "4.0.0"), (DELIVERED, 250, "2.1.5", "2.1.5"), (DELIVERED, 250, "", "2.0.0"),
    (FAILED, 550, "2.1.5", "5.0.0"), (DELIVERED, 250, "5.1.1", "2.0.0"), (FAILED, 550, ".....", "5.0.0"), (FAILED, 550, "5.1", "5.0.0"),
    (FAILED, 550, "5.1.1.1", "5.0.0"), (FAILED, 550, "5.1.1111", "5.0.0"), (FAILED, 550, "5.1.1\r\nX: y", "5.0.0"), (FAILED, 550, "3.1.1", "5.0.0")])
def test_the_status_is_one(action, code, enhanced, status):
    report = Report(write(rcpt(action, code=code, enhanced=enhanced, words="said", host="h.example"))[0])
    assert report.rcpts[0]["Status"] == status


def test_the_gravest_outcome_gives_the_subject():
    report = Report(write(rcpt(DELIVERED, "a@b.example"), rcpt(DELAYED, "c@d.example"), rcpt(FAILED, "e@f.example"))[0])
    assert report.mail["Subject"] == "Your mail could not be delivered"
    assert [one["Action"] for one in report.rcpts] == ["delivered", "delayed", "failed"]


def test_many_recipients_are_all_named():
    report = Report(write(*[rcpt(FAILED, f"user{n}@example.org", code=550, words=f"no {n}", host="h.example") for n in range(2000)])[0])
    assert [one["Final-Recipient"] for one in report.rcpts] == [f"rfc822;user{n}@example.org" for n in range(2000)]
    assert report.text.count("@example.org>") == 2000


@pytest.mark.parametrize("evil", EVIL, ids=range(len(EVIL)))
@pytest.mark.parametrize("utf8", [False, True])
def test_no_stranger_writes_a_field(evil, utf8):
    escaped = b"".join(b"+%02X" % byte for byte in evil[:150])
    for orcpt in b"rfc822;" + evil, b"rfc822;" + escaped, evil + b";x", b"utf-8;" + evil, b"utf-8;" + escaped, b"utf-8;\\x{0D}\\x{A}":
        for envid in evil, escaped:
            raw, _ = write(rcpt(FAILED, evil, orcpt=orcpt, code=550, enhanced=evil, words=evil, host=evil),
                           rcpt(DELAYED, "a@b.example", orcpt=orcpt, code=0, words=evil), to=evil, envid=envid, hostname=evil,
                           about_id=evil, smtputf8=utf8)
            report = Report(raw, utf8)
            assert len(report.rcpts) == 2
            for block in report.fields:
                assert set(block) <= KNOWN
            if not utf8:
                assert raw.replace(report.words.get_payload(decode=True), b"").isascii()


def test_smtputf8_has_its_own_types():
    raw, needs = write(rcpt(FAILED, "b\u00f6b@example.org", orcpt="utf-8;b\\x{F6}b@example.org", words="k\u00e4se", code=550, host="h.example"),
                       to="\u00e4nna@example.net", smtputf8=True, full=True)
    report = Report(raw, utf8=True)
    assert needs == (True, True)
    assert report.original.get_content_type() == "message/global"
    assert report.rcpts[0]["Final-Recipient"] == "utf-8;b\u00f6b@example.org"
    assert report.rcpts[0]["Original-Recipient"] == "utf-8;b\u00f6b@example.org"
    assert report.rcpts[0]["Diagnostic-Code"].endswith("k\u00e4se")
    assert "To: <\u00e4nna@example.net>\r\n".encode() in raw
    assert Report(write(smtputf8=True, full=False)[0], utf8=True).original.get_content_type() == "message/global-headers"


def test_a_utf8_address_is_told_to_an_ascii_sender():
    """RFC 6533 3: utf-8-addr-xtext where SMTPUTF8 is not in use."""
    report = Report(write(rcpt(FAILED, "b\u00f6b+x@example.org", orcpt="utf-8;b\\x{F6}b@example.org"))[0])
    assert report.rcpts[0]["Final-Recipient"] == "utf-8;b\\x{F6}b\\x{2B}x@example.org"
    assert report.rcpts[0]["Original-Recipient"] == "utf-8;b\\x{F6}b@example.org"


def test_eight_bit_is_told():
    assert write(header=HEADER[:-2] + b"X: \xc3\xa4\r\n\r\n")[1] == (False, True)


def test_words_of_ours_are_not_a_servers():
    one = Report(write(rcpt(FAILED, words="the disk is full"))[0]).rcpts[0]
    assert one["Diagnostic-Code"] == "x-postrider; the disk is full" and "Remote-MTA" not in one
    report = Report(write(rcpt(FAILED, host="mx.example.com[192.0.2.1]:25", enhanced="5.6.3", words="mx.example.com[192.0.2.1]:25 takes no 8-bit bytes"))[0])
    assert "said:" not in report.text and "takes no 8-bit" in report.text and "Remote-MTA" not in report.rcpts[0]


def received(**more):
    rows = {"hostname": "mx.example.org", "id": "ID", "wall": 1795244940000, "helo": "x", "client_ip": "192.0.2.1"}
    rows.update(more)
    return show(list(rows.items()), "received")[0]


@pytest.mark.parametrize("evil", EVIL + [b"x)\rX-Injected: y", b"x) by evil.example (", b"x\\)", b'"', b"(" * 300], ids=range(len(EVIL) + 5))
def test_received_is_one_field_whatever_is_said(evil):
    for name in "helo", "client_name", "client_ip", "tls_version", "tls_cipher", "only_rcpt":
        raw = received(**{"tls": True, "tls_version": "TLSv1.3", name: evil})
        mail = email.message_from_bytes(raw + b"Subject: after\r\n\r\nbody")
        assert mail.keys() == ["Received", "Subject"] and not mail.defects and mail.get_payload() == "body"
        where, when = mail["Received"].rsplit(";", 1)
        assert email.utils.parsedate_to_datetime(when.strip()).timestamp() == 1795244940
        assert "by mx.example.org with ESMTP" in where or "by mx.example.org with SMTP" in where
