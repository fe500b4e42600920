"""Mail from the users of the machine itself: runtime/submit, sendmail(8) and its kin, and the drop folder."""
import contextlib, email, email.message, email.policy, grp, os, pwd, re, shutil, signal, smtplib, socket, subprocess, threading, time

import pytest

from conftest import BUILD, PATIENCE, SANITIZED, until


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


# ---- sendmail(8) --------------------------------------------------------------------------


def sendmail(server, *words, text="Subject: test\n\nHello.\n", name="sendmail", status=0):
    """A caller of sendmail: he knows no configuration but by the environment."""
    done = subprocess.run([f"{BUILD}/{name}", *words], input=text.encode() if isinstance(text, str) else text, capture_output=True, timeout=PATIENCE,
                          env=dict(os.environ, POSTRIDER_CONFIG=server.file))
    assert done.returncode == status, (done.returncode, done.stdout, done.stderr)
    return done


def test_cron_mails_to_a_bare_name(running):
    sendmail(running, "-FCronDaemon", "-i", "-B8BITMIME", "-oem", "alice",
             text="From: root (Cron Daemon)\nTo: alice\nSubject: Cron <root@mx> date\nContent-Type: text/plain; charset=UTF-8\n\n.\nnaïve\n")
    [mail] = running.wait_mails()
    assert mail["Return-Path"] == "<root@example.test>" and mail["Delivered-To"] == "alice@example.test"
    assert mail.get_payload(decode=True).decode() == ".\nnaïve\n" and mail["Date"] and mail["Message-ID"]


@pytest.mark.parametrize("wrote, reads", [
    ("root (Cron Daemon)", "root@example.test (Cron Daemon)"), ("Cron Daemon <root>", "Cron Daemon <root@example.test>"),
    ("\n root", "\n root@example.test"), ("root@elsewhere.test", "root@elsewhere.test"), ("John Doe", "John Doe"), ("a, b", "a, b"), ("<>", "<>")])
def test_a_bare_author_gets_the_domain_that_the_sender_has(running, wrote, reads):
    sendmail(running, "alice", text=f"Subject: x\nFrom: {wrote}\nTo: alice\n\nroot\n")
    [mail] = running.wait_mails()
    assert mail["From"].replace("\r", "") == reads.lstrip() if "\n" not in reads else reads.strip() in mail["From"]
    assert mail.get_payload().strip() == "root" and mail["To"] == "alice"


def test_mail_to_root_is_the_admins(running):
    sendmail(running, "root", text="Subject: Cron <root@mx> nightly\n\nfailed\n")
    assert running.wait_mails()[0]["Subject"].startswith("Cron")


def test_a_bounce_to_who_has_no_mailbox_is_the_admins(running):
    """A program's own user sends, and nobody has that name here: what went wrong reaches a person all the same."""
    sendmail(running, "-f", "www-data@example.test", "alice", text="Delivered-To: alice@example.test\nSubject: round\n\nhello\n")
    [bounce] = running.wait_mails()
    assert bounce["Return-Path"] == "<>" and "could not be delivered" in bounce["Subject"] and bounce["To"] == "<www-data@example.test>"
    running.wait_empty()


def test_a_stranger_who_takes_a_name_of_ours_makes_no_mail_for_the_admin(server):
    with open(f"{server.folder}/aliases", "w") as f:
        f.write("away: someone@held.test\n")
    server.domain = f'aliases = "{server.folder}/aliases" srs = off'
    server.extra = 'route "held.test" { hold = yes }'
    server.start()
    server.send(to="away@example.test", sender="nobody-at-all@example.test")
    until(lambda: [row for row in server.json("queue", "list") if row["state"] == "held"])
    server.run("queue", "bounce", "all", "--yes")
    server.wait_empty()
    until(lambda: "dsn.dropped" in server.log())
    assert server.mails() == []


