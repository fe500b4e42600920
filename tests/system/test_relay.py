"""Mail to other servers: names by NSD, and servers that do right and wrong at every stage."""
import contextlib, os, signal, smtplib, ssl, time

import pytest

from conftest import free_port, until
from names import Nsd
from sink import OFFERS, Sink

PRIVATE = "allow_private = yes"
ROUNDS = 100 if os.environ.get("POSTRIDER_LONG") else 5


class World:
    """Domains of other people: each has a zone's lines and servers at addresses of 127.0.25.0/24, all with one port."""

    def __init__(self, folder):
        self.folder, self.port = folder, free_port()
        self.nsd = Nsd(folder, "nsd")
        self.sinks = []

    def sink(self, n, **more):
        made = Sink(f"127.0.25.{n}", self.port, **more)
        self.sinks.append(made)
        return made

    def start(self, zone):
        """zone: the lines of the root's zone, names with a dot at their end."""
        self.nsd.start({".": "@ NS ns.test.\nns.test. A 127.0.0.1\n" + zone})

    def stop(self):
        self.nsd.stop()
        for sink in self.sinks:
            sink.stop()


@pytest.fixture
def world(folder):
    w = World(folder)
    yield w
    w.stop()


ONE = "b.test. MX 10 mx.b.test.\nmx.b.test. A 127.0.25.1\n"


def begin(server, world, zone=ONE, outbound="", more="", private=PRIVATE, retry="300ms"):
    """A server whose users write to the world."""
    world.start(zone)
    server.listen = 'trusted = "127.0.0.0/8"'
    server.dns = f'dns {{ servers = "{world.nsd.where()}" }}'
    server.extra = f"""
outbound {{ port = {world.port} {private} {outbound} }}
retry {{ after = {{{retry}}} }}
{more}"""
    server.start()


def lines(server, word):
    return [line for line in server.log().splitlines() if word in line]


def wait_line(server, word):
    return until(lambda: lines(server, word))[0]


def taken(sink, n=1):
    until(lambda: len(sink.mails) >= n)
    assert len(sink.mails) == n
    return sink.mails


# ---- one mail ----------------------------------------------------------------------------------


def test_mail_goes_to_the_mx_of_its_domain(server, world):
    sink = world.sink(1)
    begin(server, world)
    message_id = server.send(to=["u@b.test", "v@b.test"], sender="alice@example.test", body="..dots\r\n.\r\nend")
    mail, = taken(sink)
    assert mail["sender"] == "alice@example.test" and mail["rcpts"] == ["u@b.test", "v@b.test"] and mail["helo"] == "mx.example.test"
    assert b"\r\n\r\n..dots\r\n.\r\nend\r\n" in mail["data"] and message_id.encode() in mail["data"]
    server.wait_empty()
    line = wait_line(server, "to=<u@b.test>")
    assert f"relay=mx.b.test[127.0.25.1]:{world.port}" in line and "dsn=2.0.0" in line and "status=sent (250 2.0.0 taken)" in line


@pytest.mark.skipif(os.geteuid() != 0, reason="port 25 is root's")
def test_the_port_of_other_servers_is_25(server, world):
    world.port = 25
    sink = world.sink(1)
    begin(server, world)
    server.extra = server.extra.replace("port = 25", "")
    server.reload()
    server.send(to="u@b.test")
    taken(sink)
    assert "relay=mx.b.test[127.0.25.1]:25" in wait_line(server, "status=sent")


def test_a_big_message_goes_in_chunks_and_by_data(server, world):
    body = "\r\n".join(f".{n} " + "x" * 70 for n in range(40000))
    by_data, by_chunks = world.sink(1), world.sink(2, offers=(*OFFERS, "CHUNKING"))
    begin(server, world, ONE + "c.test. MX 10 mx.c.test.\nmx.c.test. A 127.0.25.2\n")
    server.send(to=["u@b.test", "u@c.test"], body=body)
    for sink in (by_data, by_chunks):
        mail, = taken(sink)
        assert mail["data"].partition(b"\r\n\r\n")[2] == body.encode() + b"\r\n"
    assert any(command.startswith("BDAT ") for command in by_chunks.commands)


