"""Mail to LMTP servers: Dovecot, read back by IMAP; and servers of the worst kind."""
import contextlib, grp, imaplib, os, pwd, re, shutil, socket, subprocess, threading, time

import pytest

from conftest import PATIENCE, USER, free_port, until

PASSWORD = "a long enough password"
DOVECOT = shutil.which("dovecot", path=os.environ.get("PATH", "") + ":/usr/sbin")
needs_dovecot = pytest.mark.skipif(not DOVECOT or not os.path.exists("/usr/lib/dovecot/lmtp"), reason="there is no Dovecot with LMTP here")


class Dovecot:
    """A private one: its own folders, ports and users."""

    def __init__(self, folder, address):
        self.folder, self.address = f"{folder}/dove", address
        self.lmtp_port, self.imap_port = free_port(), free_port()
        self.socket = f"{self.folder}/run/lmtp"
        self.process = None
        os.makedirs(f"{self.folder}/home")
        os.chmod(self.folder, 0o755)
        owner = pwd.getpwnam(USER) if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
        self.write(owner)
        if os.geteuid() == 0:
            os.chown(f"{self.folder}/home", owner.pw_uid, owner.pw_gid)

    def write(self, owner):
        with open(f"{self.folder}/users", "w") as f:
            f.write(f"anna@imap.test:{{PLAIN}}{PASSWORD}::::::\nben@imap.test:{{PLAIN}}{PASSWORD}::::::\n")
            f.write(f"full@imap.test:{{PLAIN}}{PASSWORD}::::::userdb_quota_rule=*:bytes=100\n")
        same_user = "" if os.geteuid() == 0 else f"default_internal_user = {owner.pw_name}\ndefault_login_user = {owner.pw_name}\n" \
            f"default_internal_group = {grp.getgrgid(os.getgid()).gr_name}\n" \
            "service anvil {\n chroot =\n}\nservice imap-login {\n chroot =\n}\nservice stats {\n chroot =\n}\n"
        with open(f"{self.folder}/dovecot.conf", "w") as f:
            f.write(f"""
base_dir = {self.folder}/run
state_dir = {self.folder}/state
log_path = {self.folder}/log
protocols = imap lmtp
listen = {self.address}
ssl = no
disable_plaintext_auth = no
hostname = dove.imap.test
postmaster_address = postmaster@imap.test
recipient_delimiter = +
mail_uid = {owner.pw_uid}
mail_gid = {owner.pw_gid}
first_valid_uid = 1
mail_home = {self.folder}/home/%d/%n
mail_location = maildir:~/Maildir
mail_plugins = quota
plugin {{
  quota = maildir:User quota
  quota_rule = *:storage=200M
  quota_grace = 0
}}
passdb {{
  driver = passwd-file
  args = username_format=%u {self.folder}/users
}}
userdb {{
  driver = passwd-file
  args = username_format=%u {self.folder}/users
}}
service lmtp {{
  unix_listener lmtp {{
    mode = 0666
  }}
  inet_listener lmtp {{
    address = {self.address}
    port = {self.lmtp_port}
  }}
}}
service imap-login {{
  inet_listener imap {{
    port = {self.imap_port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
{same_user}""")

    def start(self):
        self.process = subprocess.Popen([DOVECOT, "-F", "-c", f"{self.folder}/dovecot.conf"], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)

        def greeting():
            assert self.process.poll() is None, open(f"{self.folder}/log").read()
            with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as s:
                s.settimeout(2)
                s.connect(self.socket)
                return s.recv(4) == b"220 "
        until(greeting)
        return self

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait(PATIENCE)
            self.process = None

    def mails(self, user):
        """All in the mailbox, as bytes."""
        client = imaplib.IMAP4(self.address, self.imap_port, timeout=PATIENCE)
        try:
            client.login(f"{user}@imap.test", PASSWORD)
            client.select(readonly=True)
            numbers = client.search(None, "ALL")[1][0].split()
            return [client.fetch(n, "(BODY.PEEK[])")[1][0][1] for n in numbers]
        finally:
            client.logout()

    def wait_mails(self, user, count=1):
        until(lambda: len(self.mails(user)) >= count)
        got = self.mails(user)
        assert len(got) == count
        return got


