"""What arrives where: users, aliases, bounces, trace fields."""
import email, os, re, smtplib, time

import pytest

from conftest import until


def aliases(server, text):
    path = f"{server.folder}/aliases"
    with open(path, "w") as f:
        f.write(text)
    server.domain = f'aliases = "{path}"'
    return path


def test_a_new_user_counts_at_once_and_a_removed_one_no_more(running):
    with running.smtp() as client:
        client.ehlo()
        client.mail("a@example.net")
        assert client.rcpt("carol@example.test")[0] == 550
        running.add_user("carol@example.test")
        assert client.rcpt("carol@example.test")[0] == 250
        running.run("user", "remove", "carol@example.test", "--yes")
        assert client.rcpt("carol@example.test")[0] == 550


def test_local_parts_compare_without_case_and_subaddresses_lead_home(running):
    running.send(to="ALICE@Example.TEST")
    running.send(to="alice+lists@example.test")
    mails = running.wait_mails(2)
    assert {m["Delivered-To"].lower() for m in mails} == {"alice@example.test", "alice+lists@example.test"}


def test_aliases_lists_includes_and_a_changed_file(server):
    path = aliases(server, "# the team\nteam: alice,\n  bob\nlist: :include:members\nnested: team\n")
    with open(f"{server.folder}/members", "w") as f:
        f.write("bob\n# nobody else\n")
    server.start()
    server.send(to=["team@example.test", "nested@example.test", "alice@example.test"])
    assert server.wait_mails(1, "alice") and server.wait_mails(1, "bob")
    server.send(to="list@example.test")
    server.wait_mails(2, "bob")
    with open(path, "a") as f:
        f.write("later: alice\n")

    def known():
        with server.smtp() as client:
            client.ehlo()
            client.mail("a@example.net")
            return client.rcpt("later@example.test")[0] == 250
    until(known)
    server.send(to="later@example.test")
    server.wait_mails(2, "alice")


def test_aliases_that_can_not_be_read_make_nobody_unknown(server):
    """Nobody is told for good that an address does not exist that may stand there; what is wrong is told once."""
    server.domain = f'aliases = "{server.folder}/aliases"'
    server.start()

    def code(address):
        with server.smtp() as client:
            client.ehlo()
            client.mail("a@example.net")
            return client.rcpt(address)[0]
    assert code("sales@example.test") == 451
    assert code("alice@example.test") == 250
    assert server.run("reload").stderr == f"postrider: {server.folder}/aliases: No such file or directory\n"
    aliases(server, "sales: alice\n")
    until(lambda: code("sales@example.test") == 250)
    assert code("nobody@example.test") == 550


def test_what_is_wrong_with_aliases_is_a_warning(server):
    aliases(server, "pipe: |/bin/cat\n")
    server.extra = "log { level = warn }"
    server.start()
    until(lambda: "tables.doubt" in server.log() and "/bin/cat" in server.log())
    assert "tables.loaded" not in server.log()


def test_an_alias_that_leads_to_itself_is_refused(server):
    aliases(server, "round: about\nabout: round\n")
    server.start()
    with server.smtp() as client:
        client.ehlo()
        client.mail("a@example.net")
        assert client.rcpt("round@example.test")[0] in (550, 451)


def test_catch_all_and_postmaster(server):
    server.domain = "catch_all = bob@example.test"
    server.start()
    server.send(to="whoever@example.test")
    server.wait_mails(1, "bob")
    server.send(to="postmaster@example.test")
    server.wait_mails(1, "alice")


def test_the_archive_gets_a_copy_of_all(server):
    server.domain = "archive = bob@example.test"
    server.start()
    server.send(to="alice@example.test")
    server.wait_mails(1, "alice")
    server.wait_mails(1, "bob")


def test_one_copy_for_a_recipient_named_three_times(running):
    running.send(to=["alice@example.test"] * 3)
    running.send(to="alice@example.test", subject="last")
    running.wait_empty()
    assert len(running.mails()) == 2


