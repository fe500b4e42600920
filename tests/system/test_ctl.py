"""The command line without a server: users, aliases, words that are wrong, exit codes."""
import json, os, pty, stat, subprocess, threading, time

import pytest

from conftest import BUILD


class Tree:
    def __init__(self, folder):
        self.folder = str(folder)
        for name in ("state", "run"):
            os.mkdir(f"{folder}/{name}")
        self.file = f"{folder}/postrider.conf"
        with open(self.file, "w") as f:
            f.write(f'hostname = mx.example.test\nadmin = alice@example.test\nstate = "{folder}/state"\nruntime = "{folder}/run"\n'
                    'domain example.test { }\nlisten mx { port = 2525 }\n')

    def run(self, *words, input="", env=None):
        return subprocess.run([f"{BUILD}/postrider", "-c", self.file, *words], capture_output=True, text=True, input=input, timeout=60,
                              env=dict(os.environ, **(env or {})))

    def json(self, *words):
        return [json.loads(line) for line in self.run(*words, "--json").stdout.splitlines()]

    def add(self, address, password="a long enough password"):
        return self.run("user", "add", address, "--password-stdin", input=password + "\n")

    def users(self):
        with open(f"{self.folder}/state/users") as f:
            return f.read()


@pytest.fixture
def tree(tmp_path):
    return Tree(tmp_path)


def test_a_user_is_added_listed_changed_and_removed(tree):
    assert tree.add("Anna@Example.test").returncode == 0
    assert tree.add("ben@example.test").returncode == 0
    assert tree.json("user", "list") == [{"address": "Anna@example.test", "disabled": False}, {"address": "ben@example.test", "disabled": False}]
    before = tree.users()
    assert tree.run("user", "passwd", "anna@example.test", "--password-stdin", input="another one\n").returncode == 0
    after = tree.users()
    assert before.splitlines()[0] != after.splitlines()[0] and before.splitlines()[1] == after.splitlines()[1]
    assert tree.run("user", "disable", "anna@example.test").returncode == 0
    assert "Anna@example.test\tdisabled" in tree.run("user", "list").stdout
    assert tree.run("user", "enable", "anna@example.test").returncode == 0
    assert tree.users() == after
    assert tree.run("user", "remove", "ANNA@example.test").returncode == 0
    assert [row["address"] for row in tree.json("user", "list")] == ["ben@example.test"]


def test_a_row_holds_hashes_and_never_the_password(tree):
    tree.add("anna@example.test", "correct horse battery staple")
    address, password, flags = tree.users().rstrip("\n").split("\t")
    assert address == "anna@example.test" and flags == "-"
    assert password.startswith("$y$") and " SCRAM-SHA-256$" in password and "horse" not in password
    assert stat.S_IMODE(os.stat(f"{tree.folder}/state/users").st_mode) == 0o600


def test_users_that_are_there_or_not_or_wrong(tree):
    tree.add("anna@example.test")
    again = tree.add("ANNA@example.test")
    assert again.returncode == 73 and "passwd" in again.stderr
    for verb in ("remove", "disable", "enable"):
        assert tree.run("user", verb, "nobody@example.test").returncode == 67
    assert tree.run("user", "passwd", "nobody@example.test", "--password-stdin", input="x\n").returncode == 67
    for wrong in ("anna", "@example.test", "a b@example.test", "anna@", "a@b@c"):
        assert tree.add(wrong).returncode == 65, wrong
    for password in ("", "tab\there", "x" * 256):
        assert tree.add("carl@example.test", password).returncode == 65
    assert [row["address"] for row in tree.json("user", "list")] == ["anna@example.test"]


def test_nobody_is_asked_for_a_password_that_is_for_nobody(tree):
    """There is no terminal here: who is asked gets 64."""
    tree.add("anna@example.test")
    assert tree.run("user", "add", "anna@example.test").returncode == 73
    done = tree.run("user", "passwd", "nobody@example.test")
    assert done.returncode == 67 and "there is no user nobody@example.test" in done.stderr
    assert tree.run("user", "token", "list", "nobody@example.test").returncode == 67
    assert tree.run("user", "token", "list", "nobody").returncode == 65
    assert tree.run("user", "token", "list", "ANNA@example.test").returncode == 0


def test_without_a_terminal_the_password_is_never_asked_for(tree):
    done = tree.run("user", "add", "anna@example.test", input="secret\n")
    assert done.returncode == 64 and "--password-stdin" in done.stderr


def test_the_terminal_is_asked_twice_and_shows_nothing(tree):
    pid, fd = pty.fork()
    if pid == 0:
        os.execv(f"{BUILD}/postrider", ["postrider", "-c", tree.file, "user", "add", "anna@example.test"])
    shown = b""
    for prompt in (b"password: ", b"again: "):
        while not shown.endswith(prompt):
            shown += os.read(fd, 1024)
        os.write(fd, b"typed-in-the-dark\n")
    try:
        while True:
            more = os.read(fd, 1024)
            if not more:
                break
            shown += more
    except OSError:
        pass
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert b"typed-in-the-dark" not in shown and "anna@example.test" in tree.users()


