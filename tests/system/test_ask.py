"""Domains whose mail is passed on to another server, and whose users a file tells, or that server."""
import os, signal, smtplib, threading, time

import pytest

from conftest import until
from postfix import POSTFIX, Postfix
from sink import Sink

needs_postfix = pytest.mark.skipif(not POSTFIX or os.geteuid() != 0, reason="Postfix runs only as root, and only where it is installed")


@pytest.fixture
def postfix(folder):
    p = Postfix(folder, "127.0.31.1")
    yield p
    p.stop()


@pytest.fixture
def sinks():
    made = []
    yield lambda **more: made.append(Sink("127.0.31.2", **more)) or made[-1]
    for sink in made:
        sink.stop()


def pass_on(server, where, users="ask = yes", kind="smtp", more=""):
    server.extra = f"""domain fix.test {{ deliver = next users = those }}
deliver next {{ {kind} = "{where}" }}
users those {{ {users} }}
outbound {{ tls = none }}
workers {{ relay = 2 }}
retry {{ after = {{300ms}} }}
log {{ level = debug }}
{more}"""
    return server.start()


def rcpt(server, address, client=None):
    """What is said to it at RCPT."""
    def ask(c):
        c.ehlo_or_helo_if_needed()
        c.rset()
        c.mail("sender@elsewhere.test")
        code, words = c.rcpt(address)
        return f"{code} {words.decode()}"
    if client:
        return ask(client)
    with server.smtp() as c:
        return ask(c)


def probes(sink):
    return sum(1 for command in sink.commands if command.upper().startswith("RCPT"))


@needs_postfix
def test_postfix_is_asked(server, postfix):
    postfix.start()
    pass_on(server, f"127.0.31.1:{postfix.port}")
    assert rcpt(server, "u@fix.test").startswith("250 ")
    refused = rcpt(server, "ghost@fix.test")
    assert refused.startswith("550 5.1.1 ") and "User unknown in virtual mailbox table" in refused
    with server.smtp() as client:
        client.sendmail("sender@elsewhere.test", ["u@fix.test", "v@fix.test"], "Subject: on\r\n\r\nto the next\r\n")
    for user in "uv":
        mail, = postfix.wait_mails(user)
        assert b"to the next" in mail
    server.wait_empty()
    asked = postfix.log().count("NOQUEUE: reject: RCPT")
    assert rcpt(server, "ghost@fix.test").startswith("550 5.1.1 ")
    assert postfix.log().count("NOQUEUE: reject: RCPT") == asked
    # It goes away: whom it took before it takes, the others' senders try again.
    postfix.stop()
    assert rcpt(server, "u@fix.test").startswith("250 ")
    assert rcpt(server, "w@fix.test").startswith("451 4.4.1 ")
    with server.smtp() as client:
        client.sendmail("sender@elsewhere.test", ["u@fix.test"], "Subject: waits\r\n\r\nfor it\r\n")
    postfix.start()
    until(lambda: any(b"for it" in mail for mail in postfix.wait_mails("u")))


def test_a_backup_takes_mail_while_its_server_is_away(server, sinks):
    sink = sinks()
    port, where = sink.port, sink.where()
    sink.stop()
    pass_on(server, where, "ask = yes away = accept")
    assert rcpt(server, "anybody@fix.test").startswith("250 ")
    with server.smtp() as client:
        client.sendmail("sender@elsewhere.test", ["anybody@fix.test"], "Subject: x\r\n\r\nx\r\n")
    sink = sinks(port=port, rcpt=lambda argument: "550 5.1.1 nobody" if "ghost" in argument else None)
    until(lambda: sink.mails)
    until(lambda: rcpt(server, "ghost@fix.test").startswith("550 5.1.1 "))


def test_answers_are_remembered(server, sinks):
    sink = sinks(rcpt=lambda argument: "550 5.1.1 nobody" if "ghost" in argument else None)
    pass_on(server, sink.where())
    for _ in range(5):
        assert rcpt(server, "u@fix.test").startswith("250 ")
        assert rcpt(server, "ghost@fix.test") == "550 5.1.1 The server of this domain says: nobody"
    assert probes(sink) == 2 and sink.connections == 1
    assert "MAIL FROM:<>" in [command.strip() for command in sink.commands]
    assert not sink.mails
    until(lambda: "recipient.asked" in server.log())
    server.reload()
    assert rcpt(server, "u@fix.test").startswith("250 ")
    assert probes(sink) == 3


