#!/usr/bin/python3
"""systemd.py UNIT COMMAND…: runs it with the capabilities, system calls and address families that the unit file leaves a
service, by systemd's own lists; what systemd does with the file system is not done."""
import ctypes, errno, os, re, socket, subprocess, sys

KILL, ERRNO, ALLOW = 0x80000000, 0x00050000, 0x7FFF0000
EQUAL = 4
FAMILIES = 46


class Argument(ctypes.Structure):
    _fields_ = [("number", ctypes.c_uint), ("how", ctypes.c_int), ("value", ctypes.c_uint64), ("more", ctypes.c_uint64)]


def words(unit, name):
    return " ".join(re.findall(rf"^{name}=(.*)$", unit, re.M)).split()


def calls(name):
    """Those that a word of SystemCallFilter stands for."""
    if not name.startswith("@"):
        return {name}
    told = subprocess.run(["systemd-analyze", "--no-pager", "syscall-filter", name], capture_output=True, text=True)
    assert told.returncode == 0, f"systemd does not know {name}: {told.stderr}"
    found = (line.strip() for line in told.stdout.splitlines() if line.startswith("    "))
    return set().union(*(calls(word) for word in found if not word.startswith("#")))


def filters(unit):
    """Two: of system calls, and of the families of sockets."""
    lib = ctypes.CDLL("libseccomp.so.2")
    lib.seccomp_init.restype = ctypes.c_void_p
    lib.seccomp_rule_add_array.argtypes = [ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int, ctypes.c_uint, ctypes.c_void_p]
    lib.seccomp_load.argtypes = [ctypes.c_void_p]
    number = words(unit, "SystemCallErrorNumber")
    by_call = lib.seccomp_init(ERRNO | getattr(errno, number[0]) if number else KILL)
    for name in set().union(*(calls(word) for word in ["@default", *words(unit, "SystemCallFilter")])):
        call = lib.seccomp_syscall_resolve_name(name.encode())
        if call != -1:
            assert lib.seccomp_rule_add_array(by_call, ALLOW, call, 0, None) == 0, name
    by_family = lib.seccomp_init(ALLOW)
    allowed = {int(getattr(socket, family)) for family in words(unit, "RestrictAddressFamilies")}
    for family in set(range(FAMILIES)) - allowed:
        one = Argument(0, EQUAL, family, 0)
        assert lib.seccomp_rule_add_array(by_family, ERRNO | errno.EAFNOSUPPORT, lib.seccomp_syscall_resolve_name(b"socket"), 1, ctypes.byref(one)) == 0
    return lib, [by_family, by_call]


def main(file, *command):
    with open(file) as f:
        unit = f.read()
    if not os.environ.get("SYSTEMD_PY_BOUNDED"):
        bound = ",".join(["-all", *("+" + word.removeprefix("CAP_").lower() for word in words(unit, "CapabilityBoundingSet"))])
        os.environ["SYSTEMD_PY_BOUNDED"] = "1"
        os.execvp("setpriv", ["setpriv", f"--bounding-set={bound}", sys.executable, os.path.abspath(__file__), file, *command])
    lib, both = filters(unit)
    assert ctypes.CDLL(None).prctl(38, 1, 0, 0, 0) == 0     # no new privileges, which filters ask for
    for one in both:
        assert lib.seccomp_load(one) == 0
    os.execv(command[0], command)


if __name__ == "__main__":
    main(*sys.argv[1:])