def test_a_connection_is_used_again(server, world):
    sink = world.sink(1)
    begin(server, world)
    for n in range(5):
        server.send(to="u@b.test", subject=str(n))
        taken(sink, n + 1)
    server.wait_empty()
    assert sink.connections == 1
    until(lambda: "QUIT" in sink.commands)


def test_many_messages_at_once_share_few_connections(server, world):
    sink = world.sink(1)
    begin(server, world, outbound="max_connections = 4 per_site = 20", more="workers { relay = 2 }")
    with server.smtp() as client:
        for _ in range(60):
            client.sendmail("alice@example.test", "u@b.test", "Subject: x\r\n\r\nx\r\n")
    taken(sink, 60)
    server.wait_empty()
    assert sink.connections <= 10


# ---- which server ----------------------------------------------------------------------------------


def test_a_server_that_is_not_there_leaves_it_to_the_next(server, world):
    sink = world.sink(3)
    begin(server, world, "b.test. MX 10 a.b.test.\nb.test. MX 20 c.b.test.\na.b.test. A 127.0.25.1\na.b.test. A 127.0.25.2\nc.b.test. A 127.0.25.3\n")
    server.send(to="u@b.test")
    taken(sink)
    assert "attempt=1" in wait_line(server, "status=sent")


@pytest.mark.parametrize("says", [{"connect": "drop"}, {"greeting": "554 5.3.2 no"}, {"greeting": "421 4.3.2 busy"}, {"ehlo": "421 4.3.2 busy"},
                                  {"ehlo": "451 4.3.2 no", }, {"mail": "421 4.3.2 busy"}, {"rcpt": "drop"}, {"data": "421 4.3.2 busy"},
                                  {"greeting": b"HTTP/1.1 400 Bad Request\r\n\r\n"}, {"mail": b"354 what\r\n"}, {"mail": b"250-" + b"x" * 100000}])
def test_a_server_in_trouble_leaves_it_to_the_next(server, world, says):
    world.sink(1, **says)
    sink = world.sink(2)
    begin(server, world, "b.test. MX 10 a.b.test.\nb.test. MX 20 c.b.test.\na.b.test. A 127.0.25.1\nc.b.test. A 127.0.25.2\n")
    server.send(to="u@b.test")
    taken(sink)
    assert "attempt=1" in wait_line(server, "status=sent")


TWO = "b.test. MX 10 a.b.test.\nb.test. MX 20 c.b.test.\na.b.test. A 127.0.25.1\nc.b.test. A 127.0.25.2\n"


def at(address):
    """A server's answer for that recipient alone."""
    return lambda argument: "450 4.7.1 later" if address in argument else None


@pytest.mark.parametrize("stage", ["mail", "rcpt", "data", "body"])
def test_a_refusal_for_now_leaves_it_to_the_next(server, world, stage):
    """As Postfix does it; the words of the first server are told."""
    world.sink(1, **{stage: "450 4.7.1 later"})
    sink = world.sink(2)
    begin(server, world, TWO, retry="1h")
    message_id = server.send(to=["u@b.test", "v@b.test"])
    mail, = taken(sink)
    assert mail["rcpts"] == ["u@b.test", "v@b.test"] and mail["data"].endswith(b"Hello.\r\n")
    assert "attempt=1" in wait_line(server, "status=sent")
    assert "450" in wait_line(server, "delivery.put_off to=<u@b.test>")
    assert "put_off" in server.run("trace", message_id).stdout
    server.wait_empty()