def test_php_takes_recipients_from_the_header_and_nobody_sees_bcc(running):
    sendmail(running, "-t", "-i", "-fwebmaster@example.test",
             text="To: alice@example.test\r\nSubject: x\r\nX-PHP-Originating-Script: 0:a.php\r\nCc: \"B, Bob\"\r\n <bob@example.test>\r\nBcc: postmaster\r\n\r\nHi\n.\nlast\n")
    [first] = running.wait_mails()
    until(lambda: running.mails("bob"))
    assert "Bcc" not in first and first["From"] == "<webmaster@example.test>" and first["Return-Path"] == "<webmaster@example.test>"
    assert b"last" in running.mails("bob")[0] and b"postmaster" not in b"".join(running.mails("bob"))


def test_a_lone_dot_ends_and_a_name_is_made(running):
    sendmail(running, "-F", "Jürgen", "alice@example.test", text="hello without a header\n.\nnot this\n")
    [mail] = running.wait_mails()
    assert mail["From"] == "=?utf-8?B?SsO8cmdlbg==?= <root@example.test>" if os.geteuid() == 0 else mail["From"]
    assert mail.get_payload() == "hello without a header\n"


def test_mutt_and_mailx_name_a_sender(running):
    sendmail(running, "-oem", "-oi", "-f", "bob@example.test", "--", "alice@example.test", text="From: Bob <bob@example.test>\nSubject: x\n\n-- \nBob\n")
    [mail] = running.wait_mails()
    assert mail["Return-Path"] == "<bob@example.test>" and mail.get_all("From") == ["Bob <bob@example.test>"]


def test_git_send_email(running, folder):
    environment = dict(os.environ, POSTRIDER_CONFIG=running.file, HOME=folder, GIT_CONFIG_NOSYSTEM="1",
                       GIT_AUTHOR_NAME="A", GIT_AUTHOR_EMAIL="a@example.test", GIT_COMMITTER_NAME="A", GIT_COMMITTER_EMAIL="a@example.test")

    def git(*words):
        subprocess.run(["git", "-C", f"{folder}/repository", *words], check=True, capture_output=True, env=environment, stdin=subprocess.DEVNULL)
    os.mkdir(f"{folder}/repository")
    git("init")
    for text, subject in (("one", "first"), ("two", "second: a change")):
        with open(f"{folder}/repository/file", "w") as f:
            f.write(text + "\n")
        git("add", "file")
        git("commit", "-m", subject)
    git("format-patch", "-1", "-o", folder)
    if not os.path.exists("/usr/lib/git-core/git-send-email"):
        pytest.skip("no git-email")
    git("send-email", "--sendmail-cmd", f"{BUILD}/sendmail", "--confirm=never", "--envelope-sender=a@example.test", "--suppress-cc=all", "--from", "a@example.test", "--to", "alice@example.test",
        *[f"{folder}/{name}" for name in os.listdir(folder) if name.endswith(".patch")])
    [mail] = running.wait_mails()
    assert mail["Subject"] == "[PATCH] second: a change" and mail["From"] == "a@example.test" and mail["Return-Path"] == "<a@example.test>"


def test_python_hands_over_a_message(running):
    mail = email.message.EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "bob@example.test", "Alice <alice@example.test>", "Grüße"
    mail.set_content("Zeile eins\n..\nöäü\n")
    sendmail(running, "-t", "-oi", text=mail.as_bytes())
    got = email.message_from_bytes(running.mails()[0] if running.wait_mails() else b"", policy=email.policy.default)
    assert got["Subject"] == "Grüße" and got.get_content().replace("\r\n", "\n") == "Zeile eins\n..\nöäü\n"


def test_notices_are_asked_for_and_the_envelope_goes_with_the_message(running):
    sendmail(running, "-N", "success", "-R", "hdrs", "-V", "my id+1", "-f", "bob@example.test", "alice@example.test")
    [dsn] = running.wait_mails(user="bob")
    assert dsn.get_content_type() == "multipart/report" and "my id+1" in str(dsn)


