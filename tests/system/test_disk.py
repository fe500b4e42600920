"""The spool on disks that are full, damaged, copied, or of another release."""
import contextlib, glob, os, re, shutil, subprocess

import pytest

from conftest import Server, until

root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount")


@pytest.fixture
def small(folder):
    """A mount of its own for the spool; a function that mounts SIZE."""
    mounted = []

    def mount(where, size):
        os.makedirs(where, exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=0777", "tmpfs", where], check=True)
        mounted.append(where)
    yield mount
    for where in mounted:
        subprocess.run(["umount", "-l", where], check=False)


def holding(folder):
    server = Server(folder)
    server.listen = 'trusted = {"127.0.0.0/8"} max_errors = 1000 max_messages = 1000000'
    server.extra = 'route "*" { hold = yes }'
    return server


@root
def test_a_full_spool_puts_off_new_mail_and_takes_it_again(folder, small):
    server = holding(folder)
    server.extra += "\nspool { min_free = off }"
    small(server.state, "400m")
    server.start()
    kept, code = [], 250
    with server.smtp() as client:
        client.ehlo()
        for n in range(200):
            if client.mail("a@example.net")[0] != 250 or client.rcpt("x@foreign.example.net")[0] != 250:
                code = 452
                break
            code, text = client.data("Subject: large\r\n\r\n" + ("z" * 76 + "\r\n") * 60000)
            if code != 250:
                break
            kept.append(text.decode().split()[2])
        assert code in (452, 421), text
        client.rset()
    assert kept
    until(lambda: {r["id"] for r in server.json("queue", "list")} == set(kept))
    server.run("queue", "delete", "from:a@example.net", "--yes")

    def taken():
        with server.smtp() as client:
            client.ehlo()
            if client.mail("a@example.net")[0] != 250 or client.rcpt("alice@example.test")[0] != 250:
                return False
            return client.data("Subject: after\r\n\r\nx\r\n")[0] == 250
    until(taken)
    server.wait_mails()
    assert server.stop() == 0


@root
def test_a_full_mail_disk_defers_and_delivers_later(folder, small):
    server = Server(folder)
    server.extra = "retry { after = {200ms} }"
    small(f"{folder}/mail", "1m")
    server.start()
    with open(f"{folder}/mail/filler", "wb", buffering=0) as f, contextlib.suppress(OSError):
        while f.write(b"f" * 4096):
            pass
    server.send(body="patience")
    until(lambda: "status=deferred" in server.log())
    os.unlink(f"{folder}/mail/filler")
    assert "patience" in server.wait_mails()[0].get_payload()
    server.stop()


def test_a_copy_taken_while_it_runs_recovers(server, folder):
    server.listen = 'trusted = {"127.0.0.0/8"}'
    server.extra = 'route "*" { hold = yes }'
    server.start()
    ids = {server.send(to="x@foreign.example.net") for _ in range(30)}
    shutil.copytree(f"{server.state}/spool", f"{folder}/copy", ignore=lambda d, names: [n for n in names if n == "lock"])
    server.stop()
    shutil.rmtree(f"{server.state}/spool")
    os.rename(f"{folder}/copy", f"{server.state}/spool")
    server.start()
    until(lambda: {r["id"] for r in server.json("queue", "list")} == ids)


def test_a_damaged_record_costs_no_other_message(server):
    server.listen = 'trusted = {"127.0.0.0/8"}'
    server.extra = 'route "*" { hold = yes }'
    server.start()
    ids = [server.send(to="x@foreign.example.net", body=f"the mark of number {n:04}") for n in range(30)]
    server.stop()
    hit = False
    for name in glob.glob(f"{server.state}/spool/*"):
        with open(name, "r+b") as f:
            at = f.read().find(b"the mark of number 0013")
            if at >= 0:
                f.seek(at + 4)
                f.write(b"MARK")
                hit = True
    assert hit
    server.start()
    until(lambda: len(server.json("queue", "list")) >= 29)
    listed = {r["id"] for r in server.json("queue", "list")}
    assert set(ids) - listed <= {ids[13]}
    for i in (ids[0], ids[12], ids[14], ids[29]):
        assert "the mark of number" in server.run("queue", "cat", i).stdout
    damaged = server.run("queue", "cat", ids[13], check=False)
    assert "MARK of number" not in damaged.stdout
    until(lambda: ids[13] in server.log() or "damaged" in server.log())


def test_two_servers_on_one_state_do_not_overlap(running, folder):
    other = Server(folder)
    other.write()
    done = subprocess.run([other.postrider, "-c", other.file, "serve"], capture_output=True, text=True, timeout=60, env=other.environment)
    assert done.returncode != 0
    running.send()
    running.wait_mails()
