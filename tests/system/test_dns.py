"""Names: by real resolvers, by none, and by servers that lie. Asked through the running server."""
import json, os, socket, subprocess, time

import dns.flags, dns.message, dns.rcode, dns.rrset
import pytest

from conftest import BUILD, PATIENCE, SANITIZED, until
from names import ADDRESS, Liar, Nsd, Unbound, both_port

NOWHERE, NOT_NOW = 68, 75
LONG = "x" * 250

ROOT = f"""
@ NS ns.test.
ns.test. A {ADDRESS}
plain. NS ns.test.
mx1.test. A 192.0.2.1
mx1.test. A 192.0.2.2
mx1.test. AAAA 2001:db8::1
mx2.test. AAAA 2001:db8::2
two.test. MX 20 mx2.test.
two.test. MX 10 MX1.Test.
equal.test. MX 10 a.test.
equal.test. MX 10 b.test.
equal.test. MX 10 c.test.
null.test. MX 0 .
six.test. AAAA 2001:db8::3
empty.test. TXT "no mail here"
one.test. CNAME three.test.
three.test. CNAME mx1.test.
alias.test. CNAME two.test.
loop.test. CNAME pool.test.
pool.test. CNAME loop.test.
text.test. TXT "v=spf1 " "-all"
_25._tcp.mx1.test. TLSA 3 1 1 {"ab" * 32}
1.2.0.192.in-addr.arpa. PTR mx1.test.
*.example. A 192.0.2.1
xn--bcher-kva.test. A 192.0.2.3
{"".join(f'long.test. TXT "{i:03}{LONG}"' + chr(10) for i in range(30))}
"""
PLAIN = """
@ NS ns.test.
@ MX 10 mx1.test.
host A 192.0.2.9
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """NSD as the root, Unbound behind which it stands."""
    folder = tmp_path_factory.mktemp("dns")
    nsd, unbound = Nsd(folder, "nsd"), Unbound(folder, "unbound")
    try:
        nsd.start({".": ROOT, "plain.": PLAIN}, signed=["."])
        unbound.start(nsd)
        yield nsd, unbound
    finally:
        unbound.stop()
        nsd.stop()


@pytest.fixture
def liars():
    made = []

    def make(*words, **more):
        made.append(Liar(*words, **more))
        return made[-1]
    yield make
    for liar in made:
        liar.stop()


def serve(server, *servers, more=""):
    places = ", ".join(f'"{s if isinstance(s, str) else s.where()}"' for s in servers)
    server.dns = f"dns {{ servers = {{ {places} }} {more} }}"
    if server.process:
        server.reload()
    else:
        server.start()
    return server


def lookup(server, name, kind="A", exit=0):
    """The values of its rows, sorted; all rows secure or none."""
    done = server.run("dns", "lookup", name, kind, "--json", check=False)
    assert done.returncode == exit, (done.returncode, done.stdout, done.stderr)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert all(row["type"] == kind for row in rows)
    return sorted(row["value"] for row in rows)


def is_secure(server, name, kind="A"):
    rows = server.json("dns", "lookup", name, kind)
    assert rows
    return all(row["secure"] for row in rows)


def site(server, domain, exit=0):
    done = server.run("dns", "site", domain, "--json", check=False)
    assert done.returncode == exit, (done.returncode, done.stdout, done.stderr)
    return [(row["preference"], row["host"]) for row in map(json.loads, done.stdout.splitlines())]


def counts(server):
    return next(row for row in server.json("status") if row["name"] == "dns/0")


def said(server, *words):
    return lambda: any(all(word in line for word in words) for line in server.log().splitlines())


# ---- real servers ------------------------------------------------------------------------


def test_every_type_as_an_independent_resolver_finds_it(server, world):
    serve(server, world[1])
    for name, kind in [("mx1.test", "A"), ("mx1.test", "AAAA"), ("two.test", "MX"), ("1.2.0.192.in-addr.arpa", "PTR"), ("one.test", "CNAME"),
                       (".", "NS"), ("one.test", "A"), ("MX1.test.", "A")]:
        wanted = [value.rstrip(".").lower() or "." for value in world[1].ask(name, kind)]
        assert lookup(server, name, kind) == wanted, (name, kind)
    assert lookup(server, "Bücher.test") == ["192.0.2.3"]
    assert lookup(server, "text.test", "TXT") == ["v=spf1 -all"]
    assert lookup(server, "_25._tcp.mx1.test", "TLSA") == ["3 1 1 " + "ab" * 32]
    assert server.json("dns", "lookup", "one.test")[0]["name"] == "mx1.test"


def test_what_is_not_there(server, world):
    serve(server, world[1])
    assert lookup(server, "nobody.test", exit=NOWHERE) == []
    assert lookup(server, "mx2.test", "A", exit=NOWHERE) == []
    assert lookup(server, "a b", exit=64) == []
    assert server.run("dns", "lookup", "mx1.test", "SOA", check=False).returncode == 64
    assert "no such name" in server.run("dns", "lookup", "nobody.test", check=False).stderr


def test_sites(server, world):
    serve(server, world[1])
    assert site(server, "two.test") == [(10, "mx1.test"), (20, "mx2.test")]
    assert site(server, "alias.test") == [(10, "mx1.test"), (20, "mx2.test")]
    assert site(server, "plain") == [(10, "mx1.test")]
    assert site(server, "mx1.test") == [(0, "mx1.test")]
    assert site(server, "six.test") == [(0, "six.test")]
    assert site(server, "null.test", exit=NOWHERE) == []
    assert site(server, "empty.test", exit=NOWHERE) == []
    assert site(server, "nobody.test", exit=NOWHERE) == []
    assert site(server, "loop.test", exit=NOT_NOW) == []
    assert sorted(site(server, "equal.test")) == [(10, "a.test"), (10, "b.test"), (10, "c.test")]
    first = {site(server, "equal.test")[0] for _ in range(30)}
    assert len(first) == 3, first


def test_an_answer_too_large_for_udp_comes_by_tcp(server, world):
    serve(server, world[1])
    assert lookup(server, "long.test", "TXT") == sorted(f"{i:03}{LONG}" for i in range(30))
    assert counts(server)["streamed"] == 1


def test_an_authoritative_server_alone_is_enough_for_what_it_has(server, world):
    serve(server, world[0])
    assert lookup(server, "one.test") == ["192.0.2.1", "192.0.2.2"]
    assert lookup(server, "long.test", "TXT") == sorted(f"{i:03}{LONG}" for i in range(30))
    assert lookup(server, "nobody.test", exit=NOWHERE) == []


def test_what_is_signed_is_secure_and_the_finding_is_logged(server, world):
    serve(server, world[1])
    assert is_secure(server, "mx1.test") and is_secure(server, "one.test") and is_secure(server, "_25._tcp.mx1.test", "TLSA")
    assert not is_secure(server, "host.plain")
    until(said(server, "dns.resolver", world[1].where(), "it validates DNSSEC, and its word counts"))
    serve(server, world[1], more='trust_ad = "no"')
    assert not is_secure(server, "mx1.test")
    until(said(server, "dns.resolver", world[1].where(), "its word does not count"))


def test_what_is_bogus_is_temporary(server, folder):
    nsd, unbound = Nsd(folder, "nsd"), Unbound(folder, "unbound")
    try:
        nsd.start({".": ROOT, "plain.": PLAIN}, signed=["."])
        zone = f"{nsd.folder}/root.zone.signed"
        with open(zone) as f:
            text = f.read()
        with open(zone, "w") as f:
            f.write(text.replace("192.0.2.2", "192.0.2.66"))
        nsd.stop()
        nsd.launch("nsd", "-d", "-c", f"{nsd.folder}/nsd.conf")
        unbound.start(nsd)
        serve(server, unbound)
        assert lookup(server, "mx1.test", exit=NOT_NOW) == []
        assert lookup(server, "mx1.test", "AAAA") == ["2001:db8::1"]
    finally:
        unbound.stop()
        nsd.stop()


def test_a_resolver_that_dies_and_comes_back(server, folder):
    nsd, unbound = Nsd(folder, "nsd"), Unbound(folder, "unbound")
    try:
        nsd.start({".": ROOT, "plain.": PLAIN}, signed=["."])
        unbound.start(nsd)
        serve(server, unbound, more="timeout = 1s")
        assert lookup(server, "mx1.test") == ["192.0.2.1", "192.0.2.2"]
        unbound.stop()
        assert lookup(server, "mx1.test") == ["192.0.2.1", "192.0.2.2"]  # it is known
        begun = time.monotonic()
        assert lookup(server, "mx2.test", "AAAA", exit=NOT_NOW) == []
        assert time.monotonic() - begun < 3
        until(said(server, "dns.down", unbound.where()))
        unbound.start(nsd)
        until(lambda: server.run("dns", "lookup", "mx2.test", "AAAA", check=False).returncode == 0)
        until(said(server, "dns.back", unbound.where()))
        until(lambda: server.log().count("it validates DNSSEC, and its word counts") == 2)
    finally:
        unbound.stop()
        nsd.stop()


def test_a_resolver_that_starts_later_is_found_then(server, folder):
    nsd, unbound = Nsd(folder, "nsd"), Unbound(folder, "unbound")
    try:
        nsd.start({".": ROOT, "plain.": PLAIN}, signed=["."])
        serve(server, unbound, more="timeout = 1s")
        until(said(server, "dns.resolver", unbound.where(), "no answer"))
        unbound.start(nsd)
        until(lambda: server.run("dns", "lookup", "mx2.test", "AAAA", check=False).returncode == 0)
        until(said(server, "dns.resolver", unbound.where(), "it validates DNSSEC, and its word counts"))
    finally:
        unbound.stop()
        nsd.stop()


# ---- several servers, one cache -----------------------------------------------------------------


def test_equal_questions_cost_one_packet_until_their_time_is_over(server, liars):
    def lie(query, is_tcp):
        answer, = Liar.truth(query)
        for records in answer.answer:
            records.ttl = 2
        return [answer]
    liar = liars(lie)
    serve(server, liar)
    for _ in range(3):
        assert lookup(server, "mx.example") == ["192.0.2.1"]
    assert len(liar.told("mx.example")) == 1
    until(lambda: lookup(server, "mx.example") and len(liar.told("mx.example")) == 2)


def test_questions_that_come_together_are_joined(server, liars):
    def lie(query, is_tcp):
        time.sleep(0.4)
        return Liar.truth(query)
    liar = liars(lie)
    serve(server, liar)
    asks = [subprocess.Popen([server.postrider, "-c", server.file, "dns", "lookup", "mx.example"], stdout=subprocess.PIPE, text=True) for _ in range(8)]
    assert all("192.0.2.1" in ask.communicate(timeout=PATIENCE)[0] for ask in asks)
    assert len(liar.told("mx.example")) <= (1 if not SANITIZED else 8)


def test_ports_and_ids_are_drawn(server, liars):
    liar = liars()
    serve(server, liar)
    done = subprocess.run([f"{BUILD}/tests/bench/names", f"{server.folder}/run", "300", "300", "1"], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["resolved"] == 300
    ports, ids = zip(*liar.peers)
    assert len(set(ports)) > 250 and len(set(ids)) > 250
    steps = [abs(a - b) for a, b in zip(ports, ports[1:])]
    assert sum(step > 100 for step in steps) > 250  # nor is the next one beside the last


@pytest.mark.skipif(not os.path.exists("/proc/net/if_inet6") or "::1" not in subprocess.run(["ip", "-6", "addr"], capture_output=True, text=True).stdout,
                    reason="needs IPv6 on loopback")
def test_a_resolver_over_ipv6(server, liars):
    liar = liars(lambda query, is_tcp: Liar.truth(query) if is_tcp else cut(query, is_tcp), address="::1")
    serve(server, liar)
    assert lookup(server, "mx.example") == ["192.0.2.1"]
    assert ("mx.example", 1, False) in liar.heard and ("mx.example", 1, True) in liar.heard


def test_a_no_is_remembered(server, liars):
    def lie(query, is_tcp):
        answer = dns.message.make_response(query)
        answer.set_rcode(dns.rcode.NXDOMAIN)
        answer.authority.append(dns.rrset.from_text("example.", 300, "IN", "SOA", "ns.test. a.test. 1 2 3 4 300"))
        return [answer]
    liar = liars(lie)
    serve(server, liar)
    for _ in range(3):
        assert lookup(server, "nobody.example", exit=NOWHERE) == []
    assert len(liar.told("nobody.example")) == 1


def test_the_cache_stays_within_its_size(server, world):
    serve(server, world[0], more="cache_size = 1MB")
    done = subprocess.run([f"{BUILD}/tests/bench/names", f"{server.folder}/run", "20000", "20000", "100"], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["resolved"] == 20000
    now = counts(server)
    assert now["cache_bytes"] <= 1 << 20 and 2000 < now["answers"] < 20000 and now["flying"] == 0


def test_who_asks_and_does_not_read_is_dropped(server, world):
    serve(server, world[0])
    pid, = server.children("dns")
    done = subprocess.run([f"{BUILD}/tests/bench/names", f"{server.folder}/run", "5000000", "1", "0"], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["dropped"]
    if not SANITIZED:
        peak, = [int(line.split()[1]) for line in open(f"/proc/{pid}/status") if line.startswith("VmHWM")]
        assert peak < 64 << 10  # KiB
    assert lookup(server, "h1.example") == ["192.0.2.1"]


@pytest.mark.parametrize("first", ["absent", "silent", "servfail", "refused", "lame", "garbage"])
def test_the_next_server_answers_for_one_that_does_not(server, liars, first):
    lies = {"silent": lambda query, is_tcp: [], "servfail": rcode(dns.rcode.SERVFAIL), "refused": rcode(dns.rcode.REFUSED), "lame": refer, "garbage": garbage}
    bad = f"{ADDRESS}:{both_port()}" if first == "absent" else liars(lies[first])
    serve(server, bad, liars())
    begun = time.monotonic()
    for i in range(4):
        assert lookup(server, f"mx{i}.example") == ["192.0.2.1"]
    assert time.monotonic() - begun < 8


def test_other_servers_count_after_a_reload_without_a_restart(server, liars):
    serve(server, liars())
    pids = server.children("dns")
    assert lookup(server, "mx.example") == ["192.0.2.1"]
    serve(server, liars(lambda query, is_tcp: []), more="timeout = 1min")  # it is asked what it is, and says nothing
    serve(server, liars(always("192.0.2.7")))
    until(lambda: lookup(server, "mx.example") == ["192.0.2.7"])
    assert server.children("dns") == pids


def always(address):
    """Every name has this address."""
    def lie(query, is_tcp):
        answer, = Liar.truth(query)
        answer.answer = [dns.rrset.from_text(query.question[0].name, 300, "IN", "A", address)]
        return [answer]
    return lie


# ---- servers that lie -----------------------------------------------------------------------------


def rcode(code):
    def lie(query, is_tcp):
        answer = dns.message.make_response(query)
        answer.set_rcode(code)
        return [answer]
    return lie


def refer(query, is_tcp):
    answer = dns.message.make_response(query)
    answer.authority.append(dns.rrset.from_text("example.", 300, "IN", "NS", "ns.example."))
    return [answer]


def garbage(query, is_tcp):
    packet = bytearray(Liar.truth(query)[0].to_wire())
    packet[-6:] = b"\xff" * 6
    return [bytes(packet)]


def wrong_id(query, is_tcp):
    packet = bytearray(Liar.truth(query)[0].to_wire())
    packet[0] ^= 0xFF
    return [bytes(packet)] * 5


def wrong_question(query, is_tcp):
    other = dns.message.make_query("bank.example.", "A")
    other.id = query.id
    return Liar.truth(other)


def strangers(query, is_tcp):
    return [b"", b"\0", b"x" * 11, b"\xff" * 512, os.urandom(1200), query.to_wire()] * 3


def flood(query, is_tcp):
    return wrong_id(query, is_tcp) * 200


def circle(query, is_tcp):
    answer = dns.message.make_response(query)
    name = str(query.question[0].name)
    to = "pong.example." if name.startswith("ping") else "ping.example."
    answer.answer.append(dns.rrset.from_text(name, 300, "IN", "CNAME", to))
    return [answer]


def self_circle(query, is_tcp):
    answer = dns.message.make_response(query)
    answer.answer.append(dns.rrset.from_text("a.example.", 300, "IN", "CNAME", "b.example."))
    answer.answer.append(dns.rrset.from_text("b.example.", 300, "IN", "CNAME", "a.example."))
    if str(query.question[0].name) not in ("a.example.", "b.example."):
        answer.answer.append(dns.rrset.from_text(query.question[0].name, 300, "IN", "CNAME", "a.example."))
    return [answer]


def bare(query):
    """Header and question."""
    answer = dns.message.make_response(query)
    answer.use_edns(-1)
    return bytearray(answer.to_wire())


def pointer_loop(query, is_tcp):
    packet = bare(query)
    packet[7] = 1
    packet += (0xC000 | len(packet)).to_bytes(2, "big") + b"\0\1\0\1\0\0\0\x3c\0\4\1\2\3\4"
    return [bytes(packet)]


def announced(query, is_tcp):
    packet = bare(query)
    packet[6:12] = b"\xff" * 6
    return [bytes(packet)]


def cut(query, is_tcp):
    answer = dns.message.make_response(query)
    answer.flags |= dns.flags.TC
    return [answer]


def huge(query, is_tcp):
    if not is_tcp:
        return cut(query, is_tcp)
    answer = dns.message.make_response(query)
    answer.answer.append(dns.rrset.from_text(query.question[0].name, 300, "IN", "A", *(f"10.{i >> 8}.{i & 255}.1" for i in range(3900))))
    return [answer]


def short_mx(query, is_tcp):
    packet = bare(query)
    packet[7] = 1
    return [bytes(packet) + b"\xc0\x0c\0\x0f\0\1\0\0\0\x3c\0\0"]


LIES = [wrong_id, wrong_question, strangers, flood, circle, self_circle, pointer_loop, announced, garbage, cut, huge, refer,
        rcode(dns.rcode.SERVFAIL), rcode(dns.rcode.FORMERR), lambda query, is_tcp: []]


@pytest.mark.parametrize("lie", LIES, ids=lambda lie: getattr(lie, "__qualname__", "lie").replace(".<locals>", ""))
def test_a_lie_is_temporary_and_does_no_harm(server, liars, lie):
    def either(query, is_tcp):
        return Liar.truth(query) if str(query.question[0].name).startswith("good") else lie(query, is_tcp)
    liar = liars(either)
    serve(server, liar, more="timeout = 1s")
    until(lambda: counts(server)["flying"] == 0)
    pids = server.children("dns")
    begun = time.monotonic()
    assert lookup(server, "ping.example", exit=NOT_NOW) == []
    assert time.monotonic() - begun < (2.5 if not SANITIZED else 10)
    assert lookup(server, "good.example") == ["192.0.2.1"]
    assert server.children("dns") == pids
    until(lambda: counts(server)["flying"] == 0)
    assert len(os.listdir(f"/proc/{pids[0]}/fd")) < 30 if os.geteuid() == 0 else True


def test_a_mail_exchanger_cut_short_is_no_missing_one(server, liars):
    serve(server, liars(short_mx), more="timeout = 1s")
    assert site(server, "example", exit=NOT_NOW) == []


def test_cut_without_tcp_is_temporary(server, liars):
    serve(server, liars(cut, tcp=False), more="timeout = 1s")
    begun = time.monotonic()
    assert lookup(server, "long.example", "TXT", exit=NOT_NOW) == []
    assert time.monotonic() - begun < 5


def test_an_answer_from_elsewhere_is_not_heard(server, liars):
    """From another port of the same machine: the socket is connected, and takes it from nobody else."""
    def lie(query, is_tcp):
        time.sleep(0.2)
        return Liar.truth(query)
    liar = liars(lie)
    serve(server, liar)
    ask = subprocess.Popen([server.postrider, "-c", server.file, "dns", "lookup", "mx.example"], stdout=subprocess.PIPE, text=True)
    until(lambda: liar.told("mx.example"))
    pid, = server.children("dns")
    ports = [int(line.split()[1].split(":")[1], 16) for line in open(f"/proc/{pid}/net/udp").read().splitlines()[1:]
             if line.split()[2].endswith(f":{liar.port:04X}")]
    assert ports
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        for port in ports:
            for id in range(0, 65536, 257):
                s.sendto(id.to_bytes(2, "big") + b"\x81\x80" + b"\0" * 8, (ADDRESS, port))
    assert "192.0.2.1" in ask.communicate(timeout=PATIENCE)[0]


def test_what_was_not_asked_is_not_remembered(server, liars):
    def lie(query, is_tcp):
        answer = Liar.truth(query)
        if not str(query.question[0].name).startswith("bank"):
            answer[0].answer.append(dns.rrset.from_text("bank.example.", 300, "IN", "A", "192.0.2.66"))
            answer[0].additional.append(dns.rrset.from_text("bank.example.", 300, "IN", "A", "192.0.2.66"))
        return answer
    liar = liars(lie)
    serve(server, liar)
    assert lookup(server, "mx.example") == ["192.0.2.1"]
    assert lookup(server, "bank.example") == ["192.0.2.1"]


def test_ad_of_one_who_is_not_trusted_is_nothing(server, liars):
    def lie(query, is_tcp):
        answer = Liar.truth(query)
        answer[0].flags |= dns.flags.AD
        return answer
    liar = liars(lie)
    serve(server, liar)
    assert is_secure(server, "mx.example")
    serve(server, liar, more='trust_ad = "no"')
    assert not is_secure(server, "mx.example")


def test_names_of_all_kinds_in_the_configuration(server, liars):
    server.dns = 'dns { servers = { "localhost:53" } }'
    server.write()
    done = server.run("config", "check", check=False)
    assert done.returncode == 78 and "must be an IP address and a port" in done.stderr


# ---- resolv.conf ---------------------------------------------------------------------------------------


@pytest.mark.skipif(os.geteuid() != 0 or subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode, reason="needs a mount namespace")
def test_resolv_conf_is_read_and_watched(server, folder, liars):
    """In a namespace whose /etc is a copy. It can't name a port: the servers have port 53 of loopback addresses of their own."""
    first, second = (liars(always(f"192.0.2.{n}"), address=f"127.53.7.{n}", port=53) for n in (1, 2))
    subprocess.run(["cp", "-a", "/etc", f"{folder}/etc"], check=True)
    write_resolv_conf(folder, first.address)
    wrapper = f"{folder}/postrider"
    with open(wrapper, "w") as f:
        f.write(f"#!/bin/sh\nexec unshare -m --propagation private sh -c "
                f"'mount --bind \"{folder}/etc\" /etc && exec \"$0\" \"$@\"' \"{server.postrider}\" \"$@\"\n")
    os.chmod(wrapper, 0o755)
    server.dns = ""
    real, server.postrider = server.postrider, wrapper
    server.start()
    server.postrider = real
    assert lookup(server, "mx.example") == ["192.0.2.1"]
    pids = server.children("dns")
    write_resolv_conf(folder, second.address)
    until(lambda: lookup(server, "mx.example") == ["192.0.2.2"])
    assert server.children("dns") == pids


def write_resolv_conf(folder, address):
    """As programs do that manage it: a new file in its place."""
    path = f"{folder}/etc/resolv.conf"
    with open(path + ".new", "w") as f:
        f.write(f"# made by a test\nsearch example\nnameserver {address}\noptions edns0\n")
    os.chmod(path + ".new", 0o644)
    os.rename(path + ".new", path)
