"""A private Postrider for each test: own ports, own folders, started and ended here.

POSTRIDER_BUILD names the build tree. Run as root the server becomes an ordinary user as it does in life.
"""
import contextlib, email, functools, glob, itertools, json, os, random, shutil, signal, smtplib, socket, subprocess, sys, tempfile, time

import pytest

BUILD = os.environ.get("POSTRIDER_BUILD") or os.path.abspath(os.path.join(os.path.dirname(__file__), "../../build"))
SANITIZED = bool(os.environ.get("POSTRIDER_SANITIZED"))
PATIENCE = 60 if SANITIZED else 20
USER = "postrider"


# Below the ports that clients get; each process that runs tests has some of its own, and begins anywhere among them.
FIRST_PORT = 10000 + 1000 * int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:])
PORTS = itertools.cycle(random.sample(range(FIRST_PORT, FIRST_PORT + 1000), 1000))


def free_port():
    for port in PORTS:
        with contextlib.suppress(OSError), socket.socket() as s:
            s.bind(("127.0.0.1", port))
            return port


def pause(begin):
    """Between two questions about the same; asking must not be what the machine does."""
    time.sleep(min(0.05, max(0.02, (time.monotonic() - begin) / 8)))


def until(what, seconds=PATIENCE):
    """Awaits what() to be true and returns it; asks often, fails loudly."""
    begin = time.monotonic()
    while True:
        got = what()
        if got:
            return got
        assert time.monotonic() < begin + seconds, f"waited {seconds} s in vain for {getattr(what, '__name__', what)}"
        pause(begin)


def make_certificate(name, folder):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
                    "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}", "-keyout", f"{folder}/key.pem",
                    "-out", f"{folder}/cert.pem"], check=True, capture_output=True)


@functools.cache
def first_certificate():
    """What each server begins with: its key and its certificate."""
    with tempfile.TemporaryDirectory() as folder:
        make_certificate("mx.example.test", folder)
        return [open(f"{folder}/{name}.pem").read() for name in ("key", "cert")]


ROWS = {}    # of the file of users, by address


def private(path, flags):
    return os.open(path, flags, 0o600)


