"""A private Postfix: its own folders, ports and domain; with Dovecot's logins where a test wants them."""
import contextlib, glob, os, shutil, smtplib, subprocess

from conftest import PATIENCE, free_port, until

POSTFIX = shutil.which("postfix", path=os.environ.get("PATH", "") + ":/usr/sbin")
DOVECOT = shutil.which("dovecot", path=os.environ.get("PATH", "") + ":/usr/sbin")
SERVICES = """pickup unix n - n 60 1 pickup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
cleanup unix n - n - 0 cleanup
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
flush unix n - n 1000? 0 flush
showq unix n - n - - showq
virtual unix - n n - - virtual
postlog unix-dgram n - n - 1 postlogd
"""


def once(text):
    """What is said later counts; said twice, Postfix warns of it without end."""
    return "".join(f"{name}={value}\n" for name, value in dict(map(str.strip, line.split("=", 1)) for line in text.splitlines() if line).items())


class Postfix:
    """Takes mail for u, v and w at fix.test, and for the world from this machine by relayhost."""

    def __init__(self, folder, address):
        self.folder, self.address, self.port = f"{folder}/postfix", address, free_port()
        self.before = []    # words before its commands: where they run
        self.addresses = []    # to listen on; none: `address` alone
        for part in ("conf", "spool", "data", "mail", "tls"):
            os.makedirs(f"{self.folder}/{part}", exist_ok=True)
        os.chmod(self.folder, 0o755)
        shutil.chown(f"{self.folder}/data", "postfix")
        shutil.chown(f"{self.folder}/mail", "nobody", "nogroup")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
                        "-subj", "/CN=mx.fix.test", "-addext", "subjectAltName=DNS:mx.fix.test", "-keyout", f"{self.folder}/tls/key.pem",
                        "-out", f"{self.certificate()}"], check=True, capture_output=True)

    def certificate(self):
        return f"{self.folder}/tls/cert.pem"

    def start(self, relayhost="", more=""):
        f = self.folder
        boxes = ", ".join(f"{user}@fix.test={user}/" for user in "uvw")
        with open(f"{f}/conf/main.cf", "w") as main:
            main.write(once(f"""compatibility_level = 3.6
queue_directory = {f}/spool
data_directory = {f}/data
daemon_directory = /usr/lib/postfix/sbin
command_directory = /usr/sbin
maillog_file = {f}/mail.log
maillog_file_prefixes = {f}
myhostname = mx.fix.test
mydestination =
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
alias_maps =
local_recipient_maps =
smtpd_relay_restrictions = permit_mynetworks, reject
smtp_dns_support_level = disabled
smtp_tls_security_level = may
smtpd_tls_security_level = may
smtpd_tls_cert_file = {self.certificate()}
smtpd_tls_key_file = {f}/tls/key.pem
smtpd_tls_loglevel = 1
smtputf8_enable = yes
relayhost = {relayhost}
virtual_mailbox_domains = fix.test
virtual_mailbox_base = {f}/mail
virtual_mailbox_maps = inline:{{{boxes}}}
virtual_uid_maps = static:65534
virtual_gid_maps = static:65534
virtual_minimum_uid = 100
{more}"""))
        with open(f"{f}/conf/master.cf", "w") as master:
            for address in self.addresses or [self.address]:
                master.write(f"{address}:{self.port} inet n - n - - smtpd\n")
            master.write(SERVICES)
        subprocess.run([*self.before, POSTFIX, "-c", f"{f}/conf", "start"], check=True, capture_output=True)

        def greeting():
            with contextlib.suppress(OSError, smtplib.SMTPException), smtplib.SMTP(self.address, self.port, timeout=2):
                return True
        until(greeting)
        return self

    def stop(self):
        subprocess.run([POSTFIX, "-c", f"{self.folder}/conf", "stop"], capture_output=True, check=False)

    def log(self):
        with contextlib.suppress(OSError), open(f"{self.folder}/mail.log", errors="replace") as log:
            return log.read()
        return ""

    def wait_mails(self, user, count=1):
        """All in the mailbox, as bytes, with Postfix's line ends."""
        until(lambda: len(glob.glob(f"{self.folder}/mail/{user}/new/*")) >= count)
        return [open(name, "rb").read() for name in glob.glob(f"{self.folder}/mail/{user}/new/*")]


class Logins:
    """Dovecot, which checks passwords for Postfix: anna's is `secret word`."""

    def __init__(self, folder):
        self.folder = f"{folder}/logins"
        self.socket = f"{self.folder}/run/for-postfix"
        os.makedirs(self.folder)
        os.chmod(self.folder, 0o755)
        with open(f"{self.folder}/users", "w") as f:
            f.write("anna:{PLAIN}secret word::::::\n")
        with open(f"{self.folder}/dovecot.conf", "w") as f:
            f.write(f"""base_dir = {self.folder}/run
state_dir = {self.folder}/state
log_path = {self.folder}/log
protocols =
ssl = no
auth_mechanisms = plain login
passdb {{
  driver = passwd-file
  args = username_format=%u {self.folder}/users
}}
userdb {{
  driver = static
  args = uid=65534 gid=65534 home=/nonexistent
}}
service auth {{
  unix_listener for-postfix {{
    mode = 0666
  }}
}}
""")
        self.process = subprocess.Popen([DOVECOT, "-F", "-c", f"{self.folder}/dovecot.conf"], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        until(lambda: os.path.exists(self.socket))

    def stop(self):
        self.process.terminate()
        self.process.wait(PATIENCE)
