"""The conversations of tests/transcript with the server itself, over sockets: all that need no hand on its clock or its peers.

Clients come through a balancer's header, so that each has the address that its conversation gives it."""
import glob, os, re, select, socket, tempfile, time

import pytest

from conftest import PATIENCE, Server, free_port, until

BALANCER = "127.0.0.2"
FOLDER = os.path.join(os.path.dirname(__file__), "../transcript")
# What only the core can be told. A listener with a `proxy` of its own can't have ours; TLS is test_tls.py's.
BY_HAND = re.compile(r"user by hand|spool by hand|show events|ask |do |tell |wait |drain |spool |auth |tls |spill|peer talks early|early$|client uid:|file$|hostname |listen proxy|listen tls = implicit|listen greet_delay|listen timeout")


class Conversation:
    def __init__(self, file, name):
        self.title = f"{os.path.basename(file)[:-2]}: {name}"
        self.lines = []

    def listen(self):
        return tuple(line[7:] for line in self.lines if line.startswith("listen "))

    def client(self):
        return next((line[7:] for line in self.lines if line.startswith("client ")), "192.0.2.7")

    def is_by_hand(self):
        return any(BY_HAND.match(line) for line in self.lines)


def conversations():
    found = []
    for file in sorted(glob.glob(f"{FOLDER}/*.t")):
        for line in open(file, encoding="utf-8", newline="\n").read().split("\n"):
            if line.startswith("== "):
                found.append(Conversation(file, line[3:]))
            elif found and line and not line.startswith("#"):
                found[-1].lines.append(line)
    return [c for c in found if not c.is_by_hand()]


ALL = conversations()


def as_configured(words):
    """`limit mail.address = 1/h` as the configuration has it."""
    path, value = words.split(" = ")
    if path == "trusted":
        value = f'{{"{value if "/" in value else value + "/32"}"}}'
    section, _, key = path.rpartition(".")
    return f"{section} {{ {key} = {value} }}" if section else f"{path} = {value}"


def checks(words):
    """Off, but where a conversation is about them: on the core they are."""
    return " ".join(f"{check} = off" for check in ("spf", "dkim", "dmarc") if not any(word.startswith(f"{check} ") for word in words))


@pytest.fixture(scope="module")
def world():
    """One server with a listener for each way that conversations want it."""
    folder = tempfile.mkdtemp(prefix="postrider-test-", dir=os.environ.get("TMPDIR", "/tmp"))
    os.chmod(folder, 0o755)
    server = Server(folder)
    server.ports = {}
    listeners = ""
    for n, words in enumerate({c.listen(): None for c in ALL}):
        server.ports[words] = free_port()
        listeners += f'listen l{n} {{ address = "127.0.0.1" port = {server.ports[words]} proxy = {{"{BALANCER}/32"}} {checks(words)} {" ".join(map(as_configured, words))} }}\n'
    server.config = server.text().replace("example.test", "example.org") + listeners
    server.start(users=("alice@example.org", "bob@example.org"))
    yield server
    log = server.log()
    assert server.stop() == 0
    os.system(f"rm -rf '{folder}'")
    assert "process.died" not in log and "process.captured" not in log and "Sanitizer" not in log and "runtime error" not in log, log[-6000:]


def unescaped(text):
    simple = {b"r": b"\r", b"n": b"\n", b"t": b"\t", b"\\": b"\\"}
    return re.sub(rb"\\(x[0-9a-fA-F]{2}|[rnt\\])", lambda m: simple.get(m[1]) or bytes([int(m[1][1:], 16)]), text.encode())


