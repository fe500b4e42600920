"""Servers on machines of their own (network namespaces), with real port 25, names by NSD, IPv6 and IPv4, and no setting that
is not in life: Postrider to Postfix to Postrider, and back."""
import os, smtplib

import pytest

import net
from conftest import Server, until
from names import Nsd
from postfix import POSTFIX, Postfix

pytestmark = pytest.mark.skipif(not POSTFIX or not net.can(), reason="there is no Postfix, or no network namespace can be made here")

ANNA, FIX, BERT = 1, 2, 3    # machines: mx.anna.test and mx.bert.test are Postrider, mx.fix.test is Postfix
ZONE = "@ NS ns.test.\nns.test. A 11.77.0.53\n" + "".join(
    f"{name}.test. MX 10 mx.{name}.test.\nmx.{name}.test. A 11.77.0.{n}\nmx.{name}.test. AAAA 2600:77::{n}\n"
    for name, n in (("anna", ANNA), ("fix", FIX), ("bert", BERT)))


class Machine(Server):
    def __init__(self, folder, network, n, name):
        os.makedirs(folder)
        os.chmod(folder, 0o755)
        super().__init__(folder)
        self.network, self.n, self.name, self.port, self.extra = network, n, name, 25, ""
        self.certificate(f"mx.{name}.test")

    def text(self):
        return f"""
hostname = mx.{self.name}.test
admin = {self.name}@{self.name}.test
state = "{self.folder}/state"
runtime = "{self.folder}/run"
tls {{ certificate = "{self.folder}/tls/cert.pem" key = "{self.folder}/tls/key.pem" }}
dns {{ servers = "11.77.0.53:53" }}
domain {self.name}.test {{ }}
deliver maildir {{ path = "{self.folder}/mail/:domain/:local/" }}
listen mx {{ port = 25 trusted = "127.0.0.0/8" }}
retry {{ after = {{300ms}} }}
{self.extra}
"""

    def start(self, users=()):
        with self.network.inside(self.n):
            return super().start((f"{self.name}@{self.name}.test",))

    def reload(self, check=True):
        with self.network.inside(self.n):
            return super().reload(check)

    def submit(self, to, text="Hello.", sender=None):
        sender = sender or f"{self.name}@{self.name}.test"
        with self.network.inside(self.n), smtplib.SMTP("127.0.0.1", 25) as client:
            client.sendmail(sender, to, f"From: {sender}\r\nSubject: over the net\r\n\r\n{text}\r\n")

    def wait_one(self):
        return self.wait_mails(1, self.name, domain=f"{self.name}.test")[0]

    def line(self, word):
        return until(lambda: [line for line in self.log().splitlines() if word in line])[0]


@pytest.fixture
def network(folder):
    n = net.Net()
    nsd = None
    try:
        for machine in (ANNA, FIX, BERT):
            n.add(machine)
        with n.inside(53):
            nsd = Nsd(folder, "nsd", "11.77.0.53", 53).start({".": ZONE})
        yield n
    finally:
        if nsd:
            nsd.stop()
        n.remove()


@pytest.fixture
def machines(folder, network):
    made = [Machine(f"{folder}/{name}", network, n, name) for n, name in ((ANNA, "anna"), (BERT, "bert"))]
    yield made
    for machine in made:
        machine.stop()


@pytest.fixture
def postfix(folder, network):
    p = Postfix(folder, f"11.77.0.{FIX}")
    p.port, p.before, p.addresses = 25, network.run(FIX), [f"11.77.0.{FIX}", f"[2600:77::{FIX}]"]
    yield p
    p.stop()
    print(p.log()[-4000:])


def start(postfix, network, more=""):
    with network.inside(FIX):
        postfix.start(more=f"inet_interfaces = all\ninet_protocols = all\nsmtp_dns_support_level = enabled\nsmtp_host_lookup = dns\n"
                           f"smtpd_relay_restrictions = reject_unauth_destination\n{more}")


def test_there_and_on_and_back(machines, postfix, network):
    """To Postfix, which passes it on to the other Postrider, whose user answers by way of Postfix."""
    anna, bert = machines[0].start(), machines[1].start()
    start(postfix, network, "virtual_alias_maps = inline:{bert@fix.test=bert@bert.test, anna@fix.test=anna@anna.test}\n")
    anna.submit("bert@fix.test", "..dots\r\n.\r\nend")
    mail = bert.wait_one()
    assert mail.get_payload().replace("\r\n", "\n") == "..dots\n.\nend\n"
    hops = mail.get_all("Received")
    assert "from mx.fix.test" in hops[0] and "by mx.bert.test" in hops[0] and any("by mx.anna.test" in hop for hop in hops)
    assert "ESMTPS" in hops[0]
    assert "relay=mx.fix.test[2600:77::2]:25" in anna.line("status=sent")
    assert "from unknown[2600:77::1]" in postfix.log() and "TLSv1.3" in postfix.log()
    bert.submit("anna@fix.test")
    assert anna.wait_one()["Return-Path"] == "<bert@bert.test>"
    for machine in machines:
        machine.wait_empty()


@pytest.mark.parametrize("family", ["IPv6", "IPv4"])
def test_between_two_of_us_when_one_family_is_broken(machines, network, family):
    anna, bert = machines[0].start(), machines[1].start()
    if family == "IPv4":
        network.ip(BERT, f"addr del 2600:77::{BERT}/64 dev eth0")
    else:
        network.ip(BERT, f"addr del 11.77.0.{BERT}/24 dev eth0")
    anna.submit("bert@bert.test")
    assert "ESMTPS" in bert.wait_one()["Received"]
    line = anna.line("status=sent")
    assert f"relay=mx.bert.test[{'11.77.0.3' if family == 'IPv4' else '2600:77::3'}]:25" in line and "attempt=1" in line


def test_a_cable_that_is_pulled_and_plugged_in_again(machines, postfix, network):
    anna = machines[0].start()
    anna.extra = "outbound { timeout { connect = 300ms } }"
    anna.reload()
    start(postfix, network)
    network.ip(53, f"link set to{FIX} down")
    anna.submit("u@fix.test")
    line = anna.line("status=deferred")
    assert "relay=none" in line and "dsn=4.4.1" in line and "mx.fix.test[" in line
    network.ip(53, f"link set to{FIX} up")
    anna.run("queue", "retry", "all")
    postfix.wait_mails("u")
    anna.wait_empty()


def test_postfix_greylists_one_of_two(machines, postfix, network):
    """450 at RCPT, as its policy servers say it."""
    anna = machines[0].start()
    start(postfix, network, "smtpd_recipient_restrictions = check_recipient_access inline:{ {u@fix.test = 450 4.2.0 greylisted} }, permit\n")
    anna.submit(["u@fix.test", "v@fix.test"])
    postfix.wait_mails("v")
    line = anna.line("to=<u@fix.test>, relay=")
    assert "status=deferred (450 4.2.0 " in line and "greylisted" in line
    # both addresses of its only server were asked, in one attempt
    assert "delivery.put_off to=<u@fix.test>" in anna.log() and "attempt=1" in line
    assert len(postfix.wait_mails("v")) == 1