@pytest.mark.parametrize("again", [False, True])
def test_only_who_was_put_off_goes_to_the_next(server, world, again):
    """Again: over a connection that was there already."""
    first, second = world.sink(1, rcpt=at("v@b.test")), world.sink(2)
    begin(server, world, TWO, retry="1h")
    if again:
        server.send(to="u@b.test")
        taken(first)
    server.send(to=["u@b.test", "v@b.test", "w@b.test"], body="x" * 500)
    assert taken(first, 1 + again)[-1]["rcpts"] == ["u@b.test", "w@b.test"]
    assert taken(second)[0]["rcpts"] == ["v@b.test"]
    assert first.mails[-1]["data"] == second.mails[0]["data"]
    assert first.connections == 1
    server.wait_empty()


def test_greylisting_everywhere_is_tried_again_later(server, world):
    """At two servers in each attempt, not at all of them."""
    def grey():
        seen = []
        return lambda argument: seen.append(argument) or ("450 4.7.1 grey" if len(seen) == 1 else None)
    sinks = [world.sink(n, rcpt=grey()) for n in (1, 2, 3)]
    begin(server, world, TWO + "b.test. MX 30 d.b.test.\nd.b.test. A 127.0.25.3\n")
    server.send(to="u@b.test")
    line = wait_line(server, "status=deferred")
    assert "relay=c.b.test[127.0.25.2]" in line and "450 4.7.1 grey" in line
    assert "attempt=2" in wait_line(server, "status=sent")
    assert len(sinks[0].mails + sinks[1].mails) == 1 and sinks[2].connections == 0


def test_a_large_message_that_one_server_has_goes_no_second_time(server, world):
    first, second = world.sink(1, rcpt=at("v@b.test")), world.sink(2)
    begin(server, world, TWO, retry="1h")
    server.send(to=["u@b.test", "v@b.test"], body="\r\n".join(["x" * 70] * 3000))
    taken(first)
    assert "to=<v@b.test>" in wait_line(server, "status=deferred")
    assert second.connections == 0


@pytest.mark.skipif(not os.path.exists("/proc/net/if_inet6") or "::1" not in os.popen("ip -6 addr show lo").read(), reason="there is no IPv6 here")
def test_ipv6_comes_first(server, world):
    v6 = Sink("::1", world.port)
    world.sinks.append(v6)
    world.sink(1)
    begin(server, world, ONE + "mx.b.test. AAAA ::1\n")
    server.send(to="u@b.test")
    taken(v6)
    assert f"relay=mx.b.test[::1]:{world.port}" in wait_line(server, "status=sent")


def test_without_mx_the_domain_itself_is_the_host(server, world):
    sink = world.sink(4)
    begin(server, world, "plain.test. A 127.0.25.4\n")
    server.send(to="u@plain.test")
    taken(sink)


def test_mail_that_would_come_back_to_us_is_returned(server, world):
    world.start("name.test. MX 10 mx.example.test.\naddress.test. MX 10 other.test.\nother.test. A 127.0.0.1\n")
    world.port = server.port
    server.listen = 'trusted = "127.0.0.0/8"'
    server.dns = f'dns {{ servers = "{world.nsd.where()}" }}'
    server.extra = f"outbound {{ port = {server.port} allow_private = yes }}"
    server.start()
    for domain in ("name", "address"):
        server.send(to=f"u@{domain}.test", sender="alice@example.test")
        assert "dsn=5.4.6" in wait_line(server, f"to=<u@{domain}.test>")


def test_private_networks_are_refused_by_default(server, world):
    sink = world.sink(1)
    begin(server, world, private="")
    server.send(to="u@b.test", sender="alice@example.test")
    line = wait_line(server, "to=<u@b.test>")
    assert "dsn=5.4.4" in line and "status=bounced" in line and "private network" in line
    assert sink.connections == 0


def test_a_strangers_dns_names_no_socket_of_this_machine(server, world):
    path = f"{server.folder}/run/submit"
    begin(server, world, f"b.test. MX 10 unix:{path}.\n")
    server.send(to="u@b.test", sender="alice@example.test")
    line = wait_line(server, "to=<u@b.test>")
    assert "status=bounced" in line and "dsn=5.4.4" in line
    assert not lines(server, "listener=submit")