def test_mail_that_was_here_before_is_refused(running):
    with running.smtp() as client:
        client.ehlo()
        with pytest.raises(smtplib.SMTPDataError, match="5.4.6 Mail loop"):
            client.sendmail("bob@example.test", ["alice@example.test"], "Delivered-To: alice@example.test\r\n\r\nx\r\n")


def test_mail_that_was_in_a_mailbox_before_is_a_loop_and_bounces_once(running):
    """What is refused above comes here under another of its names."""
    with running.smtp() as client:
        client.ehlo()
        client.sendmail("bob@example.test", ["alice+x@example.test"], "Delivered-To: alice@example.test\r\nSubject: round\r\n\r\nx\r\n")
    bounce, = running.wait_mails(1, "bob")
    assert bounce["Return-Path"] == "<>" and bounce["Auto-Submitted"].startswith("auto-replied")
    assert bounce.get_content_type() == "multipart/report" and bounce.get_param("report-type") == "delivery-status"
    status = bounce.get_payload(1)
    recipient = status.get_payload(1)
    assert recipient["Final-Recipient"].replace(" ", "") == "rfc822;alice+x@example.test"
    assert recipient["Action"] == "failed" and recipient["Status"].startswith("5.4.6")
    assert "Remote-MTA" not in recipient and recipient["Diagnostic-Code"].startswith("x-postrider; ")  # no server said it
    running.wait_empty()
    assert running.mails("alice") == []


@pytest.mark.parametrize("ret", ["HDRS", "FULL"])
def test_success_is_told_when_asked_for_and_never_is_never(running, ret):
    """RET=FULL is about failures (RFC 3461 4.3): who hears of success has the message."""
    with running.smtp() as client:
        client.ehlo()
        client.docmd(f"MAIL FROM:<bob@example.test> RET={ret} ENVID=my+2Bid")
        client.docmd("RCPT TO:<alice@example.test> NOTIFY=SUCCESS ORCPT=rfc822;Alice@example.test")
        client.data("Subject: told\r\n\r\nsecret body\r\n")
        client.docmd("MAIL FROM:<bob@example.test>")
        client.docmd("RCPT TO:<alice+x@example.test> NOTIFY=NEVER")
        client.data("Delivered-To: alice@example.test\r\nSubject: quiet\r\n\r\nx\r\n")
    told, = running.wait_mails(1, "bob")
    status = told.get_payload(1)
    assert status.get_payload(0)["Original-Envelope-Id"] == "my+id"
    assert status.get_payload(1)["Action"] == "delivered"
    assert "Remote-MTA" not in status.get_payload(1) and status.get_payload(1)["Diagnostic-Code"].startswith("x-postrider; ")
    assert "said:" not in told.get_payload(0).get_payload()     # a Maildir is no server
    assert status.get_payload(1)["Original-Recipient"].replace(" ", "") == "rfc822;Alice@example.test"
    assert b"secret body" not in running.mails("bob")[0]
    running.wait_empty()
    assert len(running.mails("bob")) == 1


def test_a_null_sender_is_told_nothing(running):
    with running.smtp() as client:
        client.ehlo()
        client.sendmail("", ["alice+x@example.test"], "Delivered-To: alice@example.test\r\nSubject: x\r\n\r\nx\r\n")
    running.wait_empty()
    assert running.mails("alice") == []
    until(lambda: re.search(r"message.accepted .*from=<>, size=", running.log()))
    assert "from <>" in running.run("trace", "<>").stdout


def test_foreign_mail_of_a_trusted_host_waits_and_expires_into_a_bounce(server):
    server.listen = 'trusted = {"127.0.0.0/8"}'
    server.extra = "retry { after = {100ms} expire = 2s notice = off }"
    server.start()
    sent = server.send(to="someone@foreign.example.net", sender="bob@example.test")
    row, = server.json("queue", "list")
    assert row["id"] == sent and row["from"] == "bob@example.test"
    bounce, = server.wait_mails(1, "bob")
    assert bounce.get_content_type() == "multipart/report"
    server.wait_empty()