def test_no_sender_and_a_long_message(running):
    sendmail(running, "-f", "", "alice", text="Subject: x\n\n" + ("0123456789" * 7 + "\n") * 60000)
    [mail] = running.wait_mails()
    assert mail["Return-Path"] == "<>" and len(mail.get_payload()) == 71 * 60000


@pytest.mark.parametrize("words, text, status, told", [
    (["nobody@example.test"], "x\n", 67, "No such mailbox"),
    (["alice@example.test", "nobody@example.test"], "x\n", 67, "No such mailbox"),
    (["a b@example.test"], "x\n", 65, "is no address"),
    (["-t"], "Subject: x\n\nx\n", 65, "no recipient"),
    (["-t"], "To: <a@b\n\nx\n", 65, "is no address"),
    ([], "x\n", 64, "no recipient"),
    (["-bd"], "", 64, "postrider serve"),
    (["-f", "not an address", "alice"], "x\n", 65, "no address to send from"),
])
def test_what_is_wrong_has_its_exit_code_and_nobody_gets_a_half(running, words, text, status, told):
    done = sendmail(running, *words, text=text, status=status)
    assert told in done.stderr.decode()
    running.wait_empty()
    assert not running.mails()


def test_a_message_too_large_is_refused(server):
    server.extra = "listen mine { local = yes max_size = 4KB }"
    server.start()
    done = sendmail(server, "alice", text="x" * 80 + "\n" + ("y" * 70 + "\n") * 100, status=65)
    assert "552" in done.stderr.decode()


def test_a_user_may_send_so_much_and_not_by_the_drop_folder_either(server):
    server.extra = "listen mine { local = yes limit mail { user = 2/h } }"
    server.start()
    for status in (0, 0, 75):
        done = sendmail(server, "alice", status=status)
    assert "Too many messages" in done.stderr.decode() and not dropped(server)
    server.wait_mails(2)


def test_smtp_over_standard_input(running):
    done = sendmail(running, "-bs", text="EHLO x\r\nMAIL FROM:<bob@example.test>\r\nRCPT TO:<alice@example.test>\r\nDATA\r\n"
                    "Subject: x\r\n\r\nHello.\r\n.\r\nQUIT\r\n")
    assert done.stdout.startswith(b"220 ") and b"Accepted" in done.stdout and done.stdout.rstrip().endswith(b"Bye")
    running.wait_mails()


def test_addresses_are_verified(running):
    assert sendmail(running, "-bv", "alice").stdout == b"alice@example.test... deliverable\n"
    assert "No such mailbox" in sendmail(running, "-bv", "nobody", status=67).stderr.decode()


def test_mailq_has_the_shape_that_scripts_know(server):
    server.extra = 'route "*" { hold = yes }'
    server.start()
    assert sendmail(server, name="mailq").stdout == b"Mail queue is empty\n"
    sendmail(server, "-f", "bob@example.test", "one@elsewhere.example", "two@elsewhere.example")
    sendmail(server, "-f", "", "three@elsewhere.example")
    until(lambda: len(server.json("queue", "list")) == 2)
    lines = sendmail(server, "-bp").stdout.decode().splitlines()
    assert re.fullmatch(r"-+Queue ID-+ --Size-- -+Arrival Time-+ -Sender/Recipient-+", lines[0])
    assert re.fullmatch(r"[0-9A-Z]{26}! +\d+ [A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d  bob@example\.test", lines[1])
    recipients = [line.strip() for line in lines if line.startswith(" " * 41)]
    assert sorted(recipients) == ["one@elsewhere.example", "three@elsewhere.example", "two@elsewhere.example"]
    assert "MAILER-DAEMON" in "".join(lines) and re.fullmatch(r"-- \d+ Kbytes in 2 Requests\.", lines[-1])


def test_newaliases_and_a_run_of_the_queue(running):
    assert sendmail(running, name="newaliases").stdout == b""
    sendmail(running, "-q")
    running.stop()
    sendmail(running, name="newaliases")
    assert "does not run" in sendmail(running, name="mailq", status=69).stderr.decode()