def test_we_speak_from_the_address_and_by_the_name_that_are_configured(server, world):
    sink = world.sink(1)
    begin(server, world, outbound='address = "127.0.25.200" helo = out.example.test')
    server.send(to="u@b.test")
    mail, = taken(sink)
    assert mail["peer"] == "127.0.25.200" and mail["helo"] == "out.example.test"


@pytest.mark.skipif(not os.path.exists("/proc/net/if_inet6") or "::1" not in os.popen("ip -6 addr show lo").read(), reason="there is no IPv6 here")
def test_each_family_has_its_source_address(server, world):
    """And where none is configured for a family, its hosts are no hosts, and the bounce says so."""
    v4, v6 = world.sink(1), Sink("::1", world.port)
    world.sinks.append(v6)
    begin(server, world, ONE + "six.test. MX 10 mx.six.test.\nmx.six.test. AAAA ::1\n", outbound='address = {"127.0.25.200", "::1"}')
    server.send(to=["u@b.test", "u@six.test"])
    assert taken(v4)[0]["peer"] == "127.0.25.200" and taken(v6)[0]["peer"] == "::1"
    server.extra = server.extra.replace(', "::1"', "")
    server.reload()
    server.send(to="w@six.test", sender="alice@example.test")
    assert "mx.six.test has no IPv4 address" in wait_line(server, "to=<w@six.test>")


# ---- what they answer ---------------------------------------------------------------------------------


@pytest.mark.parametrize("stage", ["mail", "rcpt", "data", "body"])
@pytest.mark.parametrize("code,status", [("450 4.7.1 later", "deferred"), ("550 5.7.1 never", "bounced")])
def test_each_stage_may_refuse(server, world, stage, code, status):
    sink = world.sink(1, **{stage: code})
    begin(server, world, retry="1h")
    server.send(to="u@b.test", sender="alice@example.test")
    line = wait_line(server, "to=<u@b.test>")
    assert f"status={status}" in line and code in line and f"dsn={code.split()[1]}" in line
    assert not sink.mails


QUICK = "timeout { connect = 1s greeting = 500ms tls = 500ms command = 500ms data = 500ms block = 500ms final = 500ms }"


@pytest.mark.parametrize("stage, awaited", [
    ("greeting", "the greeting"), ("ehlo", "the reply to EHLO"), ("starttls", "the reply to STARTTLS"), ("mail", "the reply to MAIL"),
    ("rcpt", "the reply to RCPT"), ("data", "the reply to DATA"), ("body", "the reply to the end of data (it may have the message)")])
def test_who_hangs_is_left_after_its_time(server, world, pair, stage, awaited):
    sink = world.sink(1, certificate=pair, **{stage: ["hang"]})
    begin(server, world, outbound=QUICK)
    server.send(to="u@b.test")
    taken(sink)
    line = wait_line(server, "status=deferred")
    assert "dsn=4.4.2" in line and f"took too long, awaiting {awaited})" in line
    server.wait_empty()


def test_who_hangs_in_the_handshake_gets_it_in_the_clear(server, world, pair):
    sink = world.sink(1, certificate=pair, starttls=["stall"])
    begin(server, world, outbound=QUICK)
    server.send(to="u@b.test")
    assert taken(sink)[0]["tls"] is None
    assert "attempt=1" in wait_line(server, "status=sent")


def test_who_stops_reading_is_left_after_its_time(server, world):
    """In the midst of a message."""
    sink = world.sink(1, offers=("PIPELINING", "8BITMIME"), data=["stall"])
    begin(server, world, outbound=QUICK)
    server.send(to="u@b.test", body="\r\n".join(["x" * 70] * 200000))
    assert "took too long, awaiting the message to be taken" in wait_line(server, "status=deferred")
    taken(sink)


