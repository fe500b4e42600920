"""Clients that mean harm, and machines that lack something: what only real sockets and /proc can show."""
import concurrent.futures, contextlib, glob, os, random, select, socket, ssl, struct, subprocess, time

import pytest

from conftest import BUILD, PATIENCE, SANITIZED, USER, free_port, until

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
BALANCER = "127.0.0.2"
V2_MARK = b"\r\n\r\n\0\r\nQUIT\n"
SHORT = "timeout { greeting = 2s command = 2s data = 2s session = 10s }"
ENVELOPE = b"MAIL FROM:<a@example.net>\r\nRCPT TO:<alice@example.test>\r\n"


class Peer:
    """A client that says what it is told to; the address it comes from may be told too."""

    def __init__(self, port, source=None, first=b"", greeted=True):
        self.s = socket.create_connection(("127.0.0.1", port), PATIENCE, (source, 0) if source else None)
        self.s.settimeout(PATIENCE)
        self.f = self.s.makefile("rb")
        if first:
            self.s.sendall(first)
        if greeted:
            self.greeting = self.reply()
            assert self.greeting.startswith(b"220 "), self.greeting

    def reply(self):
        """The last line of a reply; b"" when there is none any more."""
        with contextlib.suppress(ConnectionError):
            while (line := self.f.readline())[3:4] == b"-":
                pass
            return line
        return b""

    def ask(self, words):
        self.s.sendall(words + b"\r\n")
        return self.reply()

    def to_data(self):
        for words, code in ((b"EHLO c.example.net", b"250"), *((line, b"250") for line in ENVELOPE.split(b"\r\n")[:2]), (b"DATA", b"354")):
            assert (got := self.ask(words)).startswith(code), (words, got)

    def reset(self):
        """The way of a client that dies: RST, no FIN."""
        self.s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.f.close()
        self.s.close()

    def close(self):
        self.f.close()
        self.s.close()


def proxy_v1(source, port=4711, to="127.0.0.1"):
    return f"PROXY TCP{6 if ':' in source else 4} {source} {to} {port} 25\r\n".encode()


def proxy_v2(source, command=1):
    family = socket.AF_INET6 if ":" in source else socket.AF_INET
    to = "::1" if ":" in source else "127.0.0.1"
    body = socket.inet_pton(family, source) + socket.inet_pton(family, to) + struct.pack("!HH", 4711, 25)
    body += b"\x20\0\4abcd"  # a field that nobody knows
    return V2_MARK + bytes([0x20 | command, 0x21 if ":" in source else 0x11]) + struct.pack("!H", len(body)) + body


def limits(server, words):
    """Those words instead of the fixture's wide limits of connections."""
    server.config = server.text().replace("limit connections { address = 1000 network = 1000 }", words)


def sessions(server):
    return sum(row.get("sessions", 0) for row in server.json("status"))


def nobody_died(server):
    assert all(row["restarts"] == 0 for row in server.json("status") if "restarts" in row), server.json("status")


def seconds_of_cpu(pid):
    words = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def memory(pid):
    for line in open(f"/proc/{pid}/status"):
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0


# ---- clients that take time ---------------------------------------------------------------------


@pytest.mark.parametrize("how", ["silent", "greeted", "in DATA"])
def test_a_hundred_clients_that_say_nothing_delay_nobody(running, how):
    peers = [Peer(running.port, greeted=how != "silent") for _ in range(100)]
    if how == "in DATA":
        for peer in peers:
            peer.to_data()
            peer.s.sendall(b"Subject: never ends\r\n")
    began = time.monotonic()
    running.send(body="served meanwhile")
    assert time.monotonic() - began < 5
    running.wait_mails(1)
    for peer in peers:
        peer.close()
    until(lambda: sessions(running) == 0)
    nobody_died(running)


def drip(server, to, words, every):
    """Says words octet by octet; returns the seconds it was listened to, and the last reply."""
    peer = Peer(server.port)
    if to == "command":
        assert peer.ask(b"EHLO c.example.net").startswith(b"250")
    if to == "data":
        peer.to_data()
    began = time.monotonic()
    peer.s.settimeout(every)
    for octet in (words * 1000):
        try:
            peer.s.sendall(bytes([octet]))
            got = peer.s.recv(512)
            if not got or got.startswith(b"421"):
                return time.monotonic() - began, got
        except socket.timeout:
            pass
        except ConnectionError:
            return time.monotonic() - began, b""
        if time.monotonic() - began > PATIENCE * 2:
            break
    return None, b"it went on and on"


