"""The systemd unit: what it takes away is nothing that the server needs."""
import os, subprocess, sys

import pytest

from conftest import SANITIZED, until
from names import Nsd

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
UNIT = f"{TOP}/etc/postrider.service"
confined = pytest.mark.skipif(os.geteuid() != 0 or SANITIZED, reason="needs root, and programs without sanitizers")


@confined
def test_the_server_works_under_its_unit(server):
    nsd = Nsd(server.folder, "nsd")
    try:
        nsd.start({".": "@ NS ns.test.\nns.test. A 127.0.0.1\nours.test. MX 10 other.test.\nother.test. A 127.0.0.1\n"})
        server.launcher = [sys.executable, f"{TOP}/tests/system/systemd.py", UNIT]
        server.listen = 'trusted = "127.0.0.0/8"'
        server.dns = f'dns {{ servers = "{nsd.where()}" }}'
        server.extra = f"outbound {{ port = {server.port} allow_private = yes }}"
        server.config = server.text().replace('address = "127.0.0.1" port', 'address = "0.0.0.0" port')
        server.start()
        server.send()
        server.wait_mails()
        server.reload()
        server.send(to="u@ours.test", sender="alice@example.test")
        until(lambda: "leads back to this server" in server.log())      # it knows its addresses
        assert "process.died" not in server.log() and "sandbox.partial" not in server.log()
        for pid in server.children():
            with open(f"/proc/{pid}/status") as f:
                assert "\nCapEff:\t0000000000000000\n" in f.read()
        assert server.stop() == 0
    finally:
        nsd.stop()


@pytest.mark.skipif(subprocess.run(["systemd-analyze", "--version"], capture_output=True).returncode != 0, reason="needs systemd-analyze")
def test_systemd_understands_each_word_of_the_unit():
    told = subprocess.run(["systemd-analyze", "verify", UNIT], capture_output=True, text=True).stderr
    assert [line for line in told.splitlines() if f"{os.path.basename(UNIT)}:" in line and "is not executable" not in line and "Command 'man" not in line] == []