@pytest.mark.parametrize("stage", ["greeting", "ehlo", "starttls", "mail", "rcpt", "data", "body"])
def test_who_hangs_up_is_tried_again(server, world, pair, stage):
    sink = world.sink(1, certificate=pair, **{stage: ["drop"]})
    begin(server, world)
    server.send(to="u@b.test")
    taken(sink)
    line = wait_line(server, "status=deferred")
    assert "dsn=4.4.2" in line and ("it may have the message" in line) == (stage == "body")
    server.wait_empty()


def test_some_recipients_are_refused_and_some_not(server, world):
    sink = world.sink(1, rcpt=lambda argument: "550 5.1.1 nobody" if "ghost" in argument else None)
    begin(server, world)
    server.send(to=["u@b.test", "ghost@b.test", "v@b.test"], sender="alice@example.test")
    assert taken(sink)[0]["rcpts"] == ["u@b.test", "v@b.test"]
    assert "status=bounced" in wait_line(server, "to=<ghost@b.test>")
    assert "ghost@b.test" in str(server.wait_mails()[0])


def test_a_server_that_takes_few_recipients_at_once_gets_them_in_turns(server, world):
    taking = []

    def rcpt(argument):
        taking.append(argument)
        return "452 4.5.3 too many" if len(taking) > 2 else None

    def mail(_):
        taking.clear()
    sink = world.sink(1, rcpt=rcpt, mail=mail, offers=("8BITMIME",))
    begin(server, world, retry="1h")
    people = [f"u{n}@b.test" for n in range(7)]
    server.send(to=people)
    until(lambda: sum(len(mail["rcpts"]) for mail in sink.mails) == 7)
    assert sorted(address for mail in sink.mails for address in mail["rcpts"]) == people
    server.wait_empty()


def test_greylisting_is_met_once(server, world):
    sink = world.sink(1, rcpt=["451 4.7.1 greylisted"])
    begin(server, world)
    server.send(to="u@b.test")
    taken(sink)
    assert "attempt=2" in wait_line(server, "status=sent")


def test_who_knows_no_ehlo_gets_helo(server, world):
    sink = world.sink(1, ehlo="502 5.5.1 what")
    begin(server, world)
    server.send(to="u@b.test")
    taken(sink)


@pytest.mark.parametrize("force", [False, True])
def test_8bit_mail_is_not_converted(server, world, force):
    sink = world.sink(1, offers=("PIPELINING",))
    begin(server, world, outbound="force_8bit = yes" if force else "")
    with server.smtp() as client:
        client.sendmail("alice@example.test", "u@b.test", "Subject: x\r\n\r\nGrüße\r\n".encode(), ["BODY=8BITMIME"])
    if force:
        assert "Grüße".encode() in taken(sink)[0]["data"]
    else:
        assert "dsn=5.6.3" in wait_line(server, "to=<u@b.test>")
        assert not sink.mails


def test_a_server_that_hangs_costs_others_nothing(server, world):
    world.sink(1, greeting="hang")
    sink = world.sink(2)
    begin(server, world, ONE + "c.test. MX 10 mx.c.test.\nmx.c.test. A 127.0.25.2\n")
    for _ in range(30):
        server.send(to="u@b.test")
    began = time.monotonic()
    server.send(to="u@c.test")
    taken(sink)
    assert time.monotonic() - began < 5


def test_endless_replies_end(server, world):
    def flood(argument):
        return b"250-more\r\n" * 70000
    world.sink(1, ehlo=flood)
    begin(server, world, retry="1h")
    server.send(to="u@b.test")
    assert "broke the protocol" in wait_line(server, "status=deferred")


# ---- the log ------------------------------------------------------------------------------------------------


def seconds(line, name="delay"):
    return float(line.partition(f" {name}=")[2].partition(",")[0])