# ---- the drop folder ------------------------------------------------------------------------


def dropped(server):
    """What lies in the drop folder and is whole."""
    return [name for name in os.listdir(f"{server.state}/drop") if name != "aside" and not name.startswith(".")]


def aside(server):
    return sorted(os.listdir(f"{server.state}/drop/aside"))


def drop_by_hand(server, name, text):
    """A file as the helper makes one."""
    path = f"{server.state}/drop/{name}"
    with open(f"{server.state}/drop/.{name}", "wb") as f:
        f.write(text)
    os.rename(f"{server.state}/drop/.{name}", path)
    return path


NAME = "01M7YS1RHSEN3VCNEWYZ4E0W1A"
CONVERSATION = b"EHLO x\r\nMAIL FROM:<bob@example.test>\r\nRCPT TO:<alice@example.test>\r\nBDAT 21 LAST\r\nSubject: x\r\n\r\nHello\r\nQUIT\r\n"


def test_mail_waits_for_the_server_and_is_delivered_once_it_is_there(running):
    running.stop()
    sendmail(running, "-f", "bob@example.test", "alice", text="Subject: later\n\nHello.\n")
    [name] = dropped(running)
    assert os.stat(f"{running.state}/drop/{name}").st_mode & 0o777 == 0o600
    running.start()
    [mail] = running.wait_mails()
    assert mail["Subject"] == "later" and f"(by uid {os.getuid()})" in mail["Received"] and f"id {name}" in mail["Received"]
    until(lambda: not dropped(running))
    assert mail["Return-Path"] == "<bob@example.test>" and mail["Message-ID"]


def test_who_can_not_have_it_makes_a_bounce(running):
    running.stop()
    sendmail(running, "-f", "bob@example.test", "alice@example.test", "nobody@example.test")
    running.start()
    running.wait_mails()
    [bounce] = running.wait_mails(user="bob")
    until(lambda: [line for line in running.log().splitlines() if "to=<nobody@example.test>" in line and "dsn=5.1.1, status=bounced" in line])
    assert "nobody@example.test" in str(bounce) and not aside(running)


def test_a_server_that_takes_nothing_now_gets_it_later(server):
    server.extra = 'spool { min_free = 100000GB }'
    server.start()
    sendmail(server, "alice")
    assert len(dropped(server)) == 1
    server.extra = ""
    server.reload()
    server.wait_mails()
    until(lambda: not dropped(server))


def test_a_file_that_comes_while_it_runs_is_taken_at_once(running):
    drop_by_hand(running, NAME, CONVERSATION)
    [mail] = running.wait_mails()
    assert NAME in mail["Received"]
    until(lambda: not dropped(running))


def test_the_same_file_again_is_not_the_same_message_again(server):
    """As after a crash between the 250 and the removal of the file."""
    server.extra = 'route "*" { hold = yes }'
    server.start()
    text = CONVERSATION.replace(b"alice@example.test", b"someone@elsewhere.example")
    for _ in range(2):
        drop_by_hand(server, NAME, text)
        until(lambda: not dropped(server))
    assert [message["id"] for message in server.json("queue", "list")] == [NAME]


@pytest.mark.parametrize("text, why", [
    (CONVERSATION[:-20], "It ends before its message does"),
    (b"", "It ends before its message does"),
    (b"hello\r\n" * 100, "Command not known"),
    (CONVERSATION.replace(b"<alice", b"<<alice"), ""),
    (bytes(range(256)) * 400, ""),
], ids=["cut", "empty", "words", "bad address", "bytes"])
def test_what_is_no_message_is_set_aside(running, text, why):
    drop_by_hand(running, NAME, text)
    until(lambda: aside(running) == [NAME])
    until(lambda: "drop.aside" in running.log())
    assert why in running.log() and not dropped(running) and not running.mails()


