"""An SMTP server that does what a test says, right or wrong, at each stage of the dialogue."""
import contextlib, select, socket, ssl, threading

STAGES = "connect greeting ehlo helo starttls auth mail rcpt data body rset quit".split()
OFFERS = ("PIPELINING", "SIZE 10000000", "8BITMIME", "ENHANCEDSTATUSCODES")


class Sink:
    """says[stage] is what happens there, or a list of it for one time after the other (then all is well again):
    a reply, "drop" (the connection ends), "hang" (nothing, until the client leaves), "stall" (what is right, and then nothing, not
    even reading), bytes (sent as they are),
    a number of seconds (it is said that late), or a function of the argument that gives one of these or None.
    What was taken is in `mails`, each a dict; `connections` and `commands` tell the rest."""

    def __init__(self, address, port=None, offers=OFFERS, certificate=None, login=None, implicit=False, **says):
        self.address, self.offers, self.says, self.login, self.implicit = address, offers, says, login, implicit
        self.mails, self.commands, self.connections, self.logins = [], [], 0, []
        self.lock = threading.Lock()
        self.tls = None
        if certificate:
            self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.tls.load_cert_chain(*certificate)
        self.listener = socket.create_server((address, port or 0), family=socket.AF_INET6 if ":" in address else socket.AF_INET)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def where(self):
        return f"{self.address}:{self.port}"

    def stop(self):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                with self.lock:
                    self.connections += 1
                threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def what(self, stage, argument=""):
        """What to do here; None: all is well."""
        with self.lock:
            does = self.says.get(stage)
            if isinstance(does, list):
                does = does.pop(0) if does else None
        return does(argument) if callable(does) else does

    def serve(self, connection):
        with contextlib.suppress(OSError, EOFError, ssl.SSLError, ValueError), Session(self, connection) as session:
            if self.implicit:
                session.secure()
            session.run()


class Session:
    def __init__(self, sink, connection):
        self.sink, self.socket = sink, connection
        self.file = connection.makefile("rb")
        self.tls = self.user = None
        self.helo = ""
        self.clear()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.socket.close()

    def clear(self):
        self.sender, self.rcpts, self.body, self.parameters = None, [], b"", ""

    def say(self, text):
        self.socket.sendall(text.encode() + b"\r\n")

    def await_leaving(self):
        """Without reading a byte."""
        poll = select.poll()
        poll.register(self.socket, select.POLLRDHUP | select.POLLHUP | select.POLLERR)
        poll.poll()
        raise EOFError

    def stage(self, stage, good, argument=""):
        """True when all went well there."""
        does = self.sink.what(stage, argument)
        if isinstance(does, (int, float)):
            threading.Event().wait(does)
            does = None
        if does == "drop":
            raise EOFError
        if does == "hang":
            while self.socket.recv(4096):
                pass
            raise EOFError
        if does == "stall":
            self.say(good)
            self.await_leaving()
        if isinstance(does, bytes):
            self.socket.sendall(does)
            return False
        if does is not None:
            self.say(does)
            return False
        if good:
            self.say(good)
        return True

    def run(self):
        if not self.stage("connect", None):
            return
        self.stage("greeting", "220 sink.test ESMTP")
        while True:
            line = self.file.readline().decode("utf-8", "surrogateescape")
            if not line.endswith("\r\n"):
                return
            verb, _, argument = line.strip().partition(" ")
            with self.sink.lock:
                self.sink.commands.append(line.strip())
            if not getattr(self, "do_" + verb.lower())(argument):
                return

    def offers(self):
        offers = list(self.sink.offers)
        if self.sink.tls and not self.tls:
            offers.append("STARTTLS")
        if self.sink.login and self.tls:
            offers.append(f"AUTH {self.sink.login}")
        return ["sink.test", *offers]

    def do_ehlo(self, argument):
        offers = self.offers()
        self.helo = argument
        self.stage("ehlo", "\r\n".join([*(f"250-{offer}" for offer in offers[:-1]), f"250 {offers[-1]}"]))
        return True

    do_lhlo = do_ehlo

    def do_helo(self, argument):
        self.helo = argument
        self.stage("helo", "250 sink.test")
        return True

    def do_starttls(self, _):
        if self.stage("starttls", "220 go"):
            self.secure()
        return True

    def secure(self):
        self.file.close()
        self.socket = self.sink.tls.wrap_socket(self.socket, server_side=True)
        self.file = self.socket.makefile("rb")
        self.tls = self.socket.version()

    def do_auth(self, argument):
        mechanism, _, first = argument.partition(" ")
        words = [first] if first else []
        if mechanism == "LOGIN":
            for challenge in ("VXNlcm5hbWU6", "UGFzc3dvcmQ6"):
                self.say(f"334 {challenge}")
                words.append(self.file.readline().decode().strip())
        with self.sink.lock:
            self.sink.logins.append((mechanism, *words))
        if self.stage("auth", "235 2.7.0 in"):
            self.user = words[-1]
        return True

    def do_mail(self, argument):
        path, _, self.parameters = argument.partition("> ")
        if self.stage("mail", "250 2.1.0 ok", argument):
            self.sender = path.partition("<")[2].rstrip(">")
        return True

    def do_rcpt(self, argument):
        if self.sender is None:
            self.say("503 5.5.1 no sender")
            return True
        if self.stage("rcpt", "250 2.1.5 ok", argument):
            self.rcpts.append(argument.partition("<")[2].partition(">")[0])
        return True

    def do_rset(self, _):
        self.clear()
        self.stage("rset", "250 2.0.0 ok")
        return True

    def do_noop(self, _):
        self.say("250 2.0.0 ok")
        return True

    def do_quit(self, _):
        self.stage("quit", "221 2.0.0 bye")
        return False

    def take(self, data):
        mail = {"sender": self.sender, "rcpts": self.rcpts, "data": data, "tls": self.tls, "helo": self.helo, "user": self.user,
                "parameters": self.parameters, "peer": self.socket.getpeername()[0]}
        if self.stage("body", None, data):
            with self.sink.lock:
                self.sink.mails.append(mail)
            self.say("250 2.0.0 taken")
        self.clear()

    def do_data(self, _):
        if not self.rcpts:
            self.say("503 5.5.1 no recipients")
            return True
        if not self.stage("data", "354 go"):
            return True
        lines = []
        for line in iter(self.file.readline, b".\r\n"):
            if not line:
                return False
            lines.append(line[1:] if line.startswith(b".") else line)
        self.take(b"".join(lines))
        return True

    def do_bdat(self, argument):
        size, _, last = argument.partition(" ")
        self.body += self.file.read(int(size))
        if last:
            self.take(self.body)
        else:
            self.say("250 2.0.0 more")
        return True
