"""Signatures of what leaves, before two judges who know nothing of us: dkimpy and libopendkim."""
import contextlib, json, os, re, signal, smtplib, subprocess, threading, time

import dkim, dns.message, dns.rrset
import pytest

from conftest import BUILD, SANITIZED, free_port, until
from names import Liar
from test_queue import Pipe, anonymous
from test_relay import begin, lines, taken, wait_line, world  # noqa: F401 (a fixture)

MANY = 1000 if SANITIZED else 10000
JUDGE = f"{BUILD}/tests/judges/opendkim"
ZONE = "".join(f"{name}.test. MX 10 mx.{name}.test.\nmx.{name}.test. A 127.0.25.{n}\n" for n, name in enumerate("bcd", 1))
HEADER = b"From: Alice <alice@example.test>\r\nTo: u@b.test\r\nSubject: test\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@example.test>\r\n"


def keygen(server, *words, domain="example.test"):
    """The records of new keys, by name."""
    made = server.json("dkim", "keygen", domain, *words)
    server.give()
    return {row["name"]: row["value"] for row in made}


def deliver(server, message, sender="alice@example.test", to="u@b.test", by_chunks=False):
    """As it is, to the last byte."""
    with server.smtp() as s:
        s.ehlo("client.example.net")
        assert s.docmd(f"MAIL FROM:<{sender}> BODY=8BITMIME")[0] == 250
        assert s.docmd(f"RCPT TO:<{to}>")[0] == 250
        if by_chunks:
            s.send(b"BDAT %d LAST\r\n" % len(message) + message)
            code, words = s.getreply()
        else:
            code, words = s.data(message)
        assert code == 250, words


def signatures(data):
    return [dict(re.findall(r"(\w+)=([^;]*)", re.sub(r"\s+", "", one.decode()))) for one in re.findall(rb"^DKIM-Signature:((?:\r\n[ \t]|.)*)", data, re.M)]


def python_says(data, records):
    def one(i):
        with contextlib.suppress(dkim.DKIMException):
            return dkim.DKIM(data).verify(idx=i, dnsfunc=lambda name, timeout=5: records.get(name.decode().rstrip("."), "").encode())
        return False

    return [one(i) for i in range(len(signatures(data)))]


def library_says(data, records):
    words = [word for record in records.items() for word in record]
    done = subprocess.run([JUDGE, *words], input=data, capture_output=True, check=True, timeout=60)
    return [line.split(" ", 2)[1:] for line in done.stdout.decode().splitlines()]


def judge(data, records, algorithms=("rsa-sha256", "ed25519-sha256")):
    assert [s["a"] for s in signatures(data)] == list(algorithms), data[:2000]
    assert python_says(data, records) == [True] * len(algorithms)
    assert library_says(data, records) == [[a, "pass"] for a in algorithms]
    return signatures(data)


# ---- odd but legal -----------------------------------------------------------------------------