def test_links_and_other_things_are_not_opened(running):
    secret = f"{running.folder}/secret"
    with open(secret, "wb") as f:
        f.write(CONVERSATION)
    folder = f"{running.state}/drop"
    os.symlink(secret, f"{folder}/01M7YS1RHSEN3VCNEWYZ4E0W1B")
    os.link(secret, f"{folder}/01M7YS1RHSEN3VCNEWYZ4E0W1C")
    os.mkfifo(f"{folder}/01M7YS1RHSEN3VCNEWYZ4E0W1D")
    os.mkdir(f"{folder}/01M7YS1RHSEN3VCNEWYZ4E0W1E")
    drop_by_hand(running, "no-name-of-ours", CONVERSATION)
    with open(f"{folder}/01M7YS1RHSEN3VCNEWYZ4E0W1F", "wb") as f:
        f.truncate(65 << 20)
    drop_by_hand(running, NAME, CONVERSATION)       # wakes the master, which looks at all
    until(lambda: len(aside(running)) == 6)
    running.wait_mails()
    until(lambda: not dropped(running))


def test_one_message_a_file(running):
    drop_by_hand(running, NAME, CONVERSATION.replace(b"QUIT\r\n", b"") + CONVERSATION[8:])
    running.wait_mails()
    until(lambda: not dropped(running))
    running.wait_empty()
    assert len(running.mails()) == 1


# ---- the helper --------------------------------------------------------------------------------


def helper(folder, size, text, **more):
    return subprocess.run([f"{BUILD}/libexec/drop", folder, str(size)], input=text, capture_output=True, timeout=PATIENCE, **more)


@pytest.fixture
def drop_folder(folder):
    path = f"{folder}/drop"
    os.mkdir(path, 0o700)
    os.chmod(path, 0o1700)
    return path


def test_the_helper_makes_a_whole_file_or_none(drop_folder):
    assert helper(drop_folder, 5, b"Hello").returncode == 0
    [name] = os.listdir(drop_folder)
    assert re.fullmatch("[0-9A-Z]{26}", name) and open(f"{drop_folder}/{name}", "rb").read() == b"Hello"
    for size, text in ((6, b"Hello"), (4, b"Hello"), (0, b"x")):
        assert helper(drop_folder, size, text).returncode == 75
    for size in (-1, "x", 1 << 40, ""):
        assert helper(drop_folder, size, b"").returncode == 65
    assert os.listdir(drop_folder) == [name]


