"""The master: what runs, what comes back, what a reload keeps, who may ask."""
import contextlib, glob, json, os, re, signal, smtplib, socket, struct, subprocess, time

import pytest

from conftest import BUILD, PATIENCE, SANITIZED, USER, free_port, until

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
ROLES = [("smtpd", "smtpd"), ("auth", "auth"), ("dns", "dns"), ("spool", "spool"), ("delivery", "relay"), ("delivery", "local"), ("delivery", "sign"), ("events", "events")]


def facts(pid):
    """/proc/PID/status as a dict."""
    with open(f"/proc/{pid}/status") as f:
        return dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)


def settled(server):
    """All serve, and each took its sandbox."""
    until(lambda: "master: ready" in server.log())
    server.send()


def rows(server):
    return {row["name"]: row for row in server.json("status")}


# ---- what runs -------------------------------------------------------------------------


@as_root
def test_children_are_confined_users(running):
    settled(running)
    for program, role in ROLES:
        for pid in running.children(program, role):
            f = facts(pid)
            assert set(f["Uid"].split()) != {"0"} and "0" not in f["Uid"].split(), (role, f["Uid"])
            assert "0" not in f["Gid"].split()
            assert int(f["CapEff"], 16) == 0 and int(f["CapPrm"], 16) == 0 and int(f["CapAmb"], 16) == 0, role
            assert f["NoNewPrivs"] == "1" and f["Seccomp"] == "2", role


@as_root
def test_the_master_keeps_six_capabilities(running):
    f = facts(running.process.pid)
    six = sum(1 << n for n in (0, 2, 5, 6, 7, 10))  # CHOWN, DAC_READ_SEARCH, KILL, SETGID, SETUID, NET_BIND_SERVICE
    assert int(f["CapEff"], 16) == int(f["CapPrm"], 16) == int(f["CapBnd"], 16) == six
    assert int(f["CapInh"], 16) == int(f["CapAmb"], 16) == 0


@as_root  # nobody else may look at the descriptors of programs that are not dumpable
def test_children_have_only_the_descriptors_they_need(running):
    settled(running)
    for program, role in ROLES:
        for pid in running.children(program, role):
            kinds = {}
            for name in os.listdir(f"/proc/{pid}/fd"):
                with contextlib.suppress(OSError):
                    kinds[int(name)] = os.readlink(f"/proc/{pid}/fd/{name}")
            assert kinds[0] == kinds[1] == "/dev/null"
            for number, what in kinds.items():
                allowed = re.match(r"socket:|anon_inode:|/dev/null$|pipe:", what) or number == 2
                if role == "spool":
                    allowed = allowed or what.startswith(f"{running.state}/spool")
                if role == "local":
                    allowed = allowed or what.startswith(f"{running.folder}/mail")
                if role == "auth":
                    allowed = allowed or what.startswith(f"{running.state}/users") or what.startswith(f"{running.state}/aliases")
                assert allowed, f"{role} has {number} -> {what}"


def listening(pid):
    """The TCP ports of which a process holds the listening socket; none when it just ended."""
    sockets, ports = set(), set()
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for name in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                sockets.add(os.readlink(f"/proc/{pid}/fd/{name}"))
        with open(f"/proc/{pid}/net/tcp") as f:
            for row in (line.split() for line in f):
                if row[3] == "0A" and f"socket:[{row[9]}]" in sockets:
                    ports.add(int(row[1].split(":")[1], 16))
    return ports


@as_root  # nobody else may look at the descriptors of programs that are not dumpable
def test_strangers_and_users_are_served_by_processes_apart(server):
    port, implicit = free_port(), free_port()
    server.extra = f"""listen submission {{ address = "127.0.0.1" port = {port} tls = required auth = required }}
listen submissions {{ address = "127.0.0.1" port = {implicit} tls = implicit auth = required }}
workers {{ mx = 2 submission = 2 }}"""
    server.start()
    settled(server)
    held = sorted(sorted(listening(pid)) for pid in server.children("smtpd"))
    assert held == sorted([[server.port]] * 2 + [sorted((port, implicit))] * 2)
    with smtplib.SMTP("127.0.0.1", port, "client.example.net", timeout=PATIENCE) as client:
        client.ehlo()
        assert client.mail("alice@example.test")[0] == 530
    server.extra = ""
    server.reload()
    until(lambda: sorted(sorted(listening(pid)) for pid in server.children("smtpd")) == [[], [server.port], [server.port]])