def to_lmtp(server, where, users=("anna", "ben", "full", "ghost"), more=""):
    """A domain imap.test whose mail goes there."""
    server.extra = f"""
domain imap.test {{ deliver = imap subaddress = "+" }}
deliver imap {{ lmtp = "{where}" }}
retry {{ after = {{300ms}} }}
{more}"""
    return server.start(users=("alice@example.test", *(f"{u}@imap.test" for u in users)))


@pytest.fixture
def dovecot(folder):
    d = Dovecot(folder, "127.0.24.2")
    yield d
    d.stop()


@needs_dovecot
@pytest.mark.parametrize("way", ["unix", "tcp"])
def test_mail_arrives_and_is_read_by_imap(server, dovecot, way):
    dovecot.start()
    to_lmtp(server, f"unix:{dovecot.socket}" if way == "unix" else f"{dovecot.address}:{dovecot.lmtp_port}")
    message_id = server.send(to="anna@imap.test", body="..two dots\r\n.\r\n.one dot\r\nend")
    mail, = dovecot.wait_mails("anna")
    assert b"\r\n\r\n..two dots\r\n.\r\n.one dot\r\nend\r\n" in mail
    assert message_id.encode() in mail
    server.wait_empty()
    line = until(lambda: [line for line in server.log().splitlines() if "status=sent" in line])[0]
    assert "to=<anna@imap.test>, relay=" in line and "dsn=2.0.0" in line and "Saved)" in line


@needs_dovecot
def test_the_subaddress_is_kept(server, dovecot):
    dovecot.start()
    to_lmtp(server, f"unix:{dovecot.socket}")
    server.send(to="anna+lists@imap.test")
    assert b"Delivered-To: anna+lists@imap.test\r\n" in dovecot.wait_mails("anna")[0]


@needs_dovecot
def test_who_is_refused_is_bounced_and_the_others_have_it(server, dovecot):
    dovecot.start()
    to_lmtp(server, f"unix:{dovecot.socket}")
    server.send(to=["anna@imap.test", "ghost@imap.test", "full@imap.test", "ben@imap.test"], sender="alice@example.test", body="x" * 500)
    assert len(dovecot.wait_mails("anna")) == len(dovecot.wait_mails("ben")) == 1
    told = {}
    for part in server.wait_mails(1)[0].walk():
        if part["Final-Recipient"]:
            told[part["Final-Recipient"].split(";")[1].strip()] = part["Status"]
    assert told == {"ghost@imap.test": "5.1.1", "full@imap.test": "5.2.2"}
    server.wait_empty()
    assert not dovecot.mails("full")


@needs_dovecot
def test_a_server_that_is_down_gets_it_later(server, dovecot):
    to_lmtp(server, f"unix:{dovecot.socket}")
    server.send(to="anna@imap.test")
    until(lambda: "status=deferred" in server.log())
    dovecot.start()
    dovecot.wait_mails("anna")
    server.wait_empty()
    dovecot.stop()
    server.send(to="anna@imap.test")
    until(lambda: server.log().count("status=deferred") >= 2)
    dovecot.start()
    dovecot.wait_mails("anna", 2)


@needs_dovecot
def test_a_message_of_30_mb_is_unchanged(server, dovecot):
    dovecot.start()
    to_lmtp(server, f"{dovecot.address}:{dovecot.lmtp_port}")
    body = "\r\n".join(("." * (n % 7) + f"{n:070d}") for n in range(400000))
    assert len(body) > 29e6
    server.send(to="anna@imap.test", body=body)
    mail, = dovecot.wait_mails("anna")
    assert mail.split(b"\r\n\r\n", 1)[1] == body.encode() + b"\r\n"


@needs_dovecot
def test_many_mails_over_a_few_connections(server, dovecot):
    dovecot.start()
    to_lmtp(server, f"unix:{dovecot.socket}")
    with server.smtp() as client:
        for n in range(100):
            client.sendmail("someone@example.net", ["anna@imap.test"], f"Subject: {n}\r\n\r\nHello.\r\n")
    mails = dovecot.wait_mails("anna", 100)
    assert {int(m.split(b"Subject: ")[1].split(b"\r\n")[0]) for m in mails} == set(range(100))
    connects = open(f"{dovecot.folder}/log").read().count(": Connect from")
    assert 1 <= connects <= 40