class Player:
    def __init__(self, server, conversation, octets):
        self.server, self.octets = server, octets
        client = conversation.client()
        self.s = socket.create_connection(("127.0.0.1", server.ports[conversation.listen()]), PATIENCE, (BALANCER, 0))
        self.s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        six = ":" in client
        self.s.sendall(f"PROXY TCP{6 if six else 4} {client} {'2001:db8::25' if six else '192.0.2.25'} 40000 25\r\n".encode())
        self.got, self.is_over, self.said, self.id, self.is_foreign = b"", False, b"", None, False

    def read(self, seconds):
        if self.is_over or not select.select([self.s], [], [], seconds)[0]:
            return False
        try:
            more = self.s.recv(65536)
        except ConnectionError:
            more = b""
        self.is_over = not more
        self.got += more
        return True

    def line(self):
        end = time.monotonic() + PATIENCE
        while b"\n" not in self.got:
            assert not self.is_over, "it is closed"
            self.read(PATIENCE)
            assert time.monotonic() < end, "nothing came"
        line, self.got = self.got.split(b"\n", 1)
        assert line.endswith(b"\r"), line
        line = line[:-1].decode()
        if accepted := re.match(r"250 2.0.0 Accepted (\w{26})$", line):
            self.id = accepted[1]
        return line

    def send(self):
        said, self.said = self.said, b""
        try:
            for piece in [said[n:n + 1] for n in range(len(said))] if self.octets and len(said) < 4096 else [said]:
                self.s.sendall(piece)
        except ConnectionError:
            pass  # what it said before is still there to be read

    def mail(self):
        """The message that was accepted last, as it lies in a Maildir, or for a foreign recipient in the queue."""
        if self.is_foreign:
            return self.server.run("queue", "cat", self.id).stdout.encode().replace(b"\r\n", b"\n")
        return until(lambda: next((m for user in ("alice", "bob") for m in self.server.mails(user, "example.org") if self.id.encode() in m), None))

    def play(self, line):
        if line.startswith(("C:", "c:")):
            self.is_foreign |= line.startswith("C: RCPT TO:") and ".org>" not in line
            self.said += unescaped(line[3:]) + (b"\r\n" if line[0] == "C" else b"")
            return
        if line.startswith("repeat "):
            _, count, text = line.split(" ", 2)
            self.said += unescaped(text) * int(count)
            return
        self.send()
        word, _, rest = line.partition(" ")
        if word == "S:":
            got = self.line()
            assert got.startswith(rest[:-3]) if rest.endswith("...") else got == rest, f"{got!r}, wanted {rest!r}"
        elif word == "skip":
            for _ in range(int(rest)):
                self.line()
        elif word == "nothing":
            self.read(0.05)
            assert not self.got
        elif word == "closed":
            while not self.is_over:
                assert self.read(PATIENCE), "it is open"
        elif word == "open":
            assert not (self.read(0.02) and self.is_over), "it is closed"
        elif word == "peer":
            self.s.shutdown(socket.SHUT_WR)
        elif word == "body":
            assert self.mail().endswith(b"\n" + unescaped(rest).replace(b"\r\n", b"\n"))
        elif line.startswith("prefix has "):
            assert unescaped(line[11:]).replace(b"\r\n", b"\n") in self.mail()
        elif word == "size":
            assert len(self.mail()) > int(rest) * 9 // 10
        else:
            assert word in ("listen", "client", "whole", "idle", "flags", "signed", "hashed"), line

    def end(self):
        self.send()
        self.read(0.01)
        assert not self.got, f"one more reply: {self.got!r}"
        self.s.close()


@pytest.mark.parametrize("octets", [False, True], ids=["whole", "octets"])
@pytest.mark.parametrize("conversation", ALL, ids=lambda c: c.title)
def test_conversation(world, conversation, octets):
    if octets and ("whole" in conversation.lines or any(words.startswith("limit ") for words in conversation.listen())):
        pytest.skip("not to be cut, or not to be said twice")
    player = Player(world, conversation, octets)
    for n, line in enumerate(conversation.lines):
        try:
            player.play(line)
        except AssertionError as wrong:
            raise AssertionError(f"line {n + 1}, {line!r}: {wrong}") from None
    player.end()