class Server:
    """start() to run it; config is the text of its configuration, to be changed before start() or reload()."""

    def __init__(self, folder):
        self.folder = str(folder)
        self.port = free_port()
        self.postrider = f"{BUILD}/postrider"
        self.file = f"{self.folder}/postrider.conf"
        self.log_file = f"{self.folder}/log"
        self.state = f"{self.folder}/state"
        self.process = None
        self.launcher = []      # a program that starts it
        for name in ("state", "run", "mail", "tls"):
            os.makedirs(f"{self.folder}/{name}", exist_ok=True)
        self.listen = 'trusted = {}'
        self.checks = "dmarc = observe"     # tests write mail that nobody vouches for
        self.extra = ""
        self.dns = 'dns { servers = "127.0.0.1:1"  timeout = 100ms }'    # nobody answers: no test asks the world
        self.domain = ""
        for name, text in zip(("key", "cert"), first_certificate()):
            with open(f"{self.folder}/tls/{name}.pem", "w", opener=private) as f:
                f.write(text)
        # Nobody is trusted but whom a test names: the authorities of the world are 140, which each relay would read.
        self.environment = dict(os.environ, POSTRIDER_STRICT="1", SSL_CERT_FILE="/dev/null")
        self.config = None

    def certificate(self, name, where="tls"):
        make_certificate(name, f"{self.folder}/{where}")

    def text(self):
        return self.config or f"""
hostname = mx.example.test
admin = alice@example.test
state = "{self.folder}/state"
runtime = "{self.folder}/run"
tls {{ certificate = "{self.folder}/tls/cert.pem" key = "{self.folder}/tls/key.pem" }}
domain example.test {{ deliver = maildir subaddress = "+" {self.domain} }}
deliver maildir {{ path = "{self.folder}/mail/:domain/:local/" }}
listen mx {{ address = "127.0.0.1" port = {self.port} {self.listen} {self.checks if "dmarc" not in self.listen else ""}
    limit connections {{ address = 1000 network = 1000 }} }}
{self.dns}
{self.extra}
"""

    def write(self):
        with open(f"{self.file}.new", "w") as f:
            f.write(self.text())
        os.rename(f"{self.file}.new", self.file)

    def give(self):
        """The folders belong to whom the server becomes."""
        if os.geteuid() == 0:
            path = self.folder
            while path != "/":
                os.chmod(path, os.stat(path).st_mode | 0o011)
                path = os.path.dirname(path)
            subprocess.run(["find", self.state, f"{self.folder}/run", f"{self.folder}/mail", "-path", f"{self.state}/drop", "-prune",
                            "-o", "-exec", "chown", "-h", USER, "{}", "+"], check=True)

    def run(self, *words, check=True, input=None):
        """A command of the command line; returns the CompletedProcess with text."""
        done = subprocess.run([self.postrider, "-c", self.file, *words], capture_output=True, text=True, input=input, env=self.environment, timeout=PATIENCE * 2)
        if check:
            assert done.returncode == 0, f"postrider {words}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def json(self, *words):
        return [json.loads(line) for line in self.run(*words, "--json").stdout.splitlines()]

    def add_user(self, address, password="a long enough password"):
        self.run("user", "add", address, "--password-stdin", input=password + "\n")

    def user_rows(self):
        with contextlib.suppress(FileNotFoundError), open(f"{self.state}/users") as f:
            return set(f)
        return set()

    def know_user(self, address):
        """Has the user; whose row was made once has it again, because a hash costs what it should."""
        rows = self.user_rows()
        if any(address in row for row in rows):
            return
        if address not in ROWS:
            self.add_user(address)
            ROWS[address], = self.user_rows() - rows
            return
        with open(f"{self.state}/users", "a", opener=private) as f:
            f.write(ROWS[address])

    def start(self, users=("alice@example.test", "bob@example.test")):
        self.write()
        for user in users:
            self.know_user(user)
        self.give()
        with open(self.log_file, "ab") as log:
            self.process = subprocess.Popen([*self.launcher, self.postrider, "-c", self.file, "serve"], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env=self.environment, start_new_session=True)
        self.wait_up()
        return self

    def wait_up(self):
        def greeting():
            assert self.process.poll() is None, f"the server ended with {self.process.returncode}:\n{self.log()}"
            with contextlib.suppress(OSError):
                with socket.create_connection(("127.0.0.1", self.port), 2) as s:
                    s.settimeout(2)
                    return s.recv(4) == b"220 "
        until(greeting)

    def stop(self):
        """An orderly end; returns the exit status."""
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.kill()
                raise AssertionError(f"it did not end in {PATIENCE} s:\n{self.log()[-3000:]}") from None
        return self.process.returncode if self.process else None

    def kill(self):
        """As a power cut of all its processes."""
        pids = [self.process.pid, *self.children()]
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(PATIENCE)
        until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in pids))

    def reload(self, check=True):
        self.write()
        return self.run("reload", check=check)

    def children(self, program=None, role=None):
        """Pids of the programs, of one program (`smtpd`) or role (`local`)."""
        found = []
        with contextlib.suppress(OSError):
            for pid in open(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read().split():
                with contextlib.suppress(OSError):
                    words = open(f"/proc/{pid}/cmdline").read().split("\0")
                    if (program is None or os.path.basename(words[0]) == program) and (role is None or role in words[1:2]):
                        found.append(int(pid))
        return found

    def log(self):
        with open(self.log_file, errors="replace") as f:
            return f.read()

    def smtp(self, timeout=PATIENCE):
        return smtplib.SMTP("127.0.0.1", self.port, "client.example.net", timeout=timeout)

    def send(self, to="alice@example.test", body="Hello.", sender="someone@example.net", subject="test", **more):
        """One mail by smtplib; returns the id in its 250."""
        with self.smtp() as client:
            client.ehlo()
            assert client.mail(sender)[0] == 250
            for address in [to] if isinstance(to, str) else to:
                code, text = client.rcpt(address)
                assert code == 250, text
            code, text = client.data(f"From: <{sender}>\r\nTo: <{to}>\r\nSubject: {subject}\r\n\r\n{body}\r\n")
            assert code == 250, text
            return text.decode().split()[2]

    def maildir(self, user="alice", domain="example.test", folder=""):
        return f"{self.folder}/mail/{domain}/{user}/{folder}"

    def mails(self, user="alice", domain="example.test", folder=""):
        """The files in new/, as bytes."""
        found = []
        for name in sorted(glob.glob(f"{glob.escape(self.maildir(user, domain, folder))}/new/*")):
            with open(name, "rb") as f:
                found.append(f.read())
        return found

    def wait_mails(self, count=1, user="alice", **more):
        until(lambda: len(self.mails(user, **more)) >= count)
        got = self.mails(user, **more)
        assert len(got) == count
        return [email.message_from_bytes(m) for m in got]

    def release_suspects(self):
        """Where a test kills at random two kills may meet one message, which is held then: it might have been the killer."""
        for row in map(json.loads, self.run("queue", "list", "state:held", "--json", check=False).stdout.splitlines()):
            if "died over it twice" in row["reason"]:
                self.run("queue", "release", row["id"], check=False)

    def wait_empty(self, seconds=PATIENCE, killed=False):
        """Gives up when the queue gets no shorter for so long."""
        shortest, begin = None, 0
        while True:
            if killed:
                self.release_suspects()
            queue = self.run("queue", "list", "--json").stdout.splitlines()
            if not queue:
                return
            if shortest is None or len(queue) < shortest:
                shortest, begin = len(queue), time.monotonic()
            assert time.monotonic() < begin + seconds, f"the queue does not run empty, {len(queue)} are left:\n" + "\n".join(queue[:20])
            pause(begin)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Each process has one test before it, not a heap of which the last one has the long ones."""
    from xdist.scheduler import LoadScheduling

    class OneByOne(LoadScheduling):
        def _send_tests(self, node, num):
            super()._send_tests(node, min(num, 2 - len(self.node2pending[node])))

    return OneByOne(config, log)


@pytest.fixture
def folder():
    """A folder that other users may walk through (pytest's own are closed to them)."""
    path = tempfile.mkdtemp(prefix="postrider-test-", dir=os.environ.get("TMPDIR", "/tmp"))
    os.chmod(path, 0o755)
    yield path
    subprocess.run(["rm", "-rf", path], check=False)


@pytest.fixture(scope="session", autouse=True)
def server_user():
    if os.geteuid() == 0 and subprocess.run(["id", USER], capture_output=True).returncode:
        subprocess.run(["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", USER], check=True)
    if os.geteuid() == 0:
        subprocess.run(["groupadd", "--system", "--force", "postrider-drop"], check=True)


@pytest.fixture
def server(folder):
    """A server that is not started yet."""
    s = Server(folder)
    yield s
    if s.process and s.process.poll() is None:
        s.stop()
    if os.path.exists(s.log_file):
        log = s.log()
        sys.stderr.write(log[-6000:])
        assert "Sanitizer" not in log and "runtime error" not in log, log


@pytest.fixture
def running(server):
    """A server that runs, with alice and bob."""
    return server.start()