ODD = {
    "plain": HEADER + b"\r\nHello.\r\n",
    "empty body": HEADER + b"\r\n",
    "no body": HEADER,
    "only empty lines": HEADER + b"\r\n\r\n\r\n \t\r\n",
    "empty lines at both ends": HEADER + b"\r\n\r\n\r\ntext\r\n\r\n\r\n\r\n",
    "blanks": HEADER + b"\r\n  a \t b  \r\n\tc\t\r\n   \r\nd \r\n",
    "dots": HEADER + b"\r\n.\r\n..\r\n.. x\r\n",
    "8-bit": HEADER + "\r\nGrüße, 你好\r\n".encode() + b"\xff\xfe \x80\r\n",
    "long lines": HEADER + b"\r\n" + b"x" * 998 + b"\r\n" + b"word " * 60000 + b"\r\n",
    "controls": HEADER + b"\r\na\x01\x02\x7f\x0b\x0c b\r\n",
    "folded": b"From:\r\n \"Alice\r\n\t Example\" (her\r\n name)\r\n <alice@example.test>\r\nTo: u@b.test,\r\n\tv@b.test,\r\n   w@b.test\r\n"
              b"Subject:  a \t b\r\n\t c  \r\n \t\r\n d\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\n\r\nbody\r\n",
    "duplicates": HEADER + b"Subject: the second\r\nTo: v@b.test\r\nSubject: the third\r\nCc: c@b.test\r\nCc: d@b.test\r\nReply-To: r@b.test\r\n\r\nbody\r\n",
    "empty fields": b"From: alice@example.test\r\nSubject:\r\nTo: \r\nCc:\t\r\nReply-To: \r\n \r\n\r\nbody\r\n",
    "names in any case": b"FROM: alice@example.test\r\nsubject: x\r\nmime-version: 1.0\r\nCONTENT-type: text/plain;\r\n charset=utf-8\r\n\r\nbody\r\n",
    "nothing but an author": b"From: alice@example.test\r\n\r\nbody\r\n",
    "several authors": b"From: alice@example.test, Bob <bob@EXAMPLE.test>\r\nSender: bob@example.test\r\n\r\nbody\r\n",
    "signed before": b"DKIM-Signature: v=1; a=rsa-sha256; d=other.test; s=x; h=from; bh=AAAA; b=AAAA\r\n" + HEADER + b"\r\nbody\r\n",
    "a large header": b"".join(b"X-%d: %s\r\n" % (n, b"x" * 900) for n in range(800)) + HEADER + b"\r\nbody\r\n",
    "much": HEADER + b"\r\n" + b"".join(b"line %d  of \t many \r\n" % n for n in range(450000)),
}


def test_signatures_of_odd_messages_are_good(server, world):
    sink = world.sink(1, offers=("PIPELINING", "8BITMIME"))
    records = keygen_first(server, world)
    server.listen += " max_header = 1MB"
    server.reload()
    for n, (name, message) in enumerate(ODD.items(), 1):
        deliver(server, message)
        data = taken(sink, n)[-1]["data"]
        if name == "signed before":
            data = data.replace(message[:message.index(b"From")], b"")
        told = judge(data, records)
        assert all(s["d"] == "example.test" and s["c"] == "relaxed/relaxed" and "l" not in s and "x" not in s for s in told), name


def keygen_first(server, world, **more):
    """A server whose domain has keys."""
    server.write()
    records = keygen(server)
    begin(server, world, ZONE, **more)
    return records


def test_a_message_without_a_last_line_end_is_signed(server, world):
    sink = world.sink(1)
    records = keygen_first(server, world)
    deliver(server, HEADER + b"\r\nno end", by_chunks=True)
    judge(taken(sink)[0]["data"], records)


def test_what_is_added_or_changed_breaks_both(server, world):
    sink = world.sink(1)
    records = keygen_first(server, world)
    deliver(server, ODD["duplicates"])
    data = taken(sink)[0]["data"]
    judge(data, records)
    for field in b"From To Cc Subject Date Reply-To Message-ID MIME-Version Content-Type".split():
        more = field + b": evil@evil.test\r\n"
        for forged in (more + data, data.replace(b"\r\n\r\nbody", b"\r\n" + more + b"\r\nbody")):
            assert not any(python_says(forged, records)), field
            assert all(says[1] != "pass" for says in library_says(forged, records)), field
    for forged in (data + b"more\r\n", data.replace(b"the third", b"the fourth"), data.replace(b"c@b.test", b"x@b.test")):
        assert not any(python_says(forged, records))
        assert all(says[1] != "pass" for says in library_says(forged, records))


# ---- who is signed, and by what ----------------------------------------------------------------


def test_one_algorithm_and_an_end(server, world):
    sink = world.sink(1)
    server.domain = "dkim_expire = 1d"
    server.write()
    records = keygen(server, "--ed25519")
    begin(server, world, ZONE)
    deliver(server, ODD["plain"])
    told, = judge(taken(sink)[0]["data"], records, ["ed25519-sha256"])
    assert int(told["x"]) - int(told["t"]) == 86400 and abs(int(told["t"]) - time.time()) < 60


