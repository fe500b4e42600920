"""The queue as its owner sees and changes it, in small and in large numbers, and what deaths leave of it."""
import contextlib, email, json, os, re, signal, socket, threading, time

import pytest

from conftest import SANITIZED, free_port, until

MANY = 300 if SANITIZED else 2000
LIST = 300 if SANITIZED else 3000
LARGE = 100000 if os.environ.get("POSTRIDER_LONG") else 2000 if SANITIZED else 20000
HOLD = 'route "*" { hold = yes }'


def trusting(server, extra=""):
    server.listen = 'trusted = {"127.0.0.0/8"} max_messages = 1000000 max_errors = 1000'
    server.extra = extra
    return server.start()


class Pipe:
    """A session that sends a whole envelope in one write."""

    def __init__(self, server):
        self.socket = socket.create_connection(("127.0.0.1", server.port), 60)
        self.file = self.socket.makefile("rb")
        self.reply()
        self.say("EHLO client.example.net\r\n", 1)

    def reply(self):
        while True:
            line = self.file.readline()
            assert line, "the session was ended"
            if line[3:4] == b" ":
                return line.decode()

    def say(self, text, replies):
        self.socket.sendall(text.encode())
        return [self.reply() for _ in range(replies)]

    def send(self, sender, to, body="hello", header="Subject: x"):
        replies = self.say(f"MAIL FROM:<{sender}>\r\nRCPT TO:<{to}>\r\nDATA\r\n", 3)
        assert [r[:3] for r in replies] == ["250", "250", "354"], replies
        stored, = self.say(f"{header}\r\n\r\n{body}\r\n.\r\n", 1)
        assert stored.startswith("250 "), stored
        return stored.split()[3]

    def close(self):
        self.socket.close()