def test_octets_buy_no_time(server):
    """One every now and then, which no timeout between two octets would ever end."""
    server.listen = SHORT
    server.start()
    ways = {"greeting": (b"EHLO c.example.net", 2), "command": (b"NOOP x", 2), "data": (b"never a whole block ", 2)}
    with concurrent.futures.ThreadPoolExecutor() as threads:
        drips = {way: threads.submit(drip, server, way, words, 0.3) for way, (words, _) in ways.items()}
        for way, (_, most) in ways.items():
            lasted, last = drips[way].result()
            assert lasted is not None and most - 0.5 < lasted < most + 2, (way, lasted, last)
            assert last.startswith(b"421 4.4.2"), (way, last)
    assert running_still(server)


def running_still(server):
    with contextlib.closing(Peer(server.port)) as peer:
        return peer.ask(b"EHLO c.example.net").startswith(b"250")


def test_commands_without_a_message_have_an_end(server):
    """Whole commands keep the command's time, not the session's."""
    server.listen = SHORT
    server.start()
    peer, began, last = Peer(server.port), time.monotonic(), b"250"
    assert peer.ask(b"EHLO c.example.net").startswith(b"250")
    while last.startswith(b"250") and time.monotonic() - began < 20:
        time.sleep(0.5)
        with contextlib.suppress(ConnectionError):
            last = peer.ask(b"NOOP")
    assert last.startswith(b"421 4.4.2") and 9 < time.monotonic() - began < 13


def test_a_handshake_that_stands_still_is_ended(server):
    server.listen = SHORT
    server.start()
    peer = Peer(server.port)
    peer.ask(b"EHLO c.example.net")
    assert peer.ask(b"STARTTLS").startswith(b"220")
    peer.s.sendall(b"\x16\x03\x01")
    began = time.monotonic()
    assert peer.s.recv(512) == b""
    assert time.monotonic() - began < 6
    assert running_still(server)


def test_a_client_that_never_reads_costs_little(server):
    server.listen = "max_commands = off timeout { greeting = 2s command = 3s data = 3s session = 10s }"
    server.extra = "workers { mx = 1 }"
    server.start()
    pid = server.children("smtpd")[0]
    before = memory(pid)
    peer = Peer(server.port)
    assert peer.ask(b"EHLO c.example.net").startswith(b"250")
    peer.s.settimeout(0.5)
    said, commands = 0, b"HELP\r\n" * 10000
    with contextlib.suppress(OSError):
        while said < 64 << 20:
            said += peer.s.send(commands)
    assert said < 64 << 20
    assert memory(pid) - before < (64 << 20 if SANITIZED else 8 << 20)
    server.send(body="another is served")
    until(lambda: sessions(server) == 0)
    nobody_died(server)


# ---- clients that leave ----------------------------------------------------------------------------


STAGES = {
    "greeting": b"", "EHLO": b"EHLO c.example.net\r\n", "MAIL": b"EHLO c\r\n" + ENVELOPE[:27], "RCPT": b"EHLO c.example.net\r\n" + ENVELOPE,
    "DATA": b"EHLO c.example.net\r\n" + ENVELOPE + b"DATA\r\n", "body": b"EHLO c.example.net\r\n" + ENVELOPE + b"DATA\r\nSubject: half\r\n\r\n" + b"x" * 70000,
    "dot": b"EHLO c.example.net\r\n" + ENVELOPE + b"DATA\r\nSubject: half\r\n\r\n.\r", "chunk": b"EHLO c.example.net\r\n" + ENVELOPE + b"BDAT 100000 LAST\r\nSubject: half\r\n\r\n",
    "STARTTLS": b"EHLO c.example.net\r\nSTARTTLS\r\n",
}