def test_status_tells_who_runs(running):
    settled(running)
    told = rows(running)
    assert told["master"]["pid"] == running.process.pid
    for program, role in ROLES:
        assert told[f"{role}/0"]["pid"] in running.children(program, role)
        assert told[f"{role}/0"]["restarts"] == 0


# ---- death ------------------------------------------------------------------------------


@pytest.mark.parametrize("program,role", ROLES)
def test_a_killed_child_comes_back_and_serves(running, program, role):
    settled(running)
    victims = set(running.children(program, role))
    for pid in victims:
        os.kill(pid, signal.SIGKILL)
    until(lambda: len(set(running.children(program, role)) - victims) >= len(victims))

    def accepted():
        with contextlib.suppress(Exception):
            return running.send(body=f"after the death of {role}")
    until(accepted)
    until(lambda: any(f"after the death of {role}".encode() in mail for mail in running.mails()))
    if role != "events":
        until(lambda: "process.died" in running.log() or "ended" in running.log())


def test_many_deaths_end_nothing(running):
    """Waits before a new start double up to 10 s, so each death is of a program that lives then."""
    settled(running)
    deaths = 100 if os.environ.get("POSTRIDER_LONG") else 30
    end = time.monotonic() + 150
    for n in range(deaths):
        pids = until(running.children)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pids[n % len(pids)], signal.SIGSEGV if n % 2 and not SANITIZED else signal.SIGKILL)
        time.sleep(0.02)
        assert time.monotonic() < end
    assert running.process.poll() is None

    def accepted():
        with contextlib.suppress(Exception):
            return running.send(body="after all")
    until(accepted, 60)
    until(lambda: any(b"after all" in mail for mail in running.mails()), 60)


# ---- reload and stop -----------------------------------------------------------------------


def test_a_reload_keeps_connections_and_their_transactions(running):
    settled(running)
    with running.smtp() as client:
        client.ehlo()
        client.mail("before@example.net")
        old = set(running.children("smtpd"))
        running.reload()
        assert client.rcpt("alice@example.test")[0] == 250
        code, text = client.data("Subject: over a reload\r\n\r\nstill here\r\n")
        assert code == 250, text
        assert set(running.children("smtpd")) - old
    until(lambda: any(b"over a reload" in mail for mail in running.mails()))


def test_a_reload_that_waits_for_open_sessions_says_so_and_then_counts(running):
    settled(running)
    with running.smtp() as client:
        client.ehlo()
        client.mail("before@example.net")
        running.reload()
        with subprocess.Popen([running.postrider, "-c", running.file, "reload"], env=running.environment, stderr=subprocess.PIPE, text=True) as later:
            assert "it waits for open sessions" in later.stderr.readline()
            assert later.poll() is None
            client.rset()
            client.quit()
            assert later.wait(PATIENCE) == 0 and later.stderr.read() == ""
    until(lambda: running.log().count("config.loaded") == 2)


def test_no_connection_is_refused_while_it_reloads(running):
    settled(running)
    done = subprocess.Popen([running.postrider, "-c", running.file, "reload"], env=running.environment)
    greeted = 0
    while done.poll() is None or greeted < 20:
        with socket.create_connection(("127.0.0.1", running.port), PATIENCE) as s:
            s.settimeout(PATIENCE)
            assert s.recv(4) == b"220 "
        greeted += 1
    assert done.returncode == 0 and greeted >= 20


def test_a_configuration_that_does_not_check_leaves_the_old_one(running):
    settled(running)
    old = set(running.children())
    running.extra = "nonsense = 1"
    done = running.reload(check=False)
    assert done.returncode == 78 and "nonsense" in done.stderr + done.stdout
    os.kill(running.process.pid, signal.SIGHUP)  # nobody looks at the file before the master does
    until(lambda: "config.rejected" in running.log())
    assert "nonsense" in running.log().split("config.rejected", 1)[1]
    assert set(running.children()) == old
    running.send(body="the old one serves")


