"""postrider config: check, show, explain, value, on the real binaries; no server runs."""
import json, os, re, subprocess

import pytest

from conftest import BUILD

GOOD = """hostname = mx.example.test
admin = alice@example.test
domain example.test { srs = off } events { keep = 30d }
listen mx { port = 2525 address = "127.0.0.1" max_size = 10MB }
"""


@pytest.fixture
def config(tmp_path):
    def run(text, *words):
        file = tmp_path / "postrider.conf"
        file.write_bytes(text.encode() if isinstance(text, str) else text)
        return subprocess.run([f"{BUILD}/postrider", "-c", str(file), "config", *words], capture_output=True, text=True, timeout=60)
    run.file = tmp_path / "postrider.conf"
    return run


def test_what_is_right_exits_0_and_notes_what_has_no_effect_yet(config):
    done = config(GOOD, "check")
    assert done.returncode == 0 and "good" in done.stderr and done.stdout == ""
    assert f"{config.file}:3: note: `keep` has no effect yet" in done.stderr


def test_errors_exit_78_with_file_line_caret_and_suggestion(config):
    done = config(GOOD.replace("max_size", "max_sise").replace("alice@", ""), "check")
    assert done.returncode == 78
    assert f"{config.file}:2: `example.test` is no mail address\n    admin = example.test\n            ^\n" in done.stderr
    assert f"{config.file}:4: there is no option `max_sise` in `listen`; did you mean `max_size`?" in done.stderr
    assert "2 errors" in done.stderr


def test_check_as_objects(config):
    done = config(GOOD.replace("10MB", "10mb"), "check", "--json")
    row, = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 78 and row["line"] == 4 and row["column"] == 58 and row["level"] == "error" and "10mb" in row["message"]


def test_a_missing_file_a_folder_and_another_file(config, tmp_path):
    config(GOOD, "check")
    assert config(GOOD, "check", str(tmp_path / "none")).returncode == 78
    assert config(GOOD, "check", str(tmp_path)).returncode == 78
    assert config("broken", "check").returncode == 78
    other = tmp_path / "other.conf"
    other.write_text(GOOD)
    assert config("broken", "check", str(other)).returncode == 0


def test_files_that_the_server_would_not_take_are_warned_of(config, tmp_path):
    """They may be there where it runs: no error, but who asks before a reload hears why it will be refused."""
    (tmp_path / "cert.pem").write_text("no certificate")
    (tmp_path / "key.pem").write_text("no key")
    text = (f'tls {{ certificate = "{tmp_path}/cert.pem" key = "{tmp_path}/key.pem" }}\n' +
            GOOD.replace("srs = off", f'aliases = "{tmp_path}/aliases"'))
    done = config(text, "check")
    assert done.returncode == 0 and "good" in done.stderr
    assert f"{config.file}: warning: {tmp_path}/cert.pem: there is no certificate in it\n" in done.stderr
    assert f"{config.file}: warning: {tmp_path}/aliases: No such file or directory\n" in done.stderr
    (tmp_path / "aliases").write_text("")
    assert "aliases" not in config(text, "check").stderr


def test_a_configuration_without_a_domain_is_warned_of(config):
    words = "there is no `domain` section: nobody has mail here"
    assert words in config("listen mx { port = 25 }\n", "check").stderr and words not in config(GOOD, "check").stderr


def test_a_folder_without_certificates_is_warned_of(config, tmp_path):
    (tmp_path / "live").mkdir()
    (tmp_path / "live" / "README").write_text("certbot's words")
    for folder in (tmp_path / "live", tmp_path / "none"):
        done = config(f'tls {{ directory = "{folder}" }}\n' + GOOD, "check")
        assert done.returncode == 0 and f"{config.file}: warning: {folder} holds no certificate" in done.stderr


@pytest.mark.parametrize("text,mode,warning", [("anna:secret\n", 0o600, None), (None, 0, "No such file or directory"),
                                               ("anna secret\n", 0o600, "its first line should be user:password"),
                                               ("anna:secret\nberta:other\n", 0o600, "only its first line counts, the one of anna"),
                                               ("anna:secret\n", 0o644, "everybody may read it; mend it with: chmod 600")])
def test_login_files_are_looked_into(config, tmp_path, text, mode, warning):
    login = tmp_path / "login"
    if text is not None:
        login.write_text(text)
        login.chmod(mode)
    done = config(GOOD + f'route "*" {{ via = "smart.example:587" login_file = "{login}" }}\n', "check")
    assert done.returncode == 0 and "secret" not in done.stderr and "other" not in done.stderr
    warnings = [line for line in done.stderr.splitlines() if "warning" in line]
    if warning:
        assert [line for line in warnings if f"{login}: {warning}" in line] == warnings and len(warnings) == 1
    else:
        assert not warnings