@pytest.mark.parametrize("way", ["reset", "close"])
def test_who_leaves_at_any_stage_leaves_nothing(server, way):
    server.listen = "early_talk = note"
    server.start()
    until(lambda: sessions(server) == 0)
    before = {pid: descriptors(pid) for pid in server.children("smtpd")}
    for stage, words in STAGES.items():
        for wait in (0, 0, 0.01):
            peer = Peer(server.port)
            for line in words.splitlines(keepends=True):
                peer.s.sendall(line)
                time.sleep(wait)
            getattr(peer, way)()
    until(lambda: sessions(server) == 0)
    until(lambda: {pid: descriptors(pid) for pid in server.children("smtpd")} == before)
    server.send(body="the only one")
    server.wait_mails(1)
    server.wait_empty()
    nobody_died(server)


def test_who_says_all_at_once_and_leaves_ends_nobody_else(server):
    """DATA is said, and its client gone, before auth has answered RCPT: each address is a new one, so that it is asked."""
    server.listen = "early_talk = note dmarc = enforce"
    server.start()
    for n in range(200):
        peer = Peer(server.port)
        peer.s.sendall(f"EHLO c.example.net\r\nMAIL FROM:<a@example.net>\r\nRCPT TO:<alice+{n}@example.test>\r\nDATA\r\n".encode())
        peer.close()
    until(lambda: sessions(server) == 0)
    nobody_died(server)


def test_sessions_of_one_worker_never_mix(server):
    """Their steps in any order: each message has its own sender, recipient and body."""
    server.extra = "workers { mx = 1 }"
    server.start()
    dice = random.Random(4)
    waiting = {n: [b"EHLO c.example.net", f"MAIL FROM:<from{n}@example.net>".encode(), f"RCPT TO:<{('alice', 'bob')[n % 2]}+{n}@example.test>".encode(), b"DATA",
                   f"Subject: {n}\r\n\r\nbody of {n}\r\n.".encode()] for n in range(50)}
    peers = {n: Peer(server.port) for n in waiting}
    while waiting:
        n = dice.choice(list(waiting))
        words = waiting[n].pop(0)
        assert peers[n].ask(words)[:1] in (b"2", b"3"), words
        if not waiting[n]:
            del waiting[n]
    for user in ("alice", "bob"):
        for mail in server.wait_mails(25, user=user):
            n = int(mail["Subject"])
            assert mail["Return-Path"] == f"<from{n}@example.net>" and mail["Delivered-To"] == f"{('alice', 'bob')[n % 2]}+{n}@example.test"
            assert mail.get_payload() == f"body of {n}\n"


# ---- TLS ---------------------------------------------------------------------------------------------


def s_client(server, *words, say=b"QUIT\r\n"):
    """What openssl's client tells; it ends with its input."""
    return subprocess.run(["openssl", "s_client", "-starttls", "smtp", "-name", "c.example.net", "-connect", f"127.0.0.1:{server.port}", *words], input=say,
                          capture_output=True, timeout=PATIENCE)


def test_a_client_may_not_renegotiate(running):
    done = s_client(running, "-tls1_2", say=b"R\n")
    assert b"RENEGOTIATING" in done.stdout + done.stderr
    assert b"no renegotiation" in done.stderr or done.returncode
    assert running_still(running)


@pytest.mark.parametrize("name", ["mx.example.test\\", "../../tls/key.pem", "/etc/passwd", "x" * 250, "mx.example.test.", "*"])
def test_the_name_that_a_client_wants_is_never_a_path(running, name):
    done = s_client(running, "-servername", name)
    assert b"CN = mx.example.test" in done.stdout or b"alert" in done.stderr, done
    assert running_still(running)
    nobody_died(running)


def test_a_clients_certificate_is_not_asked_for(running):
    running.certificate("client.example.net")
    done = s_client(running, "-cert", f"{running.folder}/tls/cert.pem", "-key", f"{running.folder}/tls/key.pem")
    assert b"No client certificate CA names sent" in done.stdout
    assert b"Verification" in done.stdout and running_still(running)


