"""SPF before the suite of RFC 7208 that the pyspf project keeps: $SPF_SUITE names the file, which is not ours to carry."""
import ipaddress, os, subprocess

import pytest
import yaml

from conftest import BUILD

JUDGE = f"{BUILD}/tests/judges/spf_suite"
SUITE = os.environ.get("SPF_SUITE")
TYPES = {"A": 1, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": 28}
# What may differ, in explanations alone, each with its reason.
MAY_DIFFER = {}
pytestmark = pytest.mark.skipif(not SUITE, reason="SPF_SUITE names no file")


def as_bytes(value):
    # The file's strings are bytes: what is above 127 stands there as Latin-1.
    return value if isinstance(value, bytes) else str(value).encode("latin-1", "replace")


def encode(kind, value):
    if kind == "A":
        return ipaddress.IPv4Address(value).packed
    if kind == "AAAA":
        return ipaddress.IPv6Address(value).packed
    if kind == "MX":
        return int(value[0]).to_bytes(2, "big") + as_bytes(value[1]).rstrip(b".")
    if kind == "TXT":
        return b"".join(map(as_bytes, value)) if isinstance(value, list) else as_bytes(value)
    return as_bytes(value).rstrip(b".")


class Zone:
    """What a resolver would say: the driver of the suite copies SPF records to TXT where a name has no TXT."""

    def __init__(self, data):
        self.rows, self.aliases, self.names = {}, {}, set()
        for name, entries in data.items():
            name = name.lower()
            self.names.add(name)
            kinds = {kind for entry in entries if isinstance(entry, dict) for kind in entry}
            for entry in entries:
                if entry == "TIMEOUT":
                    for kind in TYPES:
                        if (name, kind) not in self.rows:
                            self.rows[name, kind] = None
                    continue
                for kind, value in entry.items():
                    if kind == "CNAME":
                        self.aliases[name] = value.lower().rstrip(".")
                        continue
                    if kind == "SPF":
                        if "TXT" in kinds:
                            continue
                        kind = "TXT"
                    if value == "TIMEOUT":
                        self.rows[name, kind] = None
                    elif value != "NONE":
                        self.rows.setdefault((name, kind), []).append(encode(kind, value))

    def answer(self, name, kind):
        for _ in range(10):
            if (name, kind) in self.rows or name not in self.aliases:
                break
            name = self.aliases[name]
        return self.rows.get((name, kind), [])

    def lines(self):
        yield "zone"
        for name in self.names | set(self.aliases):
            owner = name.encode().hex()
            yield f"record 2 {owner} -"  # the name is there
            for kind, number in TYPES.items():
                found = self.answer(name, kind)
                if found is None:
                    yield f"fail {number} {owner}"
                else:
                    yield from (f"record {number} {owner} {data.hex() or '-'}" for data in found)


def ask(zone, checks, times=1):
    """checks: (ip, helo, sender); one row each."""
    lines = [*zone.lines(), *(f"check {times} {ip} {helo.encode('latin-1').hex() or '-'} {sender.encode('utf-8').hex() or '-'}" for ip, helo, sender in checks)]
    done = subprocess.run([JUDGE], input="\n".join(lines) + "\n", capture_output=True, text=True, check=True, timeout=120)
    rows = [line.split(" ", 6) for line in done.stdout.splitlines()]
    assert len(rows) == len(checks), done.stderr
    return [(result, "" if exp == "-" else bytes.fromhex(exp).decode(), why) for result, exp, *_, why in rows]


def cases():
    with open(SUITE, encoding="utf-8") as f:
        for scenario in yaml.safe_load_all(f):
            zone = Zone(scenario["zonedata"])
            tests = list(scenario["tests"].items())
            said = ask(zone, [(t["host"], t["helo"], t["mailfrom"] or "") for _, t in tests])
            for (name, test), row in zip(tests, said):
                yield name, test, row


def test_the_suite():
    n, wrong, differs = 0, [], []
    for name, test, (result, explanation, why) in cases():
        n += 1
        wanted = test["result"] if isinstance(test["result"], list) else [test["result"]]
        if result not in wanted:
            wrong.append((name, wanted, result, why))
        elif "explanation" in test and result == "fail" and explanation != ("" if test["explanation"] == "DEFAULT" else test["explanation"]):
            differs.append((name, test["explanation"], explanation))
    print(f"{n} cases, {n - len(wrong)} results, {n - len(wrong) - len(differs)} whole")
    assert n == 203
    assert not wrong, wrong
    assert {name for name, *_ in differs} <= set(MAY_DIFFER), differs
