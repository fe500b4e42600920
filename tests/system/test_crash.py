"""kill -9 of each process in turn, at random moments, under load: every 250 is accounted for, each message is there once."""
import contextlib, os, random, re, signal, smtplib, threading, time

import pytest

from conftest import SANITIZED, until

LONG = bool(os.environ.get("POSTRIDER_LONG"))
KILLS = 100 if LONG else 4 if SANITIZED else 8
ROUND = 7
SENDERS = 8
TOKEN = re.compile(rb"token-([0-9a-z-]+)-end")


class Sender(threading.Thread):
    """Sends until told to stop; keeps what was acknowledged, and what may have been."""

    def __init__(self, server, number, seed):
        super().__init__(daemon=True)
        self.server, self.number, self.random = server, number, random.Random(seed * 1000 + number)
        self.ending = False
        self.acknowledged, self.uncertain, self.refused = set(), set(), set()

    def run(self):
        client, n = None, 0
        while not self.ending:
            n += 1
            token = f"{self.number}-{n}"
            size = self.random.choice((100, 2000, 10000, 10000, 300000))
            text = f"Subject: token-{token}-end\r\n\r\n" + ("y" * 70 + "\r\n") * (size // 72)
            sent = False
            try:
                if client is None:
                    client = self.server.smtp(timeout=30)
                    client.ehlo()
                if client.mail("a@example.net")[0] != 250 or client.rcpt(f"{('alice', 'bob')[n % 2]}@example.test")[0] != 250:
                    client.rset()
                    time.sleep(0.01)
                    continue
                sent = True
                code, _ = client.data(text)
                (self.acknowledged if code == 250 else self.refused).add(token)
            except smtplib.SMTPDataError:
                self.refused.add(token)
            except (OSError, smtplib.SMTPException):
                if sent:
                    self.uncertain.add(token)
                if client:
                    client.close()
                client = None
                time.sleep(0.01)


def tokens_of(server):
    found = []
    for user in ("alice", "bob"):
        for mail in server.mails(user):
            found.append(TOKEN.search(mail)[1].decode())
            assert mail.endswith(b"\n")
    return found


def account(server, senders):
    acknowledged = set().union(*(s.acknowledged for s in senders))
    uncertain = set().union(*(s.uncertain for s in senders))
    refused = set().union(*(s.refused for s in senders))
    server.wait_empty(killed=True)
    found = tokens_of(server)
    lost = acknowledged - set(found)
    twice = {t for t in found if found.count(t) > 1} if len(found) != len(set(found)) else set()
    assert not lost, f"{len(lost)} of {len(acknowledged)} acknowledged messages are lost: {sorted(lost)[:10]}"
    assert not twice, f"delivered twice: {sorted(twice)[:10]}"
    assert set(found) <= acknowledged | uncertain, f"refused and delivered: {sorted(set(found) & refused)[:10]}"
    return len(acknowledged)


def load(server, seed):
    senders = [Sender(server, n, seed) for n in range(SENDERS)]
    for s in senders:
        s.start()
    return senders


def finish(senders):
    for s in senders:
        s.ending = True
    for s in senders:
        s.join(60)
        assert not s.is_alive(), "a sender hangs"


def kill_one(server, senders, target, choice):
    """Of what lives and works: a message was acknowledged since the last kill."""
    before = sum(len(s.acknowledged) for s in senders)
    until(lambda: sum(len(s.acknowledged) for s in senders) > before, 60)
    time.sleep(choice.uniform(0.02, 0.25))	# the moment is the test's subject, not something awaited
    name = choice.choice(["smtpd", "auth", "spool", "local", "events"]) if target == "any" else target
    pids = until(lambda: server.children("delivery", "local") if name == "local" else server.children(name), 60)
    with contextlib.suppress(ProcessLookupError):
        os.kill(choice.choice(pids), signal.SIGKILL)


@pytest.mark.parametrize("target", ["smtpd", "auth", "spool", "local", "events", "any"])
def test_kill_9_of(server, target):
    seed = int(os.environ.get("POSTRIDER_SEED", random.randrange(10**6)))
    print(f"POSTRIDER_SEED={seed}")
    choice = random.Random(seed)
    server.listen = "max_messages = 1000000 max_errors = 1000"
    server.start()
    senders = load(server, seed)
    for kill in range(KILLS):
        if kill % ROUND == ROUND - 1:	# what dies often is started again later and later: a new master begins anew
            server.stop()
            server.start()
        kill_one(server, senders, target, choice)
    assert server.process.poll() is None, "the master died"
    before = sum(len(s.acknowledged) for s in senders)
    until(lambda: sum(len(s.acknowledged) for s in senders) > before + 20, 60)
    finish(senders)
    assert account(server, senders) > KILLS


def test_kill_9_of_everything_at_once(server):
    seed = int(os.environ.get("POSTRIDER_SEED", random.randrange(10**6)))
    print(f"POSTRIDER_SEED={seed}")
    choice = random.Random(seed)
    server.listen = "max_messages = 1000000 max_errors = 1000"
    server.start()
    senders = load(server, seed)
    for _ in range(20 if LONG else 5):
        time.sleep(choice.uniform(0.1, 0.6))	# as above
        server.kill()
        server.start()
    finish(senders)
    assert account(server, senders) > 20


def test_the_end_of_the_master_ends_its_children(running):
    pids = running.children()
    assert len(pids) >= 5
    os.kill(running.process.pid, signal.SIGKILL)
    running.process.wait()
    until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in pids))


def test_a_stopped_spool_makes_nobody_lose_anything(running):
    """A spool that does not answer: the client is told 4xx in time, or waits; what is told 250 is there."""
    spool, = running.children("spool")
    os.kill(spool, signal.SIGSTOP)
    try:
        with running.smtp(timeout=60) as client:
            client.ehlo()
            client.mail("a@example.net")
            client.rcpt("alice@example.test")
            client.putcmd("data")
            assert client.getreply()[0] in (354, 451, 452)
            client.close()
    finally:
        os.kill(spool, signal.SIGCONT)
    running.send()
    running.wait_mails()