class Sink:
    """An LMTP server that does what it is told: replies by command, None hangs up, "" says nothing."""

    def __init__(self, folder, path="sink"):
        self.path = f"{folder}/{path}"
        self.replies = {}
        self.mails, self.connections, self.commands = [], 0, []
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(self.path)
        os.chmod(self.path, 0o666)
        self.socket.listen(50)
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self.session, args=(connection,), daemon=True).start()

    def say(self, connection, stage, usual):
        """False when it hung up."""
        reply = self.replies.get(stage, usual)
        if callable(reply):
            reply = reply()
        if reply is None:
            return False
        connection.sendall(reply.encode())
        return True

    def session(self, connection):
        with contextlib.suppress(OSError), connection, connection.makefile("rb") as lines:
            self.dialogue(connection, lines)

    def dialogue(self, connection, lines):
        rcpts = 0
        if not self.say(connection, "greeting", "220 sink\r\n"):
            return
        for line in lines:
            command = line[:4].decode().upper()
            self.commands.append(line.decode().strip())
            if not self.say(connection, command, {"LHLO": "250-sink\r\n250 PIPELINING\r\n", "DATA": "354 go\r\n", "QUIT": "221 bye\r\n"}.get(command, "250 ok\r\n")):
                return
            rcpts = 0 if command == "MAIL" else rcpts + (command == "RCPT")
            if command == "DATA" and "DATA" not in self.replies:
                self.take(connection, lines, rcpts)
                if not all([self.say(connection, "dot", "250 2.0.0 kept\r\n") for _ in range(rcpts)]):
                    return

    def take(self, connection, lines, rcpts):
        text = []
        for line in lines:
            if line == b".\r\n":
                self.mails.append(b"".join(text))
                return
            text.append(line[1:] if line.startswith(b".") else line)

    def close(self):
        """The thread that waits in accept ends first."""
        self.socket.shutdown(socket.SHUT_RDWR)
        self.thread.join(PATIENCE)
        assert not self.thread.is_alive()
        self.socket.close()


@pytest.fixture
def sink(folder):
    s = Sink(folder)
    yield s
    s.close()


