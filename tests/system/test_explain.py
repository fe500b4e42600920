"""explain: a dry run of where mail would go, with every reason."""
import json

from conftest import until
from test_relay import begin, world  # noqa: F401


def steps(server, *words, code=0):
    done = server.run("explain", *words, "--json", check=False)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == code, done.stderr + done.stdout
    assert all(set(r) == {"address", "step", "result", "reason"} for r in rows)
    return [(r["step"], r["result"]) for r in rows], {(r["step"], r["result"]): r["reason"] for r in rows}


def test_an_address_of_ours(server):
    path = f"{server.folder}/aliases"
    open(path, "w").write("team: alice, bob, away@foreign.example.net\n")
    server.domain = f'aliases = "{path}"'
    server.start()
    rows, why = steps(server, "alice@example.test")
    assert rows == [("address", "ours"), ("deliver", "maildir"), *rows[2:]] and "deliver maildir" in why["deliver", "maildir"]
    rows, why = steps(server, "team@example.test", code=75)
    assert rows.count(("alias", "leads to")) == 3 and ("route", "none") in rows and ("dns", "unsure") in rows
    assert steps(server, "nobody@example.test", code=67)[0] == [("address", "unknown")]
    assert "550 5.1.1" in server.run("explain", "nobody@example.test", check=False).stdout


def test_routes_and_smarthosts(server):
    server.extra = ('route "*.net" { via = "127.0.0.2:1" }\nroute "held.example.net" { hold = yes }\n'
                    f'route "*.example.net" {{ via = "smart.example.org:587" rate = 10/min tls = verified login_file = "{server.folder}/login" }}\n')
    server.listen = 'trusted = {"10.0.0.0/8"}'
    server.start()
    rows, why = steps(server, "x@www.example.net")
    assert rows == [("address", "foreign"), ("route", "matched"), ("host", "smarthost"), ("tls", "verified"), ("login", "needed"), ("rate", "10/min")]
    assert f"{server.folder}/login" in why["login", "needed"]
    assert "*.example.net" in why["route", "matched"] and "smart.example.org:587" in why["host", "smarthost"]
    rows, why = steps(server, "x@held.example.net", code=75)
    assert ("route", "hold") in rows
    rows, why = steps(server, "x@other.net", "--client", "192.0.2.7", code=77)
    assert rows == [("client", "stranger"), ("address", "refused")] and "5.7.1" in why["address", "refused"]
    assert ("tls", "opportunistic") in steps(server, "x@other.net")[0]
    assert "opportunistic with TLS where" in server.run("explain", "x@other.net", check=False).stdout
    rows, why = steps(server, "x@other.net", "--client", "10.1.2.3", "--from", "alice@example.test")
    assert rows[:3] == [("client", "trusted"), ("sender", "ours"), ("address", "foreign")]
    rows, why = steps(server, "alice@example.test", "--from", "x@other.net")
    assert rows[:2] == [("sender", "foreign"), ("address", "ours")]
    assert server.run("explain", "x@other.net", "--client", "nonsense", check=False).returncode == 64
    assert server.run("explain", "x@other.net", "--client", check=False).returncode == 64


def test_a_domain_that_leads_back_to_us(server, world):
    begin(server, world, "b.test. MX 20 MX.example.test.\nb.test. MX 30 later.b.test.\nc.test. MX 10 mx.c.test.\nc.test. MX 20 mx.example.test.\n", outbound="tls = none")
    rows, why = steps(server, "x@b.test", code=68)
    assert ("host", "ourselves") in rows and rows[-1] == ("dns", "loop") and "5.4.6" in why["dns", "loop"]
    rows, why = steps(server, "x@c.test")
    assert ("host", "mx") in rows and ("host", "ourselves") in rows and rows[-1] == ("dns", "found") and ("tls", "none") in rows


def test_hosts_in_private_networks_are_told_of(server, world):
    zone = ("b.test. MX 10 mx.b.test.\nmx.b.test. A 10.1.2.3\nmx.b.test. AAAA fd00::1\n"
            "c.test. MX 10 mx.c.test.\nmx.c.test. A 127.0.0.9\nmx.c.test. A 11.0.0.1\n")
    begin(server, world, zone, private="")
    rows, why = steps(server, "x@b.test", code=68)
    assert rows.count(("host", "private")) == 2 and rows[-1] == ("dns", "private") and "5.4.4" in why["dns", "private"]
    rows, why = steps(server, "x@c.test")
    assert "127.0.0.9 of mx.c.test" in why["host", "private"] and rows[-1] == ("dns", "found")
    server.extra = server.extra.replace("outbound {", "outbound { allow_private = yes")
    server.reload()
    assert ("host", "private") not in steps(server, "x@b.test")[0]


def test_an_mx_that_is_an_address_is_told_of(server, world):
    """RFC 5321 5.1 wants a name there. It is tried as it stands, by the same rules as any address."""
    begin(server, world, "b.test. MX 10 10.1.2.3.\nc.test. MX 10 11.0.0.1.\nc.test. MX 20 fd00::1.\n", private="")
    rows, why = steps(server, "x@b.test", code=68)
    assert why["host", "mx"].startswith("10 10.1.2.3: an address in the place of a name") and rows[-1] == ("dns", "private")
    rows, why = steps(server, "x@c.test")
    assert rows.count(("host", "mx")) == 2 and "fd00::1 lies in a private" in why["host", "private"] and rows[-1] == ("dns", "found")
    server.send(to="x@b.test", sender="alice@example.test")
    bounce, = server.wait_mails(1, "alice")
    assert "\n    10.1.2.3 lies in a private network" in bounce.get_payload(0).get_payload()


def test_an_address_that_names_its_host(server):
    server.start()
    for host in "[10.1.2.3]", "[IPv6:fd00::1]":
        rows, why = steps(server, f"x@{host}", code=68)
        assert ("host", "literal") in rows and rows[-1] == ("host", "private") and "5.4.4" in why["host", "private"]
    rows, why = steps(server, "x@[11.0.0.1]")
    assert ("host", "literal") in rows and ("host", "private") not in rows
    assert server.run("alias", "add", "team@example.test", "x@[11.0.0.1]", check=False).returncode == 65


def test_who_is_asked_at_rcpt_is_not_said_to_be_there(server):
    server.extra = ('domain back.test { deliver = inner users = asked }\nusers asked { ask = yes }\ndeliver inner { smtp = "127.0.0.2:1" }\n'
                    'domain listed.test { deliver = inner users = listed }\n' f'users listed {{ file = "{server.folder}/list" }}')
    open(f"{server.folder}/list", "w").write("there@listed.test\n")
    server.start()
    rows, why = steps(server, "x@back.test")
    assert rows[:2] == [("address", "asked"), ("deliver", "smtp")] and "RCPT" in why["address", "asked"]
    assert steps(server, "there@listed.test")[0][0] == ("address", "ours")
    assert steps(server, "x@listed.test", code=67)[0] == [("address", "unknown")]


def test_a_site_in_trouble_says_when_it_is_tried(server):
    server.listen = 'trusted = {"127.0.0.0/8"}'
    server.start()
    server.send(to=["x@foreign.example.net"])
    until(lambda: server.json("queue", "list", "state:waiting"))
    row, = server.json("queue", "list")
    assert row["next"] and "foreign.example.net" in row["reason"]
    rows, why = steps(server, "x@foreign.example.net", code=75)
    assert ("site", "postponed") in rows and "recipients in the queue: 1;" in why["site", "postponed"]