def test_temporary_words_are_no_verdict(server, sinks):
    sink = sinks(rcpt=["450 4.7.1 greylisted", "550 5.1.1 nobody"], greeting=[None, "554 5.7.1 not you"])
    pass_on(server, sink.where())
    assert rcpt(server, "u@fix.test").startswith("451 4.4.1 ")
    assert rcpt(server, "u@fix.test").startswith("550 5.1.1 ")


def test_equal_questions_are_one_and_connections_are_few(server, sinks):
    sink = sinks(rcpt=lambda _: 0.5)
    pass_on(server, sink.where())
    got = []

    def ask(n):
        got.append(rcpt(server, f"u{n % 10}@fix.test"))
    threads = [threading.Thread(target=ask, args=(n,)) for n in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 40 and all(words.startswith("250 ") for words in got)
    assert probes(sink) == 10
    assert sink.connections <= 4


def test_a_server_that_hangs_delays_no_one_else(server, sinks):
    slow, quick = sinks(rcpt="hang"), sinks()
    pass_on(server, slow.where(), more=f'''domain other.test {{ deliver = other users = those }}
deliver other {{ smtp = "{quick.where()}" }}''')
    got = []
    thread = threading.Thread(target=lambda: got.append((rcpt(server, "u@fix.test"), time.monotonic())))
    begin = time.monotonic()
    thread.start()
    until(lambda: probes(slow))
    for n in range(20):
        assert rcpt(server, f"u{n}@other.test").startswith("250 ")
        assert rcpt(server, "alice@example.test").startswith("250 ")
    assert time.monotonic() - begin < 10
    thread.join()
    words, end = got[0]
    assert words.startswith("451 4.4.1 ") and 9 < end - begin < 18


def test_a_relay_that_dies_is_replaced_by_another(server, sinks):
    sink = sinks(rcpt=["hang"])
    pass_on(server, sink.where())
    got = []
    thread = threading.Thread(target=lambda: got.append(rcpt(server, "u@fix.test")))
    thread.start()
    until(lambda: probes(sink))
    for pid in server.children(role="relay"):
        os.kill(pid, signal.SIGKILL)
    thread.join()
    assert got[0][:4] in ("250 ", "451 ")
    until(lambda: rcpt(server, "u@fix.test").startswith("250 "))


def test_lmtp_is_asked(server, sinks):
    sink = sinks(rcpt=lambda argument: "550 5.1.1 nobody" if "ghost" in argument else None)
    pass_on(server, sink.where(), kind="lmtp")
    assert rcpt(server, "ghost@fix.test").startswith("550 5.1.1 ")
    assert rcpt(server, "u@fix.test").startswith("250 ")
    assert sink.commands[0].startswith("LHLO ")


def test_a_file_tells_who_exists(server, sinks, folder):
    sink = sinks()
    with open(f"{folder}/people", "w", encoding="ascii") as f:
        f.write("u@fix.test\n# no one\nv@fix.test\n")
    os.chmod(f"{folder}/people", 0o644)
    pass_on(server, sink.where(), f'file = "{folder}/people"')
    assert rcpt(server, "U@fix.test").startswith("250 ")
    assert rcpt(server, "ghost@fix.test").startswith("550 5.1.1 ")
    assert probes(sink) == 0
    with server.smtp() as client:
        client.sendmail("sender@elsewhere.test", ["u@fix.test", "v@fix.test"], "Subject: on\r\n\r\nto the next\r\n")
    until(lambda: sink.mails)
    assert sorted(sink.mails[0]["rcpts"]) == ["u@fix.test", "v@fix.test"]
    with open(f"{folder}/people", "a", encoding="ascii") as f:
        f.write("ghost@fix.test\n")
    until(lambda: rcpt(server, "ghost@fix.test").startswith("250 "))