def test_the_log_reads_as_postfix_users_expect(server, world):
    """The delay counts from the message's arrival, the attempt apart from it; a failed connection has a relay too; so has the end."""
    sink = world.sink(1, rcpt="450 4.7.1 later")
    begin(server, world, ONE + "c.test. MX 10 mx.c.test.\nmx.c.test. A 127.0.25.99\n", retry="1s")
    server.extra = server.extra.replace("retry {", "retry { expire = 3s notice = off")
    server.reload()
    server.send(to=["u@b.test", "v@c.test"], sender="alice@example.test")
    for address in "u@b.test", "v@c.test":
        until(lambda to=address: [line for line in lines(server, f"to=<{to}>") if "status=expired" in line])
        first, *_, last = lines(server, f"to=<{address}>")
        assert seconds(first) < 1 < seconds(last) - seconds(first)
        assert all(seconds(line, "took") < 1 for line in lines(server, f"to=<{address}>") if "status=deferred" in line)
        assert "dsn=5.4.7" in last and ("relay=none" in first) == (address == "v@c.test")
        assert all(" relay=" in line for line in lines(server, f"to=<{address}>"))
    assert "relay=mx.b.test[127.0.25.1]" in last or "relay=none" in last
    assert [line for line in lines(server, "status=expired") if "450" not in line and "(4.7.1 later)" in line]
    assert sink.connections


def test_an_alias_that_expires_is_told_by_its_target(server, world):
    with open(f"{server.folder}/aliases", "w") as f:
        f.write("team: one@b.test, two@b.test\n")
    world.sink(1, rcpt="450 4.7.1 later")
    server.domain = f'aliases = "{server.folder}/aliases"'
    begin(server, world)
    server.extra = server.extra.replace("retry {", "retry { expire = 2s")
    server.reload()
    server.send(to="team@example.test", sender="")
    for address in "one@b.test", "two@b.test":
        until(lambda to=address: [line for line in lines(server, f"to=<{to}>") if "status=expired" in line])
    server.wait_empty()


def test_a_retry_tells_what_can_not_move(server, world):
    sink = world.sink(1, greeting=["hang"])
    begin(server, world, retry="1h", more='route "held.test" { hold = yes }')
    server.send(to="x@held.test")
    until(lambda: [r for r in server.json("queue", "list") if r["state"] == "held"])
    assert server.run("queue", "retry", "all").stderr == "postrider: 1 message is held: `postrider queue release` lets go\n"
    server.send(to="u@b.test")
    until(lambda: sink.connections)
    assert "1 message is being tried just now" in server.run("queue", "retry", "to:u@b.test").stderr
    assert "nothing in the queue" in server.run("queue", "retry", "to:nobody@b.test").stderr


# ---- TLS ---------------------------------------------------------------------------------------------------


@pytest.fixture
def pair(server):
    """A certificate for mx.b.test, and its key."""
    os.makedirs(f"{server.folder}/theirs", exist_ok=True)
    server.certificate("mx.b.test", "theirs")
    return f"{server.folder}/theirs/cert.pem", f"{server.folder}/theirs/key.pem"


def test_tls_where_it_is_offered(server, world, pair):
    sink = world.sink(1, certificate=pair)
    begin(server, world, more="log { level = debug }")
    server.send(to="u@b.test")
    assert taken(sink)[0]["tls"] == "TLSv1.3"
    assert "tls=TLSv1.3" in wait_line(server, "delivery.tls")


def test_a_failed_handshake_is_retried_in_the_clear(server, world, pair):
    sink = world.sink(1, certificate=pair, starttls=lambda _: b"220 go\r\nthis is no TLS\r\n")
    begin(server, world)
    server.send(to="u@b.test")
    assert taken(sink)[0]["tls"] is None
    assert "attempt=1" in wait_line(server, "status=sent")


def test_a_server_that_wants_our_certificate_gets_it_in_the_clear(server, world, pair):
    sink = world.sink(1, certificate=pair)
    sink.tls.load_verify_locations(pair[0])
    sink.tls.verify_mode = ssl.CERT_REQUIRED    # TLS 1.3: it says no when for us the handshake is done
    begin(server, world)
    server.send(to="u@b.test")
    assert taken(sink)[0]["tls"] is None
    assert "attempt=1" in wait_line(server, "status=sent")