def test_the_helper_takes_no_folder_but_one_like_ours(drop_folder, folder):
    os.symlink(drop_folder, f"{folder}/link")
    assert helper(f"{folder}/link", 1, b"x").returncode == 75
    assert helper("/tmp", 1, b"x").returncode == 75      # where everybody may write
    os.chmod(drop_folder, 0o700)
    assert helper(drop_folder, 1, b"x").returncode == 75


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_an_interrupted_helper_leaves_nothing(drop_folder, number):
    process = subprocess.Popen([f"{BUILD}/libexec/drop", drop_folder, "100"], stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdin.write(b"half")
    process.stdin.flush()
    until(lambda: os.listdir(drop_folder))
    process.send_signal(number)
    assert process.wait(PATIENCE) == 75 and os.listdir(drop_folder) == []


def test_the_helper_writes_into_no_standard_file(drop_folder):
    done = subprocess.run(["sh", "-c", f"{BUILD}/libexec/drop {drop_folder} 2 2>&-"], input=b"xx", timeout=PATIENCE)
    assert done.returncode == 64 and os.listdir(drop_folder) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to be another user")
@pytest.mark.skipif(SANITIZED, reason="a leak is not looked for in a setgid program")
def test_an_ordinary_user_submits_with_and_without_a_server(running):
    """Installed as make install does it: the helper is setgid, and nothing else lets anybody into the folder."""
    tree = f"{running.folder}/tree"
    os.makedirs(f"{tree}/libexec")
    shutil.copy2(f"{BUILD}/postrider", f"{tree}/sendmail")
    for program in ("master", "drop"):
        shutil.copy2(f"{BUILD}/libexec/{program}", f"{tree}/libexec/{program}")
    shutil.chown(f"{tree}/libexec/drop", group="postrider-drop")
    os.chmod(f"{tree}/libexec/drop", 0o2755)
    nobody = pwd.getpwnam("nobody")

    def as_nobody(*words, text=b"Subject: x\n\nHello.\n"):
        return subprocess.run(words, input=text, capture_output=True, timeout=PATIENCE, user=nobody.pw_uid, group=nobody.pw_gid, extra_groups=[], cwd="/",
                              env={"POSTRIDER_CONFIG": running.file, "PATH": os.environ["PATH"]})
    drop = os.stat(f"{running.state}/drop")
    assert (drop.st_mode & 0o7777, drop.st_uid, drop.st_gid) == (0o1730, 0, grp.getgrnam("postrider-drop").gr_gid)
    assert as_nobody("ls", f"{running.state}/drop").returncode and as_nobody("touch", f"{running.state}/drop/x").returncode
    done = as_nobody(f"{tree}/sendmail", "alice")
    assert done.returncode == 0, done.stderr
    running.wait_mails(1)
    running.stop()
    done = as_nobody(f"{tree}/sendmail", "alice")
    assert done.returncode == 0, done.stderr
    [name] = dropped(running)
    assert os.stat(f"{running.state}/drop/{name}").st_uid == nobody.pw_uid
    running.start()
    for mail in running.wait_mails(2):
        assert f"(by uid {nobody.pw_uid})" in mail["Received"] and "<nobody@example.test>" in mail["From"]
    until(lambda: not dropped(running))


def test_nothing_is_lost_when_the_server_is_killed_again_and_again(running):
    """Callers go on while everything is killed; each 0 is one mail. Twice only where the answer was lost on its way (RFC 1047)."""
    sent, failed, stop = [], [], threading.Event()

    def caller(n):
        while not stop.is_set():
            word = f"{n}-{len(sent)}-{time.monotonic_ns()}"
            done = subprocess.run([f"{BUILD}/sendmail", "alice"], input=f"Subject: {word}\n\nx\n".encode(), capture_output=True,
                                  env=dict(os.environ, POSTRIDER_CONFIG=running.file))
            (failed if done.returncode else sent).append((word, done.returncode, done.stderr))

    callers = [threading.Thread(target=caller, args=(n,)) for n in range(3)]
    for thread in callers:
        thread.start()
    for round in range(8):
        time.sleep(0.3 + 0.1 * round)
        running.kill()
        time.sleep(0.2)
        running.start()
    stop.set()
    for thread in callers:
        thread.join()
    until(lambda: not dropped(running))
    running.wait_empty()
    got = [email.message_from_bytes(mail)["Subject"] for mail in running.mails()]
    assert not failed and len(sent) > 50 and set(got) == {word for word, *_ in sent}
    twice = len(got) - len(sent)
    print(f"{len(sent)} sent, {twice} came twice")
    assert twice <= 3 * 8, twice
    assert not aside(running)


@pytest.mark.parametrize("program, role", [("smtpd", None), ("spool", None), ("master", None)])
def test_files_are_taken_once_whoever_dies_over_them(running, program, role):
    running.stop()
    words = [f"file {n}" for n in range(150)]
    for n, word in enumerate(words):
        text = f"EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<alice@example.test>\r\nBDAT {len(word) + 13} LAST\r\nSubject: {word}\r\n\r\n"
        drop_by_hand(running, f"01M7YS1RHSEN3VCNEWYZ4{n:05d}", text.encode())
    running.start()
    for round in range(12):
        time.sleep(0.02 * (round % 4))
        if program == "master":
            running.kill()
            running.start()
        else:
            for pid in running.children(program):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
    until(lambda: not dropped(running), 2 * PATIENCE)
    running.wait_empty(killed=True)
    got = [email.message_from_bytes(mail)["Subject"] for mail in running.mails()]
    print(f"killed {program}: {len(got) - len(words)} came twice")
    assert set(got) == set(words) and not aside(running)
    assert len(got) - len(words) <= 16 * 12