def test_held_mail_is_listed_shown_released_and_deleted(server):
    server.listen = 'trusted = {"127.0.0.0/8"}'
    server.extra = 'route "*" { hold = yes }'
    server.start()
    ids = [server.send(to="someone@foreign.example.net", sender="bob@example.test", body=f"held {n}") for n in range(3)]
    until(lambda: [r["state"] for r in server.json("queue", "list")] == ["held"] * 3)
    assert "held 0" in server.run("queue", "cat", ids[0]).stdout
    assert ids[1] in server.run("queue", "show", ids[1][:20] if False else ids[1][-8:]).stdout
    refused = server.run("queue", "delete", "from:bob@example.test", check=False)
    assert refused.returncode == 64 and "--yes" in refused.stderr
    assert len(server.json("queue", "list")) == 3
    server.run("queue", "delete", ids[0])
    assert {r["id"] for r in server.json("queue", "list")} == set(ids[1:])
    server.run("queue", "delete", "from:bob@example.test", "--yes")
    server.wait_empty()


def test_erased_mail_is_gone_from_the_disk(server):
    server.listen = 'trusted = {"127.0.0.0/8"}'
    server.extra = 'route "*" { hold = yes }'
    server.start()
    secret = "a-very-secret-word-4711"
    sent = server.send(to="someone@foreign.example.net", body=secret)

    def on_disk():
        folder = f"{server.state}/spool"
        return any(secret.encode() in open(f"{folder}/{name}", "rb").read() for name in os.listdir(folder) if os.path.isfile(f"{folder}/{name}"))
    assert on_disk()
    server.run("queue", "delete", "--erase", sent)
    until(lambda: not on_disk())
    server.wait_empty()


def test_a_restart_keeps_the_queue(server):
    server.listen = 'trusted = {"127.0.0.0/8"}'
    server.extra = 'route "*" { hold = yes }'
    server.start()
    ids = {server.send(to=f"u{n}@foreign.example.net") for n in range(20)}
    assert server.stop() == 0
    server.start()
    until(lambda: {r["id"] for r in server.json("queue", "list")} == ids)
    until(lambda: all(r["state"] == "held" for r in server.json("queue", "list")))


def test_forged_results_in_our_name_are_taken_out(running):
    with running.smtp() as client:
        client.ehlo()
        client.sendmail("a@example.net", ["alice@example.test"],
                        "Authentication-Results: mx.example.test; spf=pass\r\nAuthentication-Results: (a) MX.Example.Test\r\n 1; dkim=pass\r\n"
                        "Authentication-Results: other.example.net; spf=fail\r\nSubject: forged\r\n\r\nAuthentication-Results: mx.example.test; in the body\r\n")
    mail, = running.wait_mails()
    ours, others = mail.get_all("Authentication-Results")
    assert "dkim=none" in ours and "pass" not in ours and others == "other.example.net; spf=fail"
    assert "in the body" in mail.get_payload()


def test_fifty_one_hops_are_a_loop(running):
    with running.smtp() as client:
        client.ehlo()
        client.mail("a@example.net")
        client.rcpt("alice@example.test")
        code, text = client.data("Received: by x\r\n" * 51 + "Subject: x\r\n\r\nx\r\n")
        assert code == 554 and text.startswith(b"5.4.6")


def test_trace_and_why_point_to_the_queue_for_what_waits(server):
    """Whom it is for stands in no event before an attempt, and what it waits for in none at all."""
    server.listen = 'trusted = {"127.0.0.0/8"}'
    server.start()
    sent = server.send(to="someone@foreign.example.net", sender="bob@example.test")
    until(lambda: "message.accepted" in server.run("trace", sent).stdout)
    for word in "trace", "why":
        assert f"`postrider queue show {sent}`" in server.run(word, sent).stdout
        assert "`postrider queue list to:someone@foreign.example.net`" in server.run(word, "someone@foreign.example.net").stderr
    server.run("queue", "delete", sent, "--yes")
    until(lambda: "message.finished" in server.run("trace", sent).stdout)
    assert "queue show" not in server.run("trace", sent).stdout


