"""Forwarding: mail that an alias sends to another server leaves under a sender of ours, and bounces find their way back."""
import os
import subprocess
import time

import pytest

from conftest import BUILD

SHOW = os.path.join(BUILD, "tests/unit/show_srs")
KEY = "a secret of both"
DAY = 86400
MAIL_SRS = """
use Mail::SRS; no warnings; local $SIG{__WARN__} = sub {};
my ($what, $length, @words) = @ARGV;
my $srs = Mail::SRS->new(Secret => "%s", MaxAge => 21, HashLength => $length, HashMin => 4, Separator => "=");
print $what eq "make" ? $srs->forward(@words) : $srs->reverse(@words);
""" % KEY


def show(what, *words, day=None):
    day = int(time.time()) // DAY if day is None else day
    done = subprocess.run([SHOW, what, KEY, str(day), *words], capture_output=True, text=True, check=True)
    return done.stdout.rstrip("\n")


def mail_srs(what, *words, length=6):
    done = subprocess.run(["perl", "-e", MAIL_SRS, what, str(length), *words], capture_output=True, text=True)
    return done.stdout if done.returncode == 0 else "refused: " + done.stderr


SENDERS = ["anna@example.org", "Anna+x=y-z@Sub.example.org".replace("Sub", "sub"), "a@b.example", "!#$%&'*+-/=?^_`{|}~@example.org",
           "x" * 64 + "@example.org", "SRS0=HHHH=TT=example.org=anna@first.example", "SRS0+x@first.example",
           "SRS1=HHHH=first.example==HHHH=TT=example.org=anna@second.example", "SRS1-HHHH=first.example=-x@second.example"]


@pytest.mark.parametrize("sender", SENDERS)
def test_mail_srs_reads_what_we_make_and_we_what_it_makes(sender):
    ours, theirs = show("make", sender, "us.example"), mail_srs("make", sender, "us.example")
    assert ours == theirs
    back = mail_srs("reverse", ours)
    assert show("read", ours) == f"good {back}" and "@" in back
    if "SRS" not in sender:
        assert back == sender
    for length in (8, 20, 27):
        assert show("read", mail_srs("make", sender, "us.example", length=length)) == f"good {back}"
    assert show("read", mail_srs("make", sender, "us.example", length=4)).startswith("forged")


def test_mail_srs_agrees_on_age():
    today = int(time.time()) // DAY
    for age in (0, 1, 20, 21, 22, 23, 500):
        made = show("make", "anna@example.org", "us.example", day=today - age)
        assert (mail_srs("reverse", made) == "anna@example.org") == show("read", made).startswith("good"), age