def test_without_a_key_mail_leaves_and_it_is_told_once(server, world):
    sink = world.sink(1)
    begin(server, world, ZONE)
    for n in (1, 2):
        deliver(server, ODD["plain"])
        assert not signatures(taken(sink, n)[-1]["data"])
    assert len(lines(server, "dkim.no_key")) == 1
    # A key that comes is taken at once.
    records = keygen(server)
    until(lambda: {row["state"] for row in server.json("dkim", "list")} == {"signs"})
    deliver(server, ODD["plain"])
    judge(taken(sink, 3)[-1]["data"], records)


def test_only_mail_of_our_domains_is_signed(server, world):
    sink = world.sink(1)
    server.extra = ""
    keygen_first(server, world, more="domain off.test { dkim = off }")
    keygen(server, domain="off.test")
    for n, author in enumerate((b"a@other.test", b"a@sub.example.test", b"a@off.test", b"alice@example.test, a@other.test"), 1):
        deliver(server, HEADER.replace(b"alice@example.test", author) + b"\r\nx\r\n")
        assert not signatures(taken(sink, n)[-1]["data"]), author
    assert not lines(server, "dkim.no_key")


def test_a_bounce_is_signed(server, world):
    sink = world.sink(1)
    world.sink(2, rcpt="550 5.1.1 nobody")
    records = keygen_first(server, world)
    deliver(server, ODD["plain"], sender="someone@b.test", to="nobody@c.test")
    data = taken(sink)[0]["data"]
    assert b"multipart/report" in data
    assert judge(data, records)[0]["d"] == "example.test"


def test_who_logs_in_is_signed(server, world):
    port, sink = free_port(), world.sink(1)
    records = keygen_first(server, world, more=f'listen submission {{ address = "127.0.0.1" port = {port} tls = required auth = required }}')
    with smtplib.SMTP("127.0.0.1", port, "client.example.net") as client:
        client.starttls()
        client.login("alice@example.test", "a long enough password")
        client.sendmail("alice@example.test", ["u@b.test"], b"From: alice@example.test\r\nBcc: v@b.test\r\n\r\nbody\r\n")
    data = taken(sink)[0]["data"]
    judge(data, records)
    assert b"Bcc" not in data and b"\r\nMessage-ID:" in data


def test_local_mail_has_no_signature(server, world):
    keygen_first(server, world)
    deliver(server, ODD["plain"], to="bob@example.test")
    assert b"DKIM-Signature" not in server.wait_mails(user="bob")[0]


# ---- kept, and never left out --------------------------------------------------------------------


def test_the_signature_is_kept_over_a_restart(server, world):
    seen = []
    sink = world.sink(1, body=lambda data: seen.append(data) or ("450 4.2.0 later" if len(seen) < 3 else None))
    records = keygen_first(server, world, retry="2s, 2s, 2s, 2s")
    deliver(server, ODD["plain"])
    until(lambda: len(seen) == 1)
    time.sleep(0.2)  # what is lazy is on the disk
    server.kill()
    server.start()
    taken(sink)
    assert len(seen) == 3 and len({re.search(rb"(?s)^(DKIM-Signature.*?)Received", data)[1] for data in seen}) == 1
    judge(sink.mails[0]["data"], records)


def test_nothing_leaves_unsigned_when_who_signs_dies(server, world):
    sink = world.sink(1)
    records = keygen_first(server, world)
    for n in range(30):
        for pid in server.children("delivery", "sign") if n % 3 == 0 else ():
            os.kill(pid, signal.SIGKILL)
        deliver(server, ODD["plain"])
    until(lambda: server.release_suspects() or len(sink.mails) >= 30)
    for mail in taken(sink, 30):
        judge(mail["data"], records)


def test_a_reload_signs_on(server, world):
    sink = world.sink(1)
    records = keygen_first(server, world)
    for n in range(1, 4):
        server.reload()
        deliver(server, ODD["plain"])
        judge(taken(sink, n)[-1]["data"], records)