def test_who_must_have_tls_waits_for_it(server, world):
    sink = world.sink(1)
    begin(server, world, outbound="tls = required", retry="1h")
    server.send(to="u@b.test")
    line = wait_line(server, "status=deferred")
    assert "dsn=4.7.4" in line and "relay=mx.b.test[" in line
    assert not sink.mails


@pytest.mark.parametrize("trusted", [True, False])
def test_verified_is_who_proves_its_name(server, world, pair, trusted):
    sink = world.sink(1, certificate=pair)
    server.environment.pop("SSL_CERT_FILE")    # then whom this machine trusts is read
    if trusted:
        server.environment["SSL_CERT_FILE"] = pair[0]
    begin(server, world, more='route "b.test" { tls = verified }', retry="1h")
    server.send(to="u@b.test")
    if trusted:
        assert taken(sink)[0]["tls"]
    else:
        assert "dsn=4.7.5" in wait_line(server, "status=deferred")
        assert not sink.mails


# ---- smarthosts --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_a_smarthost_with_a_login(server, world, pair, mechanism):
    sink = world.sink(5, certificate=pair, login=mechanism)
    login = f"{server.folder}/login"
    with open(login, "w") as f:
        f.write("# the provider's\nanna:secret word\n")
    os.chmod(login, 0o600)
    begin(server, world, more=f'route "*" {{ via = "{sink.where()}" login_file = "{login}" tls = required }}')
    server.send(to="u@anywhere.example")
    taken(sink)
    wanted = {"PLAIN": ("PLAIN", "AGFubmEAc2VjcmV0IHdvcmQ="), "LOGIN": ("LOGIN", "YW5uYQ==", "c2VjcmV0IHdvcmQ=")}
    assert sink.logins == [wanted[mechanism]]
    assert "secret" not in server.log()


@pytest.mark.skipif(os.geteuid() != 0, reason="port 465 is root's")
def test_port_465_begins_with_tls(server, world, pair):
    sink = Sink("127.0.25.7", 465, certificate=pair, implicit=True)
    world.sinks.append(sink)
    begin(server, world, more=f'route "*" {{ via = "{sink.where()}" }}')
    server.send(to="u@anywhere.example")
    assert taken(sink)[0]["tls"] and "STARTTLS" not in sink.commands


def test_a_login_that_was_wrong_is_put_right(server, world, pair):
    sink = world.sink(5, certificate=pair, login="PLAIN", auth=lambda _: None if sink.logins[-1][1] == "AGFubmEAcmlnaHQ=" else "535 5.7.8 no")
    login = f"{server.folder}/login"

    def write(password):
        with open(f"{login}.new", "w") as f:
            f.write(f"anna:{password}\n")
        os.rename(f"{login}.new", login)
    write("wrong")
    begin(server, world, more=f'route "*" {{ via = "{sink.where()}" login_file = "{login}" }}')
    server.send(to="u@anywhere.example")
    assert "535" in wait_line(server, "status=deferred")
    write("right")
    taken(sink)


def test_a_login_that_everybody_may_read_is_told_of_once(server, world):
    login = f"{server.folder}/login"
    with open(login, "w") as f:
        f.write("anna:secret words\n")
    os.chmod(login, 0o644)
    begin(server, world, more="".join(f'route {name}.test {{ via = "127.0.25.5:25" login_file = "{login}" }}\n' for name in "cd"))
    line, = lines(server, "chmod 600")
    assert login in line and "tables.doubt" in line
    os.chmod(login, 0o600)
    assert "chmod" not in server.reload().stderr