@pytest.mark.parametrize("breakage", ["nonsense = 1", "domain {", 'runtime = "/nowhere'])
def test_the_server_is_asked_and_stopped_whatever_became_of_its_file(running, breakage):
    settled(running)
    running.extra = breakage
    done = running.reload(check=False)
    assert done.returncode == 78 and breakage.split()[0] in done.stderr and done.stderr.rstrip().endswith("goes on")
    assert running.json("status")[0]["name"] == "master"
    told = running.send()
    assert running.run("queue", "list").returncode == 0
    assert told in running.run("trace", told).stdout
    assert running.run("alias", "expand", "alice@example.test").stdout == "alice@example.test\n"
    running.run("stop")
    assert running.process.wait(PATIENCE) == 0
    done = running.run("status", check=False)
    assert done.returncode == 78 and breakage.split()[0] in done.stderr


def problems_told(done):
    known = {"commands", "An alias leads back", "No such file", "can't be read", "info@example.test: It leads to nobody"}
    assert bool(done.stderr) == any(one in done.stderr for one in known), done.stderr
    return {one for one in known if one in done.stderr}


def test_who_has_aliases_read_hears_what_is_wrong_with_them(server):
    with open(f"{server.folder}/aliases", "w") as f:
        f.write("team: alice, |rm\nround: round\nlist: :include:missing\n")
    server.start()
    settled(server)
    assert problems_told(server.run("reload")) == set()
    server.domain = f'aliases = "{server.folder}/aliases"'
    assert problems_told(server.reload()) == {"commands", "An alias leads back", "No such file", "can't be read"}
    done = server.run("alias", "add", "info@example.test", "nobody@example.test")
    assert problems_told(done) == {"commands", "An alias leads back", "No such file", "can't be read", "info@example.test: It leads to nobody"}


def test_what_needs_a_restart_says_so(running):
    running.config = running.text().replace(f'{running.folder}/state"', f'{running.folder}/other"')
    done = running.reload(check=False)
    assert done.returncode == 78 and "needs a restart" in done.stderr + done.stdout


def test_a_new_listener_counts_after_a_reload_and_an_old_one_stays(running):
    port = free_port()
    running.extra = f'listen second {{ address = "127.0.0.1" port = {port} }}'
    running.reload()
    for p in (running.port, port):
        with socket.create_connection(("127.0.0.1", p), PATIENCE) as s:
            s.settimeout(PATIENCE)
            assert s.recv(4) == b"220 "


def test_stop_returns_when_it_has_ended(running):
    """A transaction under way is waited for; then the next server finds its folders free."""
    with contextlib.closing(running.smtp()) as client:
        client.ehlo()
        client.mail("a@example.net")
        client.rcpt("alice@example.test")
        client.putcmd("data")
        assert client.getreply()[0] == 354
        stop = subprocess.Popen([running.postrider, "-c", running.file, "stop"])
        until(lambda: "stopping" in running.log())
        with pytest.raises(subprocess.TimeoutExpired):
            stop.wait(0.3)	# it would have returned; a late one makes no false alarm
        client.send(b"Subject: late\r\n\r\nx\r\n.\r\n")
        assert client.getreply()[0] == 250
    assert stop.wait(PATIENCE) == 0
    again = subprocess.Popen([running.postrider, "-c", running.file, "serve"], stderr=subprocess.DEVNULL, env=running.environment)
    running.process.wait(PATIENCE)
    running.process = again
    running.wait_up()
    running.wait_mails()


def test_sigterm_drains(running):
    settled(running)
    children = running.children()
    assert running.stop() == 0
    until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in children))
    log = running.log()
    assert "stopping" in log


def test_a_stop_lets_a_transaction_end(running):
    with running.smtp() as client:
        client.ehlo()
        client.mail("before@example.net")
        client.rcpt("alice@example.test")
        running.process.terminate()
        time.sleep(0.3)
        code, text = client.data("Subject: at the end\r\n\r\nstill in time\r\n")
        assert code == 250, text
        with contextlib.suppress(Exception):
            client.quit()
    assert running.process.wait(PATIENCE * 2) == 0
    running.start()
    until(lambda: any(b"at the end" in mail for mail in running.mails()))