# ---- rotation ---------------------------------------------------------------------------------------


def test_a_new_key_signs_when_its_record_is_seen(server, world):
    published = {}

    def lie(query, is_tcp):
        answer = dns.message.make_response(query)
        name = str(query.question[0].name).rstrip(".")
        if query.question[0].rdtype == 16 and name in published:
            value = published[name]
            quoted = " ".join(f'"{value[i:i + 255]}"' for i in range(0, len(value), 255))
            answer.answer.append(dns.rrset.from_text(query.question[0].name, 0, "IN", "TXT", quoted))
        elif query.question[0].rdtype == 16:
            answer.set_rcode(3)
            answer.authority.append(dns.rrset.from_text(query.question[0].name, 0, "IN", "SOA", "ns.test. a.test. 1 2 3 4 0"))
        elif name == "mx.b.test" and query.question[0].rdtype == 1:
            answer.answer.append(dns.rrset.from_text(query.question[0].name, 300, "IN", "A", "127.0.25.1"))
        elif query.question[0].rdtype == 15:
            answer.answer.append(dns.rrset.from_text(query.question[0].name, 300, "IN", "MX", "10 mx.b.test."))
        return [answer]

    def states():
        done = server.run("dkim", "list", "--json", check=False)
        if done.returncode == 74:	# who signs was replaced, by one that knows the new keys, while it answered
            return {}
        return {row["selector"]: row["state"] for row in map(json.loads, done.stdout.splitlines())}

    liar, sink = Liar(lie), world.sink(1)
    old = keygen_first(server, world)
    server.dns = f'dns {{ servers = "{liar.where()}" }}'
    server.reload()
    new = {row["name"]: row["value"] for row in server.json("dkim", "rotate", "example.test")}
    server.give()
    assert not set(new) & set(old) and len(new) == 2
    waiting, signing = ({name.split(".")[0] for name in names} for names in (new, old))
    until(lambda: states() == {**{s: "waits" for s in waiting}, **{s: "signs" for s in signing}})
    until(lambda: {name for name, kind, _ in liar.heard if kind == 16} >= set(new))
    deliver(server, ODD["plain"])
    assert {s["s"] for s in judge(taken(sink)[0]["data"], old)} == signing
    again = server.run("dkim", "rotate", "example.test", check=False)
    assert again.returncode == 75 and "waits" in again.stderr

    published.update(new)
    server.reload()		# who signs asks when it begins, and then every hour
    until(lambda: states() == {**{s: "signs" for s in waiting}, **{s: "retired" for s in signing}})
    until(lambda: len(lines(server, "dkim.rotated")) == 2)
    deliver(server, ODD["plain"])
    assert {s["s"] for s in judge(taken(sink, 2)[1]["data"], new)} == waiting

    server.json("dkim", "rotate", "example.test")
    server.give()
    until(lambda: sorted(states().values()) == ["signs", "signs", "waits", "waits"])
    assert not set(states()) & signing
    liar.stop()


# ---- the command line ---------------------------------------------------------------------------------


def test_keys_are_written_for_one_reader(server):
    server.write()
    server.run("dkim", "keygen", "example.test")
    folder = f"{server.state}/keys/example.test"
    names = sorted(os.listdir(folder))
    assert [re.sub(r"\d{6}", "M", name) for name in names] == ["prMe.pem", "prMr.pem"]
    for name in names:
        assert os.stat(f"{folder}/{name}").st_mode & 0o777 == 0o600
    assert os.stat(folder).st_mode & 0o777 == os.stat(f"{server.state}/keys").st_mode & 0o777 == 0o700
    assert server.run("dkim", "keygen", "example.test", "--rsa", check=False).returncode == 73
    assert sorted(os.listdir(folder)) == names
    assert server.run("dkim", "rotate", "none.test", check=False).returncode == 65
    assert server.run("dkim", "keygen", "not a domain", check=False).returncode == 64
    listed = server.json("dkim", "list")
    assert {(row["selector"], row["algorithm"], row["state"]) for row in listed} == {
        (names[0][:-4], "ed25519", "unknown"), (names[1][:-4], "rsa", "unknown")}
    assert all(row["name"] == f"{row['selector']}._domainkey.example.test" and row["value"].startswith("v=DKIM1; k=") for row in listed)