@pytest.mark.parametrize("begin,half", [(b"DATA", b"Subject: half\r\n\r\nx\r\n"), (b"BDAT 1000 LAST", b"Subject: half\r\n\r\n")])
def test_a_body_that_ends_with_its_tls_is_nothing(running, begin, half):
    peer = Peer(running.port)
    peer.ask(b"EHLO c.example.net")
    assert peer.ask(b"STARTTLS").startswith(b"220")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    tls = context.wrap_socket(peer.s, server_hostname="mx.example.test")
    tls.sendall(b"EHLO c.example.net\r\n")
    tls.recv(4096)
    for line in ENVELOPE.splitlines(keepends=True):
        tls.sendall(line)
        assert tls.recv(512).startswith(b"250")
    tls.sendall(begin + b"\r\n" + half)
    with contextlib.suppress(OSError):
        tls.unwrap()
    peer.s.close()
    until(lambda: sessions(running) == 0)
    running.send(body="the only one")
    running.wait_mails(1)
    nobody_died(running)


def test_handshakes_of_a_crowd_delay_no_mail(running):
    """Each costs a signature; who speaks in the clear is served between them."""
    stop = time.monotonic() + 4
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE

    def shake():
        while time.monotonic() < stop:
            with contextlib.suppress(OSError):
                peer = Peer(running.port)
                peer.ask(b"EHLO c.example.net")
                peer.ask(b"STARTTLS")
                context.wrap_socket(peer.s).close()
                peer.close()
    with concurrent.futures.ThreadPoolExecutor(8) as threads:
        for _ in range(8):
            threads.submit(shake)
        while time.monotonic() < stop - 0.5:
            began = time.monotonic()
            running.send()
            assert time.monotonic() - began < 3
    nobody_died(running)


# ---- what a machine may lack -----------------------------------------------------------------------


def descriptors(pid):
    """Those in use: the first free one tells where nobody may look."""
    with contextlib.suppress(PermissionError):
        return len(os.listdir(f"/proc/{pid}/fd"))
    return 24


def test_without_descriptors_clients_wait_and_nothing_spins(server):
    server.extra = "workers { mx = 1 }"
    server.start()
    until(lambda: sessions(server) == 0)
    pid = server.children("smtpd")[0]
    as_its_user = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups"] if os.geteuid() == 0 else []
    subprocess.run([*as_its_user, "prlimit", f"--pid={pid}", f"--nofile={descriptors(pid) + 5}"], check=True)
    peers = [Peer(server.port, greeted=False) for _ in range(40)]
    before = seconds_of_cpu(pid)
    time.sleep(2.5)
    assert seconds_of_cpu(pid) - before < 0.5
    ready = select.select([peer.s for peer in peers], [], [], 0)[0]
    assert 1 <= len(ready) < 40
    served = 0
    while peers:  # each that leaves makes room for one that waits
        ready = select.select([peer.s for peer in peers], [], [], PATIENCE)[0]
        assert ready
        for peer in [p for p in peers if p.s in ready]:
            assert peer.reply().startswith((b"220 ", b"421 "))
            served += 1
            peer.close()
            peers.remove(peer)
    assert served == 40
    server.send(body="it recovers")
    nobody_died(server)


# ---- balancers ----------------------------------------------------------------------------------------


@pytest.fixture
def balanced(server):
    server.listen = f'proxy = {{"{BALANCER}/32"}}'
    return server


@pytest.mark.parametrize("header,source", [(proxy_v1, "203.0.113.9"), (proxy_v2, "203.0.113.9"), (proxy_v2, "2001:db8::9")])
def test_a_balancer_tells_who_the_client_is(balanced, header, source):
    balanced.start()
    peer = Peer(balanced.port, BALANCER, header(source))
    peer.to_data()
    assert peer.ask(b"Subject: balanced\r\n\r\nx\r\n.").startswith(b"250")
    mail, = balanced.wait_mails(1)
    assert source in mail["Received"] and BALANCER not in mail["Received"]
    until(lambda: f"client={source}" in balanced.log())


def test_a_balancer_that_asks_after_our_health_is_itself(balanced):
    balanced.start()
    peer = Peer(balanced.port, BALANCER, proxy_v2("203.0.113.9", command=0))
    assert peer.ask(b"EHLO c.example.net").startswith(b"250")
    assert "client=203.0.113.9" not in balanced.log()