# ---- what keeps it from starting --------------------------------------------------------------


def failed_start(server):
    server.write()
    server.give()
    return subprocess.run([server.postrider, "-c", server.file, "serve"], capture_output=True, text=True, env=server.environment, timeout=PATIENCE)


def test_a_port_in_use_is_said_in_one_line(server):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        server.port = s.getsockname()[1]
        done = failed_start(server)
    assert done.returncode == 69
    assert f"port {server.port}" in done.stderr and "ss -ltnp" in done.stderr and len(done.stderr.splitlines()) == 1


def test_a_second_server_says_who_has_the_state(running):
    config = running.text()
    running.config = config.replace(f"port = {running.port}", f"port = {free_port()}").replace('/run"', '/run2"')
    os.makedirs(f"{running.folder}/run2", exist_ok=True)
    done = failed_start(running)
    assert done.returncode == 75 and str(running.process.pid) in done.stderr


@as_root
def test_a_missing_user_is_said_with_what_makes_it(server):
    server.config = server.text() + "user = nobody-knows-me\n"
    done = failed_start(server)
    assert done.returncode == 67 and "useradd" in done.stderr and "nobody-knows-me" in done.stderr


@as_root
def test_root_is_no_user_for_the_programs(server):
    server.config = server.text() + "user = root\n"
    done = failed_start(server)
    assert done.returncode == 78 and "never run as root" in done.stderr


def test_a_broken_configuration_is_78(server):
    server.config = "hostname = = x\n"
    done = failed_start(server)
    assert done.returncode == 78 and "postrider.conf:1" in done.stderr


# ---- the control socket ---------------------------------------------------------------------------


@as_root
def test_the_control_socket_refuses_other_users(running):
    path = f"{running.folder}/run/control"
    os.chmod(path, 0o666)
    code = f"""
import os, socket, sys
os.setgroups([]); os.setgid(65534); os.setuid(65534)
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.settimeout(5)
s.connect({path!r})
sys.exit(0 if s.recv(10) == b"" else 1)
"""
    assert subprocess.run(["/usr/bin/python3", "-c", code], timeout=PATIENCE).returncode == 0


def test_a_client_of_the_control_socket_that_talks_nonsense_costs_nothing(running):
    for nonsense in (b"x", b"\xff" * 60000, struct.pack("<HI", 20, 4) + b"abcd", struct.pack("<HI", 65535, 0)):
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
            s.settimeout(PATIENCE)
            s.connect(f"{running.folder}/run/control")
            s.send(nonsense)
            assert s.recv(10) == b""
    assert rows(running)["master"]["pid"] == running.process.pid


# ---- events -------------------------------------------------------------------------------------------


def test_a_log_that_nobody_reads_slows_no_mail(server):
    server.listen = "max_errors = 1000 max_commands = off"
    server.write()
    for user in ("alice@example.test", "bob@example.test"):
        server.add_user(user)
    server.give()
    read, write = os.pipe()
    server.process = subprocess.Popen([server.postrider, "-c", server.file, "serve"], stdin=subprocess.DEVNULL, stderr=write,
                                      env=server.environment, start_new_session=True)
    os.close(write)
    try:
        server.wait_up()
        with server.smtp() as client:
            client.ehlo()
            for n in range(600):
                assert client.mail("someone@example.net")[0] == 250, n
                for _ in range(3):
                    assert client.rcpt("nobody@example.test")[0] == 550
                client.rset()
                if n % 90 == 89:
                    client.quit()
                    client.connect("127.0.0.1", server.port)
                    client.ehlo()
        server.send(body="through it all")
        server.wait_mails(1)
    finally:
        os.close(read)
        server.stop()


def test_json_lines(server):
    server.extra = "log { format = json }"
    server.start()
    server.send()
    until(lambda: all(name in server.log() for name in ('"ready"', "message.accepted", "delivery.delivered")))
    events = [json.loads(line) for line in server.log().splitlines() if line.startswith("{")]
    names = [e["ev"] for e in events]
    assert {"started", "ready", "message.accepted", "delivery.delivered"} <= set(names)
    accepted = next(e for e in events if e["ev"] == "message.accepted")
    assert len(accepted["id"]) == 26 and accepted["v"] == 1