def test_no_login_in_the_clear(server, world):
    sink = world.sink(5)
    login = f"{server.folder}/login"
    with open(login, "w") as f:
        f.write("anna:secret\n")
    begin(server, world, more=f'route "*" {{ via = "{sink.where()}" login_file = "{login}" }}', retry="1h")
    server.send(to="u@anywhere.example")
    assert "dsn=4.7.4" in wait_line(server, "status=deferred")
    assert not any(command.startswith("AUTH") for command in sink.commands)


@pytest.mark.parametrize("written", [None, "required"])
def test_a_password_is_for_a_server_that_proves_its_name(server, world, pair, written):
    """Only who writes so lets it go to whoever answers."""
    sink = world.sink(1, certificate=pair, login="PLAIN")
    login = f"{server.folder}/login"
    with open(login, "w") as f:
        f.write("anna:secret\n")
    os.chmod(login, 0o600)
    tls = f"tls = {written}" if written else ""
    begin(server, world, more=f'route "*" {{ via = "mx.b.test:{world.port}" login_file = "{login}" {tls} }}', retry="1h")
    server.send(to="u@anywhere.example")
    if written:
        taken(sink)
        assert sink.logins
    else:
        assert "dsn=4.7.5" in wait_line(server, "status=deferred")
        assert not sink.logins


def test_a_domain_that_is_passed_on(server, world):
    sink = world.sink(6)
    with open(f"{server.folder}/list", "w") as f:
        f.write("u@backup.test\n")
    begin(server, world, more=f'domain backup.test {{ deliver = inner users = list }}\ndeliver inner {{ smtp = "{sink.where()}" }}\n'
          f'users list {{ file = "{server.folder}/list" }}')
    server.send(to="u@backup.test")
    assert taken(sink)[0]["rcpts"] == ["u@backup.test"]


# ---- deaths ------------------------------------------------------------------------------------------------------


def number_of(mail):
    return int(mail["data"].partition(b"Subject: ")[2].split()[0])


def send_patiently(server, number):
    """As mail servers do: again until it is taken."""
    def taken():
        with contextlib.suppress(OSError, smtplib.SMTPException), server.smtp() as client:
            client.sendmail("alice@example.test", "u@b.test", f"From: alice@example.test\r\nSubject: {number}\r\n\r\n{'x' * 3000}\r\n")
            return True
    until(taken)


def strike(server, role):
    """Kills all that have this role; the whole server, whose children end with it, for the master."""
    before = server.children(role=None if role == "master" else role)
    assert before
    if role == "master":
        server.process.kill()
        server.process.wait()
        until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in before))
        server.start()
        return
    for pid in before:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    until(lambda: set(server.children(role=role)) - set(before), 60)


@pytest.mark.parametrize("role", ["relay", "dns", "spool", "sign", "smtpd", "auth", "events", "master"])
def test_whoever_dies_under_load_loses_nothing(server, world, role):
    """Doubles come only of connections that died between the end of a message and its reply."""
    sink = world.sink(1)
    server.write()
    server.run("dkim", "keygen", "example.test")
    begin(server, world)
    sent = 0
    for n in range(ROUNDS):
        for _ in range(10):
            send_patiently(server, sent)
            sent += 1
        if n % 10 == 9:    # what dies often is started again later and later: a new master begins anew
            server.stop()
            server.start()
        strike(server, role)
    until(lambda: server.release_suspects() or len({number_of(mail) for mail in sink.mails}) == sent, 60)
    server.wait_empty(60, killed=True)
    assert len(sink.mails) - sent <= (ROUNDS * 20 if role in ("relay", "spool", "master") else 0)
    assert all(b"DKIM-Signature: " in mail["data"] for mail in sink.mails)


def test_a_reload_under_load_cuts_nothing(server, world):
    sink = world.sink(1, body=lambda _: 0.02)
    begin(server, world)
    for n in range(90):
        server.send(to="u@b.test", sender="alice@example.test", subject=f"{n} ")
        if n % 30 == 20:
            server.reload()
    until(lambda: len(sink.mails) >= 90)
    server.wait_empty()
    assert sorted(number_of(mail) for mail in sink.mails) == list(range(90))
