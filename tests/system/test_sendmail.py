"""Mail from the users of the machine itself: runtime/submit, sendmail(8) and its kin, and the drop folder."""
import os, smtplib, socket

import pytest

from conftest import until


class Local(smtplib.SMTP):
    """SMTP over a unix socket."""

    def _get_socket(self, host, port, timeout):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(timeout)
        s.connect(host)
        return s


def submit(server):
    return Local(f"{server.folder}/run/submit", timeout=20)


def test_the_socket_takes_mail_from_everybody_and_says_from_whom(running):
    assert os.stat(f"{running.folder}/run/submit").st_mode & 0o777 == 0o666
    with submit(running) as client:
        client.sendmail("whoever@example.net", ["alice@example.test"], "Subject: local\n\nHello.\n")
    [mail] = running.wait_mails()
    assert f"(by uid {os.getuid()})" in mail["Received"]
    assert mail["Date"] and mail["Message-ID"].endswith("@mx.example.test>")


def test_local_users_may_send_to_the_world_and_unknown_ones_are_refused(running):
    with submit(running) as client:
        client.ehlo()
        client.mail("alice@example.test")
        assert client.rcpt("someone@elsewhere.example")[0] == 250
        assert client.rcpt("nobody@example.test")[0] == 550


def test_the_socket_is_there_after_a_reload_and_a_restart(running):
    running.extra = "listen mine { local = yes max_size = 4KB }"
    running.reload()
    with submit(running) as client:
        client.ehlo()
        assert client.esmtp_features["size"] == "4096"
    running.kill()
    running.start()
    with submit(running) as client:
        assert client.noop()[0] == 250


@pytest.mark.parametrize("text, words", [
    ("listen a { local = yes port = 2525 }", "`port` has no place"),
    ("listen a { local = yes senders = own }", "`senders` has no place"),
    ("listen a { local = yes }\nlisten b { local = yes }", "is local already"),
])
def test_a_local_listener_has_no_port_and_no_second(server, text, words):
    server.extra = text
    server.write()
    told = server.run("config", "check", check=False)
    assert told.returncode == 78 and words in told.stdout + told.stderr
