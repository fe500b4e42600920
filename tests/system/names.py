"""The DNS for tests: a root of its own by NSD, Unbound that validates it, and a server that does what the test says."""
import contextlib, os, socket, struct, subprocess, threading

import dns.flags, dns.message, dns.query, dns.resolver, dns.rrset

from conftest import PATIENCE, free_port, until

ADDRESS = "127.0.0.1"


def both_port():
    """A port that is free for UDP and for TCP."""
    while True:
        port = free_port()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s, contextlib.suppress(OSError):
            s.bind((ADDRESS, port))
            return port


class Program:
    """A name server in the foreground; where() is what `servers` in postrider.conf takes."""

    def __init__(self, folder, name, address=ADDRESS, port=None):
        self.folder, self.name, self.address, self.port = f"{folder}/{name}", name, address, port or both_port()
        os.makedirs(self.folder, exist_ok=True)
        self.process = None

    def where(self):
        return f"{self.address}:{self.port}"

    def launch(self, *words):
        with open(f"{self.folder}/log", "ab") as log:
            self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        until(self.answers)
        return self

    def answers(self):
        assert self.process.poll() is None, open(f"{self.folder}/log").read()
        with contextlib.suppress(Exception):
            return dns.query.udp(dns.message.make_query(".", "SOA"), self.address, 0.5, self.port)

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(PATIENCE)


SOA = "@ 600 IN SOA ns.test. admin.test. 1 3600 900 86400 300\n"


class Nsd(Program):
    """Authoritative for zones given as text, "." among them: {"plain.": "…", ".": "…"}; those in `signed` are signed, their
    trust anchors are in anchors()."""

    def start(self, zones, signed=()):
        conf = f"""server:
    ip-address: {self.address}@{self.port}
    server-count: 1
    rrl-ratelimit: 0
    username: ""
    zonesdir: "{self.folder}"
    database: ""
    pidfile: ""
    zonelistfile: "{self.folder}/zone.list"
    xfrdfile: "{self.folder}/xfrd.state"
    xfrdir: "{self.folder}"
remote-control:
    control-enable: no
"""
        for zone, text in zones.items():
            file = f"{zone.strip('.') or 'root'}.zone"
            with open(f"{self.folder}/{file}", "w") as f:
                f.write(f"$ORIGIN {zone}\n$TTL 600\n{SOA}{text}\n")
            if zone in signed:
                self.sign(zone, file)
                file += ".signed"
            conf += f'zone:\n    name: "{zone}"\n    zonefile: "{file}"\n'
        with open(f"{self.folder}/nsd.conf", "w") as f:
            f.write(conf)
        return self.launch("nsd", "-d", "-c", f"{self.folder}/nsd.conf")

    def sign(self, zone, file):
        self.key = subprocess.run(["ldns-keygen", "-a", "ECDSAP256SHA256", "-k", zone], cwd=self.folder, check=True, capture_output=True, text=True).stdout.strip()
        subprocess.run(["ldns-signzone", "-o", zone, file, self.key], cwd=self.folder, check=True, capture_output=True)

    def anchors(self):
        return f"{self.folder}/{self.key}.key"


class Unbound(Program):
    """A resolver that knows no world but that Nsd's."""

    def start(self, nsd, validates=True):
        with open(f"{self.folder}/unbound.conf", "w") as f:
            f.write(f"""server:
    interface: {self.address}@{self.port}
    port: {self.port}
    do-daemonize: no
    do-not-query-localhost: no
    access-control: 127.0.0.0/8 allow
    username: ""
    chroot: ""
    directory: "{self.folder}"
    pidfile: ""
    use-syslog: no
    logfile: ""
    module-config: "{'validator iterator' if validates else 'iterator'}"
    {f'trust-anchor-file: "{nsd.anchors()}"' if validates else ''}
    local-zone: "test." nodefault
    local-zone: "2.0.192.in-addr.arpa." nodefault
stub-zone:
    name: "."
    stub-addr: {ADDRESS}@{nsd.port}
""")
        return self.launch("unbound", "-d", "-c", f"{self.folder}/unbound.conf")

    def ask(self, name, kind):
        """What an independent resolver library finds: a sorted list of texts."""
        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers, resolver.port, resolver.lifetime = [ADDRESS], self.port, PATIENCE
        return sorted(str(record) for record in resolver.resolve(name, kind))


class Liar:
    """A server that does what `lie(query, is_tcp)` says: it returns a list of packets (bytes) or messages to send, in order.
    Questions that came are in .heard, as (name, type, is_tcp), and the ports and ids of those by UDP in .peers."""

    def __init__(self, lie=None, tcp=True, address=ADDRESS, port=None):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.lie, self.heard, self.peers, self.address, self.port = lie or self.truth, [], [], address, port or both_port()
        self.udp = socket.socket(family, socket.SOCK_DGRAM)
        self.udp.bind((address, self.port))
        self.tcp = socket.socket(family) if tcp else None
        if tcp:
            self.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.tcp.bind((address, self.port))
            self.tcp.listen(50)
            threading.Thread(target=self.accept, daemon=True).start()
        threading.Thread(target=self.receive, daemon=True).start()

    def where(self):
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"

    @staticmethod
    def truth(query, is_tcp=False):
        """192.0.2.1, whatever the name; a mail exchanger; nothing else."""
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.RA
        name, kind = query.question[0].name, query.question[0].rdtype
        if kind == 1:
            answer.answer.append(dns.rrset.from_text(name, 300, "IN", "A", "192.0.2.1"))
        elif kind == 15:
            answer.answer.append(dns.rrset.from_text(name, 300, "IN", "MX", f"10 mx.{name}"))
        else:
            answer.authority.append(dns.rrset.from_text(name, 300, "IN", "SOA", "ns.test. a.test. 1 2 3 4 300"))
        return [answer]

    def told(self, name):
        return [heard for heard in self.heard if heard[0] == name]

    def answers(self, bytes, is_tcp):
        query = dns.message.from_wire(bytes)
        self.heard.append((str(query.question[0].name).rstrip("."), query.question[0].rdtype, is_tcp))
        for packet in self.lie(query, is_tcp):
            yield packet if isinstance(packet, type(b"")) else packet.to_wire(max_size=65535)

    def receive(self):
        with contextlib.suppress(OSError):
            while True:
                bytes, peer = self.udp.recvfrom(4096)
                if not bytes:  # it was stopped
                    return
                threading.Thread(target=self.reply, args=(bytes, peer), daemon=True).start()

    def reply(self, bytes, peer):
        self.peers.append((peer[1], bytes[:2]))
        with contextlib.suppress(OSError):
            for packet in self.answers(bytes, False):
                self.udp.sendto(packet, peer)

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.tcp.accept()
                threading.Thread(target=self.talk, args=(connection,), daemon=True).start()

    def talk(self, connection):
        with connection, contextlib.suppress(OSError, struct.error):
            stream = connection.makefile("rwb")
            while True:
                length, = struct.unpack(">H", stream.read(2))
                for packet in self.answers(stream.read(length), True):
                    stream.write(struct.pack(">H", len(packet)) + packet)
                    stream.flush()

    def stop(self):
        for s in filter(None, (self.udp, self.tcp)):
            with contextlib.suppress(OSError):
                s.shutdown(socket.SHUT_RDWR)
            s.close()