def test_the_record_is_split_as_zone_files_need_it(server):
    server.write()
    out = server.run("dkim", "keygen", "example.test").stdout
    for line in out.splitlines():
        name, value = line.split(" IN TXT ")
        texts = re.findall(r'"([^"]*)"', value)
        assert name.endswith("._domainkey.example.test.") and all(len(text) <= 255 for text in texts)
        assert "".join(texts).startswith("v=DKIM1; k=")


def test_a_file_that_is_no_key_is_told(server, world):
    sink = world.sink(1)
    server.write()
    records = keygen(server, "--ed25519")
    with open(f"{server.state}/keys/example.test/mine.pem", "w") as f:
        f.write("no key\n")
    key, = (name for name in os.listdir(f"{server.state}/keys/example.test") if name != "mine.pem")
    os.chmod(f"{server.state}/keys/example.test/{key}", 0o644)
    begin(server, world, ZONE)
    assert "mine" in wait_line(server, "dkim.rejected")
    assert any(key in line for line in lines(server, "dkim.exposed"))
    deliver(server, ODD["plain"])
    judge(taken(sink)[0]["data"], records, ["ed25519-sha256"])


# ---- what was tried in vain ------------------------------------------------------------------------


def fill(server, count):
    def some(part):
        for first in range(0, len(part), 50):
            pipe = Pipe(server)
            for n in part[first:first + 50]:
                pipe.send("alice@example.test", f"u{n}@b.test", header="From: alice@example.test\r\nSubject: x")
            pipe.close()
    threads = [threading.Thread(target=some, args=(range(first, count, 4),)) for first in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()


def waiting(server):
    """How many are queued and have nothing under way."""
    line = next(line for line in server.run("status").stdout.splitlines() if line.startswith("spool/"))
    told = {name: int(n) for name, n in re.findall(r"(\w+)=(\d+)", line)}
    return told["queued"] if not told["due"] + told["flying"] + told["expanding"] else 0


@pytest.mark.skipif(os.geteuid() != 0, reason="nobody else may see the memory of programs that are not dumpable")
def test_a_signature_is_on_the_disk_and_not_in_memory(server, world):
    sink = world.sink(1, offers=(), rcpt="451 4.2.0 later")
    keygen_first(server, world, retry="1h")
    empty = anonymous(server.children("spool")[0])
    fill(server, MANY)

    def each():
        return (anonymous(server.children("spool")[0]) - empty) / MANY
    until(lambda: waiting(server) == MANY and len({c for c in list(sink.commands) if c.startswith("RCPT")}) == MANY, 120)
    print(f"{MANY} signed messages: {each():.0f} bytes each, with all that their arrival left")
    assert SANITIZED or each() < 1000
    server.stop()
    server.start()
    until(lambda: waiting(server) == MANY, 60)
    until(lambda: SANITIZED or each() < 250)	# what recovery needed is given back within a second or two
    print(f"after a restart: {each():.0f} bytes each")
    assert not sink.mails


def test_a_signature_is_made_once(server, world):
    """Two recipients, who take it at different times: before and after a restart."""
    sink = world.sink(1)
    later = world.sink(2, rcpt="451 4.2.0 later")
    records = keygen_first(server, world, retry="500ms, 1s")
    with server.smtp() as s:
        s.ehlo("client.example.net")
        s.sendmail("alice@example.test", ["u@b.test", "u@c.test"], ODD["plain"])
    told = judge(taken(sink)[0]["data"], records)
    wait_line(server, "status=deferred")
    server.stop()
    del later.says["rcpt"]
    time.sleep(1)	# another second, another signature
    server.start()
    assert judge(taken(later)[0]["data"], records) == told