def test_many_writers_lose_nothing(tree):
    threads = [threading.Thread(target=tree.add, args=(f"u{n}@example.test",)) for n in range(12)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert {row["address"] for row in tree.json("user", "list")} == {f"u{n}@example.test" for n in range(12)}
    assert sorted(os.listdir(f"{tree.folder}/state")) == ["users"]


def test_a_kill_at_any_moment_leaves_a_whole_file(tree):
    tree.add("first@example.test")
    for n in range(15):
        p = subprocess.Popen([f"{BUILD}/postrider", "-c", tree.file, "user", "add", f"k{n}@example.test", "--password-stdin"], stdin=subprocess.PIPE,
                             stderr=subprocess.DEVNULL)
        p.stdin.write(b"a long enough password\n")
        p.stdin.close()
        time.sleep(0.004 * n)
        p.kill()
        p.wait()
        rows = tree.users().splitlines()
        assert rows[0].startswith("first@") and all(row.count("\t") == 2 for row in rows)
    assert tree.add("last@example.test").returncode == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_what_root_writes_belongs_to_the_folder_s_owner_and_follows_no_link(tree):
    os.chown(f"{tree.folder}/state", 12345, 12346)
    tree.add("anna@example.test")
    st = os.stat(f"{tree.folder}/state/users")
    assert (st.st_uid, st.st_gid) == (12345, 12346)
    victim = f"{tree.folder}/victim"
    with open(victim, "w") as f:
        f.write("mine")
    os.symlink(victim, f"{tree.folder}/state/users.new")
    assert tree.add("ben@example.test").returncode == 0
    os.remove(f"{tree.folder}/state/users")
    os.symlink(victim, f"{tree.folder}/state/users")
    assert tree.add("carl@example.test").returncode != 0
    assert open(victim).read() == "mine" and os.stat(victim).st_uid == 0


def test_aliases_are_added_listed_and_removed(tree):
    assert tree.run("alias", "add", "team@example.test", "anna@example.test", '"b c"@example.net').returncode == 0
    assert tree.json("alias", "list") == [{"address": "team@example.test", "to": ["anna@example.test", '"b c"@example.net']}]
    assert tree.run("alias", "add", "TEAM@example.test", "ben@example.test").returncode == 0
    assert [row["to"] for row in tree.json("alias", "list")] == [["ben@example.test"]]
    assert tree.run("alias", "add", "team@example.test", "|rm").returncode == 65
    assert tree.run("alias", "remove", "none@example.test").returncode == 67
    assert tree.run("alias", "remove", "team@example.test").returncode == 0
    assert tree.json("alias", "list") == []


def test_an_alias_that_is_replaced_is_told(tree):
    tree.run("alias", "add", "team@example.test", "anna@example.test", "ben@example.net")
    done = tree.run("alias", "add", "team@example.test", "carl@example.test")
    assert done.returncode == 0 and "it was before: team@example.test: anna@example.test, ben@example.net\n" in done.stderr
    assert tree.run("alias", "add", "team@example.test", "carl@example.test").stderr == ""
    assert tree.json("alias", "list") == [{"address": "team@example.test", "to": ["carl@example.test"]}]


def test_aliases_that_were_written_by_hand_are_understood(tree):
    by_hand = ('# of the club\n\nteam@example.test: anna@example.test,\n\t"b c@example.net", # and\n  ben\n# of the shop\n'
               '"shop@example.test" : anna@example.test\n')
    with open(f"{tree.folder}/state/aliases", "w") as f:
        f.write(by_hand)
    assert tree.json("alias", "list") == [{"address": "team@example.test", "to": ["anna@example.test", '"b c"@example.net', "ben@example.test"]},
                                          {"address": "shop@example.test", "to": ["anna@example.test"]}]
    assert tree.run("alias", "list").stdout.splitlines()[1] == "shop@example.test: anna@example.test"
    assert tree.run("alias", "remove", "team@example.test").returncode == 0
    with open(f"{tree.folder}/state/aliases") as f:
        assert f.read() == "# of the club\n\n# of the shop\n\"shop@example.test\" : anna@example.test\n"
    assert tree.run("alias", "add", "shop@example.test", "ben@example.test").returncode == 0
    assert tree.json("alias", "list") == [{"address": "shop@example.test", "to": ["ben@example.test"]}]
    with open(f"{tree.folder}/state/aliases", "a") as f:
        f.write("bad@example.test: |rm -rf\nmore\n")
    listed = tree.run("alias", "list", "--json")
    assert listed.stdout.count("\n") == 2 and "aliases:5: commands" in listed.stderr and "aliases:6: a colon" in listed.stderr


def test_an_address_whose_domain_is_not_ours_is_refused(tree):
    for done in tree.add("anna@exmaple.test"), tree.run("alias", "add", "anna@exmaple.test", "ben@example.test"):
        assert done.returncode == 65 and "exmaple.test is no domain of this server" in done.stderr and "did you mean example.test?" in done.stderr
    assert not os.path.exists(f"{tree.folder}/state/users")
    assert tree.add("anna@EXAMPLE.test").returncode == 0
    assert tree.run("alias", "add", "team@example.test", "anna@elsewhere.example").returncode == 0


def test_without_a_state_folder_it_is_said_how_to_make_it(tree):
    """The mode is that of `serve`: other users walk through it to leave mail in state/drop."""
    os.rename(f"{tree.folder}/state", f"{tree.folder}/kept")
    for words in (["user", "add", "x@example.test", "--password-stdin"], ["dkim", "keygen", "example.test"]):
        done = tree.run(*words, input="a long enough password\n")
        assert done.returncode == 73
        assert f"install -d -m 711 -o postrider -g postrider {tree.folder}/state" in done.stderr


def test_without_a_server_69_tells_how_to_start_it(tree):
    for words in (["status"], ["reload"], ["stop"], ["queue", "list"], ["queue", "cat", "01JD4Z7Q"], ["queue", "delete", "state:held"], ["trace", "x"],
                  ["why", "x"], ["alias", "expand", "anna@example.test"]):
        done = tree.run(*words)
        assert done.returncode == 69 and "postrider serve" in done.stderr and done.stdout == "", words


def test_wrong_words_exit_64_and_say_what_to_type(tree):
    for words, told in ((["quue", "list"], "did you mean `queue`?"), (["queue", "lst"], "there is no command `queue lst`; did you mean `queue list`?"), (["queue"], "needs another word"),
                        (["queue", "list", "--jsn"], "did you mean `--json`?"), (["queue", "list", "age>2"], "it looks like age>2h"),
                        (["queue", "list", "anna@example.test"], "to:ADDRESS or from:ADDRESS"), (["queue", "delete"], "usage: postrider queue delete FILTER"),
                        (["queue", "show", "state:held"], "this is no id"), (["user", "add"], "usage: postrider user add ADDRESS"), (["--nonsense"], "-c FILE")):
        done = tree.run(*words)
        assert done.returncode == 64 and told in done.stderr, (words, done.stderr)


def test_an_option_without_its_file_says_what_is_missing():
    done = subprocess.run([f"{BUILD}/postrider", "-c"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 64 and done.stderr == "postrider: -c needs the name of a file behind it\n"


def test_help_is_to_be_had_for_each_group_of_commands(tree):
    for words in (["queue", "--help"], ["queue", "-h"], ["--help", "queue"], ["help", "queue"]):
        done = tree.run(*words)
        assert done.returncode == 0 and done.stderr == "" and "postrider queue list [FILTER]" in done.stdout and "user add" not in done.stdout, words


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_who_may_not_read_the_state_is_not_told_that_it_is_missing(folder):
    os.chmod(folder, 0o755)
    tree = Tree(folder)
    os.chmod(f"{folder}/state", 0o711)
    for words in (["user", "list"], ["dkim", "keygen", "example.test"]):
        done = subprocess.run(["setpriv", "--reuid=65534", "--clear-groups", f"{BUILD}/postrider", "-c", tree.file, *words], capture_output=True, text=True)
        assert done.returncode == 77 and "you may not read" in done.stderr and "there is no folder" not in done.stderr


def test_a_broken_configuration_exits_78(tree):
    with open(tree.file, "a") as f:
        f.write("nonsense = 1\n")
    for words in (["user", "list"], ["status"], ["queue", "list"]):
        done = tree.run(*words)
        assert done.returncode == 78 and "there is no option `nonsense`" in done.stderr


def test_version_help_and_completion_come_from_the_table(tree):
    version = tree.run("--version")
    assert version.stdout.startswith("postrider ") and version.stdout.count("\n") == 1
    commands = tree.run("--help").stdout
    for words in ("serve", "queue list [FILTER] [--json]", "user add ADDRESS [--password-stdin]", "queue delete FILTER [--yes] [--erase]"):
        assert f"postrider {words}\n" in commands
    assert "queue" in tree.run("completion", "bash").stdout
    assert subprocess.run(["bash", "-n"], input=tree.run("completion", "bash").stdout, text=True).returncode == 0


def test_the_environment_names_the_configuration(tree):
    done = subprocess.run([f"{BUILD}/postrider", "user", "list"], capture_output=True, text=True, env=dict(os.environ, POSTRIDER_CONFIG=tree.file))
    assert done.returncode == 0


def test_no_colour_and_no_talk_in_data(tree):
    tree.add("anna@example.test")
    assert tree.run("user", "list").stdout == "anna@example.test\n"
    assert "\033" not in tree.run("--help").stdout