@pytest.mark.parametrize("words", [b"EHLO c.example.net\r\n", b"PROXY TCP4 203.0.113.9\r\n", V2_MARK + b"\x31\x11\0\x0c" + bytes(12), b"PROXY " + b"x" * 200])
def test_a_balancer_without_a_good_header_is_not_served(balanced, words):
    balanced.start()
    peer = Peer(balanced.port, BALANCER, words, greeted=False)
    assert not peer.reply().startswith(b"220")
    nobody_died(balanced)


def test_nobody_else_may_say_who_it_is(balanced):
    balanced.start()
    peer = Peer(balanced.port)
    assert peer.ask(b"PROXY TCP4 203.0.113.9 127.0.0.1 4711 25").startswith(b"5")
    assert "client=203.0.113.9" not in balanced.log()


# ---- limits ----------------------------------------------------------------------------------------------


def test_connections_are_limited_by_address_and_network(balanced):
    limits(balanced, "limit connections { address = 2 network = 3 }")
    balanced.start()
    for net, other in (("203.0.113.", "198.51.100.7"), ("2001:db8:0:1::", "2001:db8:1::7")):
        to = "::1" if ":" in net else "127.0.0.1"
        one = lambda source: Peer(balanced.port, BALANCER, proxy_v1(source, to=to), greeted=False)
        kept = [one(net + "1"), one(net + "1")]
        assert all(peer.reply().startswith(b"220 ") for peer in kept)
        assert one(net + "1").reply().startswith(b"421 4.7.0")
        kept.append(one(net + "2"))
        assert kept[-1].reply().startswith(b"220 ")
        assert one(net + "3").reply().startswith(b"421 4.7.0")
        assert one(other).reply().startswith(b"220 ")
        kept.pop(0).close()
        until(lambda: one(net + "3").reply().startswith(b"220 "))
    until(lambda: "too many connections" in balanced.log())


def test_messages_are_limited_by_rate_in_all_workers_together(balanced):
    balanced.listen += " limit mail { address = 3/h network = 5/h }"
    balanced.extra = "workers { mx = 4 }"
    balanced.start()

    def mail(source):
        peer = Peer(balanced.port, BALANCER, proxy_v1(source))
        assert peer.ask(b"EHLO c.example.net").startswith(b"250")
        got = peer.ask(b"MAIL FROM:<a@example.net>")
        peer.close()
        return got[:3]
    assert [mail("203.0.113.1") for _ in range(4)] == [b"250"] * 3 + [b"451"]
    assert [mail("203.0.113.2") for _ in range(3)] == [b"250"] * 2 + [b"451"]
    assert mail("198.51.100.1") == b"250"


# ---- who does not wait, and who lies -------------------------------------------------------------------------


@pytest.mark.parametrize("early,code", [("refuse", b"554"), ("note", b"220")])
def test_who_talks_before_the_greeting_is_known_for_it(server, early, code):
    server.listen = f"greet_delay = 1s early_talk = {early}"
    server.start()
    began = time.monotonic()
    patient = Peer(server.port)
    assert time.monotonic() - began > 0.9
    patient.close()
    peer = Peer(server.port, first=b"EHLO c.example.net\r\n", greeted=False)
    assert peer.reply().startswith(code)
    until(lambda: "early talk" in server.log())


def test_our_own_name_in_a_strangers_mouth_is_refused(balanced):
    balanced.start()
    for name in (b"mx.example.test", b"MX.Example.Test", b"[127.0.0.1]", b"127.0.0.1", b"203.0.113.9"):
        peer = Peer(balanced.port, BALANCER, proxy_v1("203.0.113.9"))
        assert peer.ask(b"EHLO " + name).startswith(b"550 5.7.1"), name
        assert peer.ask(ENVELOPE.split(b"\r\n")[0]).startswith(b"503")
        assert peer.ask(b"EHLO c.example.net").startswith(b"250")
        peer.close()


# ---- a server that changes while mail comes ------------------------------------------------------------------


