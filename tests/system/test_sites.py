"""Where foreign mail goes and when: routes, DNS in every state, sites that are dead, busy or refuse, floods, and deaths under load."""
import contextlib, os, random, re, signal, threading, time

import pytest

from conftest import SANITIZED, until
from test_queue import Pipe
from test_relay import ONE, World, begin, lines, taken, wait_line, world  # noqa: F401

LONG = bool(os.environ.get("POSTRIDER_LONG"))
DEAD = 100000 if LONG else 500 if SANITIZED else 5000
KILLS = 100 if LONG else 6
LOCAL = "alice@example.test"
TWO = ONE + "c.test. MX 10 mx.c.test.\nmx.c.test. A 127.0.25.2\n"


def flood(server, to, count, sender="flood@example.test"):
    def some(part):
        pipe = Pipe(server)
        for n in part:
            pipe.send(sender, to, f"token-{n}-end")
        pipe.close()
    threads = [threading.Thread(target=some, args=(range(first, count, 8),)) for first in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()


def generous(world, server, *args, **more):
    begin(server, world, *args, **more)
    server.listen = 'trusted = "127.0.0.0/8" max_messages = 1000000'
    server.reload()


def text_of(mail):
    return mail.get_payload()[0].get_payload()


# ---- domains that take no mail -------------------------------------------------------------------


@pytest.mark.parametrize("domain, status, words", [
    ("null.test", "5.1.10", "takes no mail"), ("nowhere.test", "5.1.2", "does not exist"), ("hostless.test", "5.4.4", "no mail server")])
def test_a_domain_that_takes_no_mail(server, world, domain, status, words):
    begin(server, world, "null.test. MX 0 .\nhostless.test. TXT x\n")
    server.send(to=f"u@{domain}", sender=LOCAL)
    bounce, = server.wait_mails()
    report = bounce.get_payload()[1].as_string()
    assert f"Status: {status}" in report and "Action: failed" in report and f"rfc822;u@{domain}" in report.replace("; ", ";")
    assert words in text_of(bounce) and "What to do: " in text_of(bounce)
    assert f"dsn={status}, status=bounced" in wait_line(server, f"to=<u@{domain}>")
    server.wait_empty()


def test_dns_that_is_down_delays_and_loses_nothing(server, world):
    sink = world.sink(1)
    begin(server, world, retry="500ms")
    world.nsd.stop()
    for _ in range(20):
        server.send(to="u@b.test")
    until(lambda: len(server.json("queue", "list", "state:waiting")) == 20)
    assert all("b.test" in row["reason"] and row["tries"] == 0 and row["next"] for row in server.json("queue", "list"))
    world.start(ONE)
    taken(sink, 20)
    server.wait_empty()


# ---- routes ------------------------------------------------------------------------------------------


def test_routes_send_hold_and_pace(server, world):
    smart, sink = world.sink(9), world.sink(1)
    begin(server, world, more=f'''route "*.test" {{ via = "{smart.where()}" }}
route "held.test" {{ hold = yes via = "{smart.where()}" }}
route "b.test" {{ rate = 3/min }}''')
    server.send(to="u@anything.test")
    assert taken(smart)[0]["rcpts"] == ["u@anything.test"]
    server.send(to="u@held.test")
    until(lambda: server.json("queue", "list", "state:held"))
    server.run("queue", "release", "to:u@held.test")
    taken(smart, 2)
    for _ in range(5):
        server.send(to="u@b.test")
    taken(sink, 3)
    time.sleep(2)
    assert len(sink.mails) == 3 and len(server.json("queue", "list")) == 2
    server.extra = server.extra.replace("rate = 3/min", "")
    server.reload()
    taken(sink, 5)
    server.wait_empty()


# ---- sites ---------------------------------------------------------------------------------------------


def test_a_busy_server_gets_no_more_connections_than_it_likes(server, world):
    """It refuses the third and later: all arrives, and it is not hammered."""
    open_now = []

    def limited(_):
        open_now.append(1)
        return None if len(open_now) % 4 else "421 4.7.0 too many connections"
    sink = world.sink(1, greeting=limited)
    generous(world, server, retry="200ms")
    flood(server, "u@b.test", 300)
    until(lambda: len(sink.mails) == 300, 60)
    server.wait_empty()
    assert sink.connections < 150


def test_a_site_that_says_421_is_postponed_as_a_whole(server, world):
    sink = world.sink(1, greeting="421 4.3.2 closing")
    generous(world, server, retry="1h")
    flood(server, "u@b.test", 100)
    time.sleep(2)
    assert sink.connections <= 4
    rows = server.json("queue", "list")
    assert len(rows) == 100 and sum(row["tries"] for row in rows) <= 4
    assert all("421" in row["reason"] or "closing" in row["reason"] for row in rows) and all(row["next"] for row in rows)
    assert "domain=b.test" in wait_line(server, "site.postponed") and len(lines(server, "site.postponed")) == 1
    assert "recipients in the queue: 100; last: " in server.run("explain", "u@b.test").stdout  # those that were tried wait too
    sink.says["greeting"] = None
    server.run("queue", "retry", "to:*@b.test", "--yes")
    until(lambda: len(sink.mails) == 100, 60)
    server.wait_empty()
    assert "recipients in the queue: 0\n" in server.run("explain", "u@b.test").stdout


def test_a_dead_site_with_a_long_queue_costs_others_nothing(server, world):
    world.sink(1, greeting="hang")
    alive = world.sink(2)
    generous(world, server, TWO, more="log { level = warn }\n")
    flood(server, "u@b.test", DEAD)
    began = time.monotonic()
    flood(server, "u@c.test", 200, sender="flood@example.test")
    until(lambda: len(alive.mails) == 200, 60)
    assert time.monotonic() - began < (60 if SANITIZED else 15)
    assert len(server.json("queue", "list", "to:*@b.test")) == DEAD


def test_one_senders_flood_delays_nobody(server, world):
    slow = world.sink(1, body=0.2)
    generous(world, server, TWO, "per_site = 4 per_connection = 1000")
    world.sink(2)
    flood(server, "u@b.test", 400)
    began = time.monotonic()
    server.send(to="u@b.test", sender="somebody@example.net", body="from somebody")
    until(lambda: any(mail["sender"] == "somebody@example.net" for mail in slow.mails))
    assert time.monotonic() - began < 5 and len(slow.mails) < 300


# ---- time -------------------------------------------------------------------------------------------------


def test_a_notice_a_bounce_and_when(server, world):
    world.sink(1, rcpt="450 4.2.1 not now, said the server")
    begin(server, world, retry="300ms, 600ms")
    server.extra = server.extra.replace("retry {", "retry { notice = 1s expire = 3s ")
    server.reload()
    server.send(to="u@b.test", sender=LOCAL)
    notice, = server.wait_mails(1)
    assert notice["Subject"] == "Your mail is delayed" and "Action: delayed" in notice.get_payload()[1].as_string()
    assert "not now, said the server" in text_of(notice) and "tried again by itself" in text_of(notice)
    both = until(lambda: (len(server.mails()) == 2) and server.wait_mails(2))
    bounce = next(m for m in both if m["Subject"] != notice["Subject"])
    for mail in both:
        assert mail["Return-Path"] == "<>" and mail["Auto-Submitted"] == "auto-replied"
    status = bounce.get_payload()[1].as_string()
    assert "Status: 5.4.7" in status and "Diagnostic-Code: smtp; 450 4.2.1 not now, said the server" in status
    assert "said:\n    450 4.2.1 not now, said the server" in text_of(bounce).replace("\r", "") and "as long as it may be" in text_of(bounce)
    server.wait_empty()
    assert 4 <= len(lines(server, "status=deferred")) + len(lines(server, "status=bounced")) + 1 <= 10


def test_what_is_wrong_here_is_not_blamed_on_others(server, world):
    path = f"{server.folder}/login"
    open(path, "w").write("no colon\n")
    begin(server, world, more=f'route b.test {{ via = "127.0.25.1:25" login_file = "{path}" }}')
    server.extra = server.extra.replace("retry {", "retry { expire = 1s ")
    server.reload()
    server.send(to="u@b.test", sender=LOCAL)
    bounce, = server.wait_mails()
    assert "Status: 5.3.5" in bounce.get_payload()[1].as_string()
    assert "login_file" in text_of(bounce) and "Show this report to your administrator" in text_of(bounce)


def test_a_relayed_message_that_asked_for_success(server, world):
    sink = world.sink(1)
    begin(server, world)
    with server.smtp() as client:
        client.ehlo()
        client.mail(LOCAL, ["RET=HDRS", "ENVID=xyz"])
        client.rcpt("u@b.test", ["NOTIFY=SUCCESS", "ORCPT=rfc822;u@b.test"])
        client.data("Subject: receipt\r\n\r\nthe body of it\r\n")
    taken(sink)
    receipt, = server.wait_mails()
    report = receipt.get_payload()[1].as_string()
    assert "Action: relayed" in report and "Original-Envelope-Id: xyz" in report and "Original-Recipient: rfc822;u@b.test" in report
    assert "the body of it" not in receipt.as_string()


def kill(server, *program):
    for pid in server.children(*program):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


# ---- deaths ---------------------------------------------------------------------------------------------------


def test_deaths_under_load_lose_nothing(server, world):
    sink = world.sink(1, body=0.01)
    generous(world, server, retry="300ms")
    rng = random.Random(7)
    count = 100 * KILLS
    sender = threading.Thread(target=flood, args=(server, "u@b.test", count))
    sender.start()
    for _ in range(KILLS):
        time.sleep(rng.random() * 0.5)
        kill(server, *rng.choice([("delivery", "relay"), ("delivery", "relay"), ("dns",)]))
    sender.join()
    for _ in range(max(2, KILLS // 10)):	# its clients are gone: what it has said 250 to is there
        kill(server, "spool")
        until(lambda: server.children("spool"))
        time.sleep(0.3 + rng.random())
    until(lambda: server.release_suspects() or len({token(mail) for mail in sink.mails}) == count, 120)
    server.wait_empty(60, killed=True)
    twice = len(sink.mails) - count
    assert twice <= KILLS * 40, f"{twice} of {count} came twice"		# those whose dot was under way


def token(mail):
    return re.search(r"token-(\d+)-end", mail["data"].decode())[1]
