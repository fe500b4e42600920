"""STARTTLS, SNI, certificates that change, session resumption, and what must be refused."""
import os, socket, ssl, subprocess

from conftest import PATIENCE, free_port, until


def context(**more):
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    c.check_hostname, c.verify_mode = False, ssl.CERT_NONE
    for name, value in more.items():
        setattr(c, name, value)
    return c


def tls_session(server, name="mx.example.test", c=None, session=None):
    """A TLS socket after STARTTLS."""
    s = socket.create_connection(("127.0.0.1", server.port), PATIENCE)
    f = s.makefile("rb")
    assert f.readline().startswith(b"220 ")
    s.sendall(b"EHLO client.example.net\r\n")
    while not f.readline().startswith(b"250 "):
        pass
    s.sendall(b"STARTTLS\r\n")
    assert f.readline().startswith(b"220 ")
    return (c or context()).wrap_socket(s, server_hostname=name, session=session)


def subject(tls):
    der = tls.getpeercert(binary_form=True)
    return subprocess.run(["openssl", "x509", "-inform", "der", "-noout", "-subject"], input=der, capture_output=True, check=True).stdout.decode()


def directory(server, *names):
    for name in names:
        os.makedirs(f"{server.folder}/live/{name}", exist_ok=True)
        server.certificate(name, f"live/{name}")
        os.rename(f"{server.folder}/live/{name}/cert.pem", f"{server.folder}/live/{name}/fullchain.pem")
        os.rename(f"{server.folder}/live/{name}/key.pem", f"{server.folder}/live/{name}/privkey.pem")


def with_directory(server):
    server.config = server.text().replace(f'certificate = "{server.folder}/tls/cert.pem" key = "{server.folder}/tls/key.pem"', f'directory = "{server.folder}/live"')


def test_the_certificate_is_chosen_by_sni(server):
    directory(server, "mx.example.test", "mail.example.org")
    with_directory(server)
    server.start()
    for name in ("mx.example.test", "mail.example.org"):
        assert name in subject(tls_session(server, name))
    tls_session(server, "unknown.example.com")


def test_a_renewed_certificate_counts_and_a_broken_one_does_not(running):
    serial = lambda: subprocess.run(["openssl", "x509", "-inform", "der", "-noout", "-serial"], input=tls_session(running).getpeercert(binary_form=True),
                                    capture_output=True, check=True).stdout
    before = serial()
    running.certificate("mx.example.test")
    until(lambda: serial() != before)
    renewed = serial()
    with open(f"{running.folder}/tls/cert.pem", "w") as f:
        f.write("-----BEGIN CERTIFICATE-----\nnonsense\n")
    until(lambda: "tls.rejected" in running.log() or "not taken" in running.log())
    assert serial() == renewed


def expire(server, name):
    pair = f"{server.folder}/live/{name}/"
    request = subprocess.run(["openssl", "req", "-new", "-key", pair + "privkey.pem", "-subj", f"/CN={name}"], check=True, capture_output=True).stdout
    subprocess.run(["openssl", "x509", "-req", "-signkey", pair + "privkey.pem", "-days", "-1", "-out", pair + "fullchain.pem"], input=request, check=True,
                   capture_output=True)


def serial(server, name):
    return subprocess.run(["openssl", "x509", "-inform", "der", "-noout", "-serial"], input=tls_session(server, name).getpeercert(binary_form=True),
                          capture_output=True, check=True).stdout


def test_a_name_whose_certificate_can_t_be_used_keeps_no_other_from_being_renewed(server):
    directory(server, "mx.example.test", "mail.example.org", "old.example.com")
    with_directory(server)
    server.start()
    before = {name: serial(server, name) for name in ("mx.example.test", "mail.example.org")}
    with open(f"{server.folder}/live/mail.example.org/fullchain.pem", "w") as f:
        f.write("-----BEGIN CERTIFICATE-----\nnonsense\n")
    until(lambda: "mail.example.org/fullchain.pem" in server.log())
    directory(server, "mx.example.test")
    until(lambda: serial(server, "mx.example.test") != before["mx.example.test"])
    assert serial(server, "mail.example.org") == before["mail.example.org"]
    assert "old.example.com" in subject(tls_session(server, "old.example.com"))


def test_a_certificate_that_has_expired_keeps_no_other_from_being_renewed_and_no_configuration_from_being_loaded(server):
    directory(server, "mx.example.test", "old.example.com")
    expire(server, "old.example.com")
    with_directory(server)
    server.start()
    before = serial(server, "mx.example.test")
    directory(server, "mx.example.test")
    until(lambda: serial(server, "mx.example.test") != before)
    assert server.reload().returncode == 0
    assert "old.example.com" in subject(tls_session(server, "old.example.com"))
    with open(f"{server.folder}/live/old.example.com/privkey.pem", "w") as f:
        f.write("nonsense\n")
    broken = server.reload(check=False)
    assert broken.returncode == 78 and "old.example.com" in broken.stderr


def test_sessions_resume_in_tls_1_2_and_1_3(running):
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        c = context(minimum_version=version, maximum_version=version)
        first = tls_session(running, c=c)
        first.sendall(b"EHLO client.example.net\r\n")
        first.recv(4096)	# the tickets of TLS 1.3 come with the first data
        for _ in range(6):	# any worker
            again = tls_session(running, c=c, session=first.session)
            assert again.session_reused


def test_old_tls_and_foreign_alpn_are_refused(running):
    for c in (context(minimum_version=ssl.TLSVersion.TLSv1, maximum_version=ssl.TLSVersion.TLSv1_1),):
        c.set_ciphers("DEFAULT:@SECLEVEL=0")
        try:
            tls_session(running, c=c)
        except (ssl.SSLError, ConnectionError):
            continue
        raise AssertionError("TLS 1.1 was taken")


def test_what_was_sent_with_starttls_is_never_carried_over(running):
    s = socket.create_connection(("127.0.0.1", running.port), PATIENCE)
    f = s.makefile("rb")
    f.readline()
    s.sendall(b"EHLO client.example.net\r\n")
    while not f.readline().startswith(b"250 "):
        pass
    s.sendall(b"STARTTLS\r\nMAIL FROM:<injected@example.net>\r\n")
    first = f.readline()
    if first.startswith(b"220 "):
        try:
            tls = context().wrap_socket(s, server_hostname="x")
        except (ssl.SSLError, ConnectionError, OSError):
            return
        tls.sendall(b"RCPT TO:<alice@example.test>\r\n")
        assert tls.recv(512).startswith(b"503")
    else:
        assert first.startswith(b"5")


def test_implicit_tls(server):
    port = free_port()
    server.extra = f'listen submissions {{ address = "127.0.0.1" port = {port} tls = implicit auth = required }}'
    server.start()
    s = context().wrap_socket(socket.create_connection(("127.0.0.1", port), PATIENCE), server_hostname="mx.example.test")
    f = s.makefile("rb")
    assert f.readline().startswith(b"220 ")
    s.sendall(b"EHLO c.example.net\r\n")
    while not (line := f.readline()).startswith(b"250 "):
        assert line
    s.sendall(b"MAIL FROM:<a@example.net>\r\n")
    assert f.readline().startswith(b"530 ")


def test_tls_required_takes_no_mail_in_the_clear(server):
    server.listen = "tls = required"
    server.start()
    with server.smtp() as client:
        client.ehlo()
        code, text = client.mail("a@example.net")
        assert code == 530 and text.startswith(b"5.7.0")
        client.starttls(context=context())
        client.ehlo()
        assert client.mail("a@example.net")[0] == 250