def fill(server, count, body="hello"):
    def some(part):
        pipe = Pipe(server)
        for n in part:
            ids[n] = pipe.send(("even", "odd")[n % 2] + "@example.net", f"u{n}@foreign.example.net", body)
        pipe.close()
    ids = [None] * count
    threads = [threading.Thread(target=some, args=(range(first, count, 8),)) for first in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert all(ids)
    return ids


def held(server):
    for line in server.run("status").stdout.splitlines():
        if line.startswith("spool/"):
            return int(re.search(r"held=(\d+)", line)[1])
    raise AssertionError("no spool in status")


def test_what_is_released_tells_what_it_waits_for_now(server):
    trusting(server, HOLD + "\nretry { expire = 1h notice = off }")
    server.send(to="u@foreign.example.net", sender="alice@example.test")
    until(lambda: held(server) == 1)
    server.run("queue", "release", "all")
    row, = until(lambda: [r for r in server.json("queue", "list") if r["reason"]])
    assert "It can't be told now" in row["reason"]      # nobody answers


def test_commands_on_many_messages_count_what_they_change(server):
    trusting(server, HOLD)
    ids = fill(server, MANY)
    until(lambda: held(server) == MANY)
    rows = server.json("queue", "list")
    assert {r["id"] for r in rows} == set(ids) and len(rows) == MANY
    assert all(set(r) == {"id", "from", "to", "size", "state", "tries", "next", "reason"} for r in rows)
    one = next(r for r in rows if r["id"] == ids[7])
    assert one["from"] == "odd@example.net" and one["to"] == ["u7@foreign.example.net"] and one["state"] == "held"
    assert one["size"] > 100 and one["tries"] == 0 and "route" in one["reason"]
    half = MANY // 2
    assert len(server.json("queue", "list", "from:odd@*")) == half
    assert len(server.json("queue", "list", "to:u7@*")) == 1
    assert len(server.json("queue", "list", "state:held", "age<1h", "size<1MB", "tries=0")) == MANY
    assert server.run("queue", "list", "size>1MB").stdout == ""
    assert f"{half} messages are released" in server.run("queue", "release", "from:odd@example.net").stderr
    assert held(server) == half
    assert {r["state"] for r in server.json("queue", "list", "from:odd@*")} <= {"due", "waiting"}
    assert "nothing in the queue" in server.run("queue", "release", "from:odd@example.net").stderr
    assert f"{half} messages are held" in server.run("queue", "hold", "all").stderr
    assert held(server) == MANY
    assert server.run("queue", "retry", "all").stderr == f"postrider: {MANY} messages are held: `postrider queue release` lets go\n"
    assert server.run("queue", "delete", "from:even@*", check=False).returncode == 64
    assert f"{half} messages are deleted" in server.run("queue", "delete", "from:even@*", "--yes").stderr
    assert f"{half} messages are bounced" in server.run("queue", "bounce", "from:odd@*", "--yes").stderr
    until(lambda: len(server.json("queue", "list", "from:<>")) == half)
    server.run("queue", "delete", "--erase", "all", "--yes")
    server.wait_empty()
    assert held(server) == 0


def test_a_walk_through_the_queue_stops_nobody(server):
    trusting(server, HOLD)
    fill(server, MANY)
    ending = threading.Event()

    def walk():
        while not ending.is_set():
            server.run("queue", "list", "--json")
            server.run("queue", "hold", "from:even@*")
            server.run("queue", "release", "from:even@*")
    walker = threading.Thread(target=walk)
    walker.start()
    pipe = Pipe(server)
    slowest = 0
    for n in range(300):
        start = time.monotonic()
        pipe.send("third@example.net", f"v{n}@foreign.example.net")
        slowest = max(slowest, time.monotonic() - start)
    ending.set()
    walker.join()
    assert slowest < (10 if SANITIZED else 2)
    assert len(server.json("queue", "list", "from:third@*")) == 300


def test_a_part_of_an_id_that_means_two_is_refused_with_their_names(server):
    trusting(server, HOLD)
    ids = fill(server, 16)
    start = os.path.commonprefix(ids)
    assert len(start) >= 6
    for verb in ("cat", "show"):
        done = server.run("queue", verb, start, check=False)
        assert done.returncode == 65 and done.stdout == ""
        assert sum(i in done.stderr for i in ids) == 10 and "16 messages" in done.stderr
    assert "hello" in server.run("queue", "cat", ids[3][-12:]).stdout
    assert server.run("queue", "cat", "ZZZZZZZZ", check=False).returncode == 67


def test_each_recipient_of_a_message_is_shown_as_it_stands(server):
    server.extra = f'deliver away {{ lmtp = "unix:{server.folder}/none" }}\ndomain away.test {{ deliver = away }}'
    server.start(users=("alice@example.test", "carol@away.test"))
    sent = server.send(to=["alice@example.test", "carol@away.test"])

    def stands():
        shown, = server.json("queue", "show", sent)
        return {r["to"]: (r["state"], r["tries"], r["next"] is not None, "none failed" in r["reason"]) for r in shown["recipients"]}
    until(lambda: stands() == {"alice@example.test": ("delivered", 1, False, False), "carol@away.test": ("waiting", 1, True, True)})
    assert "recipients" not in server.json("queue", "list")[0]


def test_a_message_given_back_by_hand_is_a_bounce(server):
    trusting(server, HOLD)
    sent = server.send(to=["one@foreign.example.net", "two@foreign.example.net"], sender="bob@example.test")
    until(lambda: [row["state"] for row in server.json("queue", "list")] == ["held"])
    server.run("queue", "bounce", "to:one@*")
    bounce, = server.wait_mails(1, "bob")
    assert "one@foreign.example.net" in bounce.get_payload(0).get_payload() and "two@foreign" not in bounce.get_payload(0).get_payload()
    until(lambda: [(row["id"], row["state"]) for row in server.json("queue", "list")] == [(sent, "held")])
    server.run("queue", "bounce", sent)
    server.wait_mails(2, "bob")
    server.wait_empty()
    for who in "one", "two":
        until(lambda to=f"to=<{who}@foreign.example.net>": [line for line in server.log().splitlines() if to in line and "status=bounced" in line])
    assert "dsn=5.7.0, status=bounced (The administrator gave it back)" in server.log()


# ---- reports ------------------------------------------------------------------------------


def parts_of(bounce):
    return bounce.get_payload(1).get_payload(1), bounce.get_payload(2)


def test_a_delay_is_told_once_and_then_the_end(server):
    trusting(server, "retry { after = {200ms} expire = 3s notice = 1s }")
    server.send(to="someone@foreign.example.net", sender="bob@example.test", body="a secret body")
    notice, = server.wait_mails(1, "bob")
    row, original = parts_of(notice)
    assert row["Action"] == "delayed" and row["Status"].startswith("4.") and row["Will-Retry-Until"]
    assert "a secret body" not in original.as_string()
    server.wait_mails(2, "bob")
    end = [m for m in map(email.message_from_bytes, server.mails("bob")) if parts_of(m)[0]["Action"] == "failed"]
    assert len(end) == 1 and parts_of(end[0])[0]["Status"] == "5.4.7"
    server.wait_empty()
    assert len(server.mails("bob")) == 2


# To be taken and found out at the mailbox it must come to another name of it.
LOOP = "Delivered-To: alice@example.test\r\nSubject: round\r\n\r\nthe whole body\r\n"


@pytest.mark.parametrize("ret, whole", [("RET=FULL", True), ("RET=HDRS", False), ("", False)])
def test_what_of_a_message_comes_back(running, ret, whole):
    with running.smtp() as client:
        client.ehlo()
        assert client.docmd(f"MAIL FROM:<bob@example.test> {ret} ENVID=e+2Bd")[0] == 250
        assert client.docmd("RCPT TO:<alice+x@example.test> ORCPT=rfc822;First+2BName@old.example")[0] == 250
        client.data(LOOP)
    bounce, = running.wait_mails(1, "bob")
    row, original = parts_of(bounce)
    assert bounce.get_payload(1).get_payload(0)["Original-Envelope-Id"] == "e+d"
    assert row["Original-Recipient"].replace(" ", "") == "rfc822;First+Name@old.example"
    assert ("the whole body" in original.as_string()) == whole
    assert "Subject: round" in original.as_string()


@pytest.mark.parametrize("notify, told", [("NEVER", False), ("SUCCESS", False), ("FAILURE", True), ("SUCCESS,FAILURE", True), ("DELAY", False)])
def test_a_failure_is_told_to_whom_it_was_promised(running, notify, told):
    with running.smtp() as client:
        client.ehlo()
        client.docmd("MAIL FROM:<bob@example.test>")
        assert client.docmd(f"RCPT TO:<alice+x@example.test> NOTIFY={notify}")[0] == 250
        client.data(LOOP)
    running.wait_empty()
    assert len(running.mails("bob")) == told


def test_a_bounce_that_can_not_be_delivered_ends(server):
    trusting(server, "retry { after = {200ms} expire = 2s bounce_expire = 2s notice = off }")
    server.text = lambda text=server.text: text().replace("admin = alice@example.test", "admin = no-admin@example.test")
    server.reload()
    for sender in ("nobody-at-all@example.test", "stranger@foreign.example.net"):
        with server.smtp() as client:
            client.ehlo()
            client.sendmail(sender, ["alice+x@example.test"], LOOP)
    server.wait_empty()
    assert server.mails("alice") == server.mails("bob") == []
    assert server.log().count("dsn.sent") == 2


# ---- lists ------------------------------------------------------------------------------------


def test_a_list_of_thousands_reaches_each_once(server):
    path = f"{server.folder}/aliases"
    names = [f"m{n}" for n in range(LIST)]
    with open(path, "w") as f:
        f.write("everyone: " + ",\n    ".join(names) + "\nboth: everyone, m1, alice\n")
    server.domain = f'aliases = "{path}"'
    server.write()
    server.add_user("alice@example.test")
    row = open(f"{server.state}/users").read()
    with open(f"{server.state}/users", "a") as f:
        for name in names:
            f.write(row.replace("alice@", f"{name}@"))
    server.start()
    server.send(to=["everyone@example.test", "both@example.test", "m7@example.test"])
    server.wait_empty()
    assert len(server.mails("alice")) == 1
    assert [n for n in names if len(server.mails(n)) != 1] == []


# ---- deaths -------------------------------------------------------------------------------------


def test_a_spool_that_dies_while_mail_is_under_way_delivers_once(running):
    local, = running.children("delivery", "local")
    os.kill(local, signal.SIGSTOP)
    try:
        sent = [running.send(body=f"number {n}") for n in range(20)]
        until(lambda: len(running.json("queue", "list", "state:flying")) == 20)
        spool, = running.children("spool")
        os.kill(spool, signal.SIGKILL)
        until(lambda: running.children("spool") not in ([], [spool]))
        until(lambda: "store.recovered count=20" in running.log())
    finally:
        os.kill(local, signal.SIGCONT)
    running.wait_empty()
    assert len(running.mails()) == len(sent)
    assert len({re.search(rb"number \d+", m)[0] for m in running.mails()}) == len(sent)


def note(pid, message):
    """As if this program had just begun to look at this message."""
    digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
    number = 0
    for letter in message:
        number = number * 32 + digits.index(letter)
    with open(f"/proc/{pid}/maps") as maps:
        at = next(int(line.split("-")[0], 16) for line in maps if "memfd:" in line and "rw-s" in line)
    with open(f"/proc/{pid}/mem", "r+b", buffering=0) as memory:
        memory.seek(at)
        memory.write(number.to_bytes(16, "big"))


class Stalling(threading.Thread):
    """An LMTP server that takes the beginning of a message and no more."""

    def __init__(self):
        super().__init__(daemon=True)
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(16)
        self.port = self.listener.getsockname()[1]
        self.n_data = 0
        self.kept = []
        self.start()

    def run(self):
        while True:
            peer, _ = self.listener.accept()
            self.kept.append(peer)
            threading.Thread(target=self.talk, args=(peer,), daemon=True).start()

    def talk(self, peer):
        with contextlib.suppress(OSError):
            peer.sendall(b"220 stall LMTP\r\n")
            for line in peer.makefile("rb"):
                if line.upper().startswith(b"DATA"):
                    peer.sendall(b"354 go on\r\n")
                    self.n_data += 1
                    return
                peer.sendall(b"250 ok\r\n")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to write into the crash page")
def test_a_message_that_kills_twice_is_held_and_can_be_looked_at(server):
    lmtp = Stalling()
    server.extra = f'deliver imap {{ lmtp = "127.0.0.1:{lmtp.port}" }}\nworkers {{ relay = 1 }}'
    server.domain = ""
    server.write()
    server.config = server.text().replace("deliver = maildir", "deliver = imap")
    server.start()
    sent = server.send(body=("x" * 70 + "\r\n") * 300000)
    for death in (1, 2):
        until(lambda: lmtp.n_data == death)
        relay, = server.children("delivery", "relay")
        note(relay, sent)
        os.kill(relay, signal.SIGKILL)
    row = until(lambda: [r for r in server.json("queue", "list", "state:held") if r["id"] == sent])[0]
    assert "died over it" in row["reason"]
    assert lmtp.n_data == 2
    assert server.run("queue", "cat", sent).stdout.count("x" * 70) == 300000
    server.run("queue", "delete", sent)
    server.wait_empty()


def anonymous(pid):
    with open(f"/proc/{pid}/smaps_rollup") as f:
        return int(re.search(r"^Anonymous:\s+(\d+)", f.read(), re.M)[1]) * 1024


@pytest.mark.skipif(os.geteuid() != 0, reason="nobody else may see the memory of programs that are not dumpable")
def test_a_restart_with_a_large_queue_takes_mail_at_once_and_is_small(server):
    trusting(server, HOLD)
    empty = anonymous(server.children("spool")[0])
    fill(server, LARGE)
    until(lambda: held(server) == LARGE, 120)
    server.stop()
    server.write()
    start = time.monotonic()
    server.start()
    pipe = Pipe(server)
    pipe.send("new@example.net", "alice@example.test")
    first = time.monotonic() - start
    server.wait_mails()
    until(lambda: held(server) == LARGE, 120)

    def each():
        return (anonymous(server.children("spool")[0]) - empty) / LARGE
    until(lambda: SANITIZED or each() < 250)	# what recovery needed is given back within a second or two
    print(f"{LARGE} messages: first 250 after {first:.3f} s, {each():.0f} bytes each")
    assert first < (10 if SANITIZED else 1)