def test_lines_of_the_tables_that_do_not_count_are_named(config, tmp_path):
    """As the server will name them: it goes on without them."""
    state = tmp_path / "state"
    state.mkdir()
    (state / "users").write_text("alice@example.test\t$y$j9T$x$y\t-\nbob@example.test\nalice@example.test\t$y$j9T$x$y\t-\n")
    (state / "tokens").write_text("\nwhat is this\n")
    (state / "aliases").write_text("info@example.test: alice@\n")
    (tmp_path / "aliases").write_text("sales: alice\nsales: bob\nall: :include:list, :include:none\n")
    (tmp_path / "list").write_text("alice\n@b\n")
    (tmp_path / "there").write_text("x@back.test\n\nnobody\n")
    text = (f'state = "{state}"\n' + GOOD.replace("srs = off", f'aliases = "{tmp_path}/aliases"') +
            f'domain back.test {{ users = there }}\nusers there {{ file = "{tmp_path}/there" }}\n')
    done = config(text, "check", "--json")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    warned = sorted(row["message"].removeprefix(f"{tmp_path}/") for row in rows if row["level"] == "warning")
    assert done.returncode == 0
    assert warned == [
        "aliases:2: an alias that is there already: sales", "list:2: not an address: @b", "none: No such file or directory",
        "state/aliases:1: not an address: alice@", "state/tokens:2: not an address, a digest, a time and a label with tabs between",
        "state/users:2: not an address, a password and flags with tabs between",
        "state/users:3: a user who is there already: alice@example.test", "there:3: not an address: nobody"], "\n".join(warned)
    assert "warning: " + f"{state}/users:2: " in config(text, "check").stderr


def test_a_file_that_everybody_may_write_is_refused(config):
    config(GOOD, "check")
    os.chmod(config.file, 0o666)
    done = config(GOOD, "check")
    assert done.returncode == 78 and "everybody may write" in done.stderr


def test_nul_and_ten_megabytes_are_refused(config):
    done = config(GOOD.encode() + b"user = a\0b\n", "check")
    assert done.returncode == 78 and f"{config.file}:5: a NUL byte" in done.stderr
    done = config(b"# a comment\n" * 900000, "check")
    assert done.returncode == 78 and "larger than 8 MB" in done.stderr


def test_include_is_refused_with_its_line(config):
    done = config(GOOD + 'include("postrider.conf")\n', "check")
    assert done.returncode == 78 and f"{config.file}:5: " in done.stderr and "no include" in done.stderr


def test_ten_thousand_domains_are_read(config):
    text = GOOD + "".join(f"domain d{n}.example {{ subaddress = \"+\" }}\n" for n in range(10000))
    assert config(text, "check").returncode == 0


def test_show_is_what_was_written_and_reads_the_same(config):
    shown = config(GOOD, "show").stdout
    assert "max_size = 10MB" in shown and "max_recipients" not in shown
    again = config(shown, "show").stdout
    assert again == shown


def test_show_all_tells_where_each_value_comes_from_and_reads_the_same(config):
    shown = config(GOOD, "show", "--all").stdout
    assert re.search(r"max_size = 10MB\t# .*postrider\.conf:4\n", shown)
    assert "max_recipients = 1000\t# default\n" in shown
    values = [line.split("\t#")[0] for line in shown.splitlines()]
    assert [line.split("\t#")[0] for line in config(shown, "show", "--all").stdout.splitlines()] == values


def test_show_as_objects(config):
    rows = [json.loads(line) for line in config(GOOD, "show", "--json").stdout.splitlines()]
    assert {"section": "listen", "title": "mx", "name": "max_size", "value": "10MB", "file": str(config.file), "line": 4} in rows


def test_explain(config):
    done = config(GOOD, "explain", "listen.max_size")
    assert done.returncode == 0 and "The largest message" in done.stdout and "listen mx: 10MB" in done.stdout
    for name in ("listen.limit", "limit", "limit mail"):
        assert "limit mail.user" in config(GOOD, "explain", name).stdout, name
    assert "The largest message" in config("broken", "explain", "max_size").stdout
    done = config(GOOD, "explain", "max_sise")
    assert done.returncode == 64 and "did you mean `max_size`" in done.stderr
    row, = [json.loads(line) for line in config(GOOD, "explain", "max_size", "--json").stdout.splitlines()]
    assert row["default"] == "50MB" and row["effect"] is True


def test_wrong_words_exit_64(config):
    for words in (["chek"], [], ["check", "--jsn"], ["explain"], ["show", "x"]):
        assert config(GOOD, *words).returncode == 64, words
    assert "did you mean `config check`" in config(GOOD, "chek").stderr