@pytest.mark.parametrize("stage", ["greeting", "LHLO", "MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize("trouble", [None, "421 4.3.2 bye\r\n", "\0\0\0\r\n", "250-\r\n" * 1000], ids=["leaves", "421", "nul", "flood"])
def test_trouble_at_each_stage_puts_the_mail_off(server, sink, stage, trouble):
    sink.replies[stage] = trouble
    to_lmtp(server, f"unix:{sink.path}")
    server.send(to="anna@imap.test")
    until(lambda: "status=deferred" in server.log())
    assert not sink.mails
    del sink.replies[stage]
    until(lambda: sink.mails)
    server.wait_empty()
    assert len(sink.mails) == 1


def test_a_connection_lost_after_the_dot_may_deliver_twice_but_never_not(server, sink):
    lost = [None]
    sink.replies["dot"] = lambda: lost.pop() if lost else "250 2.0.0 kept\r\n"
    to_lmtp(server, f"unix:{sink.path}")
    server.send(to="anna@imap.test")
    until(lambda: len(sink.mails) == 2)
    server.wait_empty()
    assert "it may have the message" in server.log()


def test_a_greeting_of_554_puts_the_site_off_and_bounces_nothing(server, sink):
    sink.replies["greeting"] = "554 5.3.2 no service\r\n"
    to_lmtp(server, f"unix:{sink.path}")
    server.send(to="anna@imap.test", sender="alice@example.test")
    until(lambda: re.search(r"dsn=4\.3\.2, status=deferred \(.*no service\)", server.log()))
    del sink.replies["greeting"]
    until(lambda: sink.mails)
    server.wait_empty()
    assert not server.mails()


def test_what_the_server_says_comes_back_in_the_bounce(server, sink):
    sink.replies["dot"] = "554 5.6.0 I do not like it\r\n"
    to_lmtp(server, f"unix:{sink.path}")
    server.send(to="anna@imap.test", sender="alice@example.test")
    bounce = str(server.wait_mails(1)[0])
    assert "554 5.6.0 I do not like it" in bounce and "Status: 5.6.0" in bounce


def test_a_slow_reader_holds_back_but_one(server, sink):
    """It takes a byte now and then: other mail goes on beside it."""
    slow = socket.socket(socket.AF_UNIX)
    slow.bind(f"{server.folder}/slow")
    os.chmod(f"{server.folder}/slow", 0o666)
    slow.listen(1)
    to_lmtp(server, f"unix:{sink.path}", more=f'domain slow.test {{ deliver = slow }}\ndeliver slow {{ lmtp = "unix:{server.folder}/slow" }}\n')
    server.add_user("anna@slow.test")
    server.send(to="anna@slow.test", body="x" * 70 + ("\r\n" + "y" * 70) * 50000)
    slow.settimeout(PATIENCE)
    connection, _ = slow.accept()
    connection.sendall(b"220 slow\r\n250 slow\r\n250 ok\r\n250 ok\r\n354 go\r\n")
    time.sleep(0.3)
    for _ in range(10):
        server.send(to="anna@imap.test")
    until(lambda: len(sink.mails) == 10)
    connection.close()
    slow.close()


def test_a_reload_cuts_no_mail(server, sink):
    to_lmtp(server, f"unix:{sink.path}")
    for n in range(30):
        server.send(to="anna@imap.test")
        if n % 10 == 5:
            server.reload()
    until(lambda: len(sink.mails) >= 30)
    server.wait_empty()
    assert len(sink.mails) == 30


def submit(server, to, options=(), rcpt_options=(), subject="plain", body="Hello."):
    with server.smtp() as client:
        client.ehlo()
        client.sendmail("alice@example.test", to, f"Subject: {subject}\r\n\r\n{body}\r\n".encode(), mail_options=list(options), rcpt_options=list(rcpt_options))


def test_smtputf8_is_asked_for_where_it_is_needed(server, sink):
    sink.replies["LHLO"] = "250-sink\r\n250-PIPELINING\r\n250 8BITMIME\r\n"
    to_lmtp(server, f"unix:{sink.path}")
    submit(server, ["anna@imap.test"], ["SMTPUTF8", "BODY=8BITMIME"])
    submit(server, ["anna@imap.test"], ["SMTPUTF8"], body="grüße")
    until(lambda: len(sink.mails) == 2)
    assert sorted(c for c in sink.commands if c.startswith("MAIL")) == ["MAIL FROM:<alice@example.test>", "MAIL FROM:<alice@example.test> BODY=8BITMIME"]
    submit(server, ["anna@imap.test"], ["SMTPUTF8"], subject="grüße")
    assert "Status: 5.6.7" in str(server.wait_mails(1)[0])
    assert len(sink.mails) == 2


def test_8_bit_bytes_at_the_end_of_a_large_body_are_declared(server, sink):
    sink.replies["LHLO"] = "250-sink\r\n250-PIPELINING\r\n250 8BITMIME\r\n"
    to_lmtp(server, f"unix:{sink.path}")
    submit(server, ["anna@imap.test"], body=("x" * 70 + "\r\n") * 10000 + "grüße")
    until(lambda: sink.mails)
    assert "BODY=8BITMIME" in [c for c in sink.commands if c.startswith("MAIL")][0]


@pytest.mark.parametrize("offers", [True, False])
def test_success_is_told_by_one(server, sink, offers):
    sink.replies["LHLO"] = "250-sink\r\n250-PIPELINING\r\n250 DSN\r\n" if offers else "250-sink\r\n250 PIPELINING\r\n"
    to_lmtp(server, f"unix:{sink.path}")
    submit(server, ["anna@imap.test"], rcpt_options=["NOTIFY=SUCCESS,FAILURE"])
    until(lambda: sink.mails)
    if offers:
        server.wait_empty()
        assert "RCPT TO:<anna@imap.test> NOTIFY=SUCCESS,FAILURE" in " ".join(sink.commands) and not server.mails()
    else:
        assert "Action: delivered" in str(server.wait_mails(1)[0])
