"""Machines of a test's own: network namespaces around one bridge, with addresses that the world could have."""
import contextlib, ctypes, os, shutil, subprocess

CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)


def can():
    """Whether namespaces can be made here."""
    if os.geteuid() != 0 or not shutil.which("ip"):
        return False
    name = f"try-{os.getpid()}"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True).returncode == 0
    links = made and subprocess.run(["ip", "-n", name, "link", "add", "v0", "type", "veth", "peer", "name", "v1"], capture_output=True).returncode == 0
    bridge = made and subprocess.run(["ip", "-n", name, "link", "add", "b0", "type", "bridge"], capture_output=True).returncode == 0
    if made:
        subprocess.run(["ip", "netns", "del", name], check=True)
    return links and bridge


class Net:
    """Each machine has a number n: 11.77.0.n and 2600:77::n. The one in the middle, with the bridge, is 53."""

    def __init__(self):
        self.names = {}
        self.add_namespace(53)
        self.ip(53, "link add hub type bridge")
        self.ip(53, "link set hub up")
        self.give(53, "hub")

    def name(self, n):
        return self.names[n]

    def add_namespace(self, n):
        self.names[n] = f"pr-{os.getpid()}-{n}"
        subprocess.run(["ip", "netns", "add", self.names[n]], check=True)
        self.ip(n, "link set lo up")
        os.makedirs(f"/etc/netns/{self.names[n]}", exist_ok=True)    # `ip netns exec` shows it as /etc/resolv.conf
        with open(f"/etc/netns/{self.names[n]}/resolv.conf", "w") as f:
            f.write("nameserver 11.77.0.53\n")

    def ip(self, n, words):
        subprocess.run(["ip", "-n", self.names[n], *words.split()], check=True)

    def give(self, n, link):
        self.ip(n, f"addr add 11.77.0.{n}/24 dev {link}")
        self.ip(n, f"addr add 2600:77::{n}/64 dev {link} nodad")

    def add(self, n):
        self.add_namespace(n)
        self.ip(n, f"link add eth0 type veth peer name to{n} netns {self.names[53]}")
        self.ip(53, f"link set to{n} master hub up")
        self.ip(n, "link set eth0 up")
        self.give(n, "eth0")

    def run(self, n):
        return ["ip", "netns", "exec", self.names[n]]

    @contextlib.contextmanager
    def inside(self, n):
        """Sockets that are made, and programs that are started, are there."""
        with open("/proc/self/ns/net") as home, open(f"/run/netns/{self.names[n]}") as there:
            enter(there)
            try:
                yield
            finally:
                enter(home)

    def remove(self):
        for name in self.names.values():
            subprocess.run(["ip", "netns", "del", name], check=False)
            shutil.rmtree(f"/etc/netns/{name}", ignore_errors=True)
        with contextlib.suppress(OSError):
            os.rmdir("/etc/netns")


def enter(namespace):
    if LIBC.setns(namespace.fileno(), CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")