def test_trace_tells_the_story_by_id_and_by_address(running):
    sent = running.send(to="alice@example.test", sender="storyteller@example.net")
    running.wait_mails()
    for word in (sent, sent[:12], "storyteller@example.net", "alice@example.test"):
        until(lambda: "alice@example.test" in running.run("trace", word, check=False).stdout)
    events = until(lambda: [e for e in running.json("trace", sent) if e["ev"] == "message.finished"] and running.json("trace", sent))
    assert all(e["id"] == sent for e in events)
    assert {e["ev"] for e in events} >= {"message.accepted", "delivery.delivered"}
    assert [e["t"] for e in events] == sorted(e["t"] for e in events)


def test_stories_of_an_address_are_told_one_after_the_other(server):
    """What happened to several messages by turns, and in sessions without one, never stands under another's id."""
    server.extra = f'deliver away {{ lmtp = "unix:{server.folder}/none" }}\ndomain away.test {{ deliver = away }}'
    server.start(users=("alice@example.test", "carol@away.test"))
    sent = [server.send(to="carol@away.test") for _ in range(2)]

    def deferrals(one):
        return sum(one in line and "status=deferred" in line for line in server.log().splitlines())
    for one in sent + sent:
        before = deferrals(one)
        until(lambda: server.run("queue", "retry", one) and deferrals(one) > before)	# again, where one under way makes its site wait
    for word in ("trace", "why"):
        until(lambda: server.run(word, "carol@away.test").stdout.count("delivery.deferred") >= 4)
        told = server.run(word, "carol@away.test").stdout
        assert [line for line in told.splitlines() if line and line[0] != " "] == sent
        assert all("delivery.deferred" in part for part in told.split("\n\n"))


def test_the_log_has_the_fields_that_log_tools_know(running):
    sent = running.send(to="alice@example.test")
    until(lambda: "status=sent" in running.log())
    line = next(line for line in running.log().splitlines() if "status=sent" in line)
    assert re.search(r"to=<alice@example\.test>.*relay=.*dsn=2\.\d\.\d.*status=sent \(", line) and sent in line


def test_a_mail_folder_that_is_closed_is_named(running):
    """Who may write where is the first thing that goes wrong on a new machine."""
    os.chmod(f"{running.folder}/mail", 0o555)
    sent = running.send()
    where = until(lambda: re.search(r"\((/.*)\): Permission denied", running.run("why", sent).stdout))
    assert where[1] == running.maildir().rstrip("/")
    assert where[0] in running.run("queue", "show", sent).stdout
    os.chmod(f"{running.folder}/mail", 0o755)
    running.run("queue", "retry", sent)
    running.wait_mails()


def test_odd_local_parts_stay_in_their_folder(running):
    for user in ("..", "a/b", ".hidden", "x" * 64, "per%cent", "new"):
        done = running.run("user", "add", f'"{user}"@example.test' if user in ("..", ".hidden") else f"{user}@example.test", "--password-stdin", input="a long enough password\n", check=False)
        if done.returncode:
            continue
        with running.smtp() as client:
            client.ehlo()
            client.mail("a@example.net")
            address = f'"{user}"@example.test' if user in ("..", ".hidden") else f"{user}@example.test"
            if client.docmd("RCPT", f"TO:<{address}>")[0] == 250:
                client.data("Subject: odd\r\n\r\nx\r\n")
    running.wait_empty()
    top = os.path.realpath(f"{running.folder}/mail/example.test")
    outside = [n for n in os.listdir(f"{running.folder}/mail") if n != "example.test"]
    assert outside == []
    for name in os.listdir(top):
        assert "/" not in name and name not in (".", "..") and not name.startswith("."), name
        assert set(os.listdir(f"{top}/{name}")) >= {"new", "cur", "tmp"}