@pytest.mark.parametrize("size", [100, 3 << 20])
def test_a_reload_cuts_no_body(server, size):
    server.extra = "reload { idle = 1s deadline = 30s }"
    server.start()
    old = set(server.children("smtpd"))
    peer = Peer(server.port)
    peer.to_data()
    line = b"x" * 70 + b"\r\n"
    body = line * (size // len(line) + 1)
    peer.s.sendall(b"Subject: over a reload\r\n\r\n" + body)
    server.reload()
    until(lambda: set(server.children("smtpd")) - old)
    time.sleep(1.5)  # longer than what is idle may stay
    assert peer.ask(body + b".").startswith(b"250")
    mail, = server.wait_mails(1)
    assert mail.get_payload() == 2 * body.decode().replace("\r\n", "\n")
    peer.close()
    until(lambda: not old & set(server.children("smtpd")))


def test_an_idle_session_of_the_old_generation_is_told_to_come_again(server):
    server.extra = "reload { idle = 1s deadline = 30s }"
    server.start()
    peer = Peer(server.port)
    assert peer.ask(b"EHLO c.example.net").startswith(b"250")
    old = set(server.children("smtpd"))
    server.reload()
    assert peer.reply().startswith(b"421 4.3.2")
    until(lambda: not old & set(server.children("smtpd")))


def test_an_old_generation_ends_at_its_deadline(server):
    server.extra = "reload { idle = 1s deadline = 2s }"
    server.start()
    peer = Peer(server.port)
    peer.to_data()
    old = set(server.children("smtpd"))
    server.reload()
    assert peer.reply()[:3] in (b"421", b"")
    until(lambda: not old & set(server.children("smtpd")))
    server.send(body="the new one serves")
    server.wait_mails(1)


# ---- programs ---------------------------------------------------------------------------------------------------


def programs():
    return [f"{BUILD}/postrider", *sorted(path for path in glob.glob(f"{BUILD}/libexec/*") if os.access(path, os.X_OK) and os.path.isfile(path))]


def test_programs_are_hardened():
    assert len(programs()) >= 7
    for path in programs():
        read = lambda *words: subprocess.run(["readelf", "-W", *words, path], check=True, capture_output=True, text=True).stdout
        assert "DYN (Position-Independent" in read("-h"), path
        segments = read("-l")
        assert "GNU_RELRO" in segments, path
        stack = next(line for line in segments.splitlines() if "GNU_STACK" in line)
        assert " RW " in stack and "E" not in stack.split()[-2], path
        assert not any(" RWE " in line for line in segments.splitlines()), path
        dynamic = read("-d")
        assert "NOW" in dynamic and "RPATH" not in dynamic and "RUNPATH" not in dynamic and "TEXTREL" not in dynamic, path
        assert "__stack_chk_fail" in read("--dyn-syms"), path


@as_root
def test_programs_learn_nothing_of_our_environment(server):
    server.environment["POSTRIDER_TEST_SECRET"] = "seen"
    server.start()
    until(lambda: len(server.children()) >= 6)
    for pid in server.children():
        assert b"SECRET" not in open(f"/proc/{pid}/environ", "rb").read()
        assert os.readlink(f"/proc/{pid}/exe").startswith(BUILD)


@as_root
@pytest.mark.skipif(SANITIZED, reason="the search for leaks is a debugger")
def test_nobody_of_its_user_looks_into_a_program(running):
    until(lambda: len(running.children()) >= 6)
    for pid in running.children():
        for name in ("mem", "environ", "fd", "maps"):
            code = f"import os; os.listdir('/proc/{pid}/fd') if '{name}' == 'fd' else open('/proc/{pid}/{name}', 'rb').read(1)"
            done = subprocess.run(["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "/usr/bin/python3", "-c", code], capture_output=True, text=True)
            assert done.returncode and "Permission" in done.stderr, (pid, name, done.stderr)


@as_root
def test_no_key_file_is_open_and_none_is_readable(running):
    """Whoever captures a program finds no file of a key: they are told to it, and their descriptors are never its own."""
    until(lambda: len(running.children()) >= 6)
    for pid in running.children():
        for name in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                assert not os.readlink(f"/proc/{pid}/fd/{name}").startswith(f"{running.folder}/tls")
        assert f"{running.folder}/tls" not in open(f"/proc/{pid}/maps").read()
