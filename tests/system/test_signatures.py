"""What we say of signatures that others made: dkimpy and libopendkim sign and seal, we verify (tests/judges/verify)."""
import base64, functools, itertools, re, subprocess

import authres, dkim
import pytest

from conftest import BUILD, SANITIZED
from test_dkim import HEADER, ODD

JUDGE, SIGNER = f"{BUILD}/tests/judges/verify", f"{BUILD}/tests/judges/opendkim_sign"
FORMS = list(itertools.product((b"simple", b"relaxed"), repeat=2))
SMALL = {name: message for name, message in ODD.items() if len(message) < 500000 and name != "signed before"}
CPU_US = 50000 * (20 if SANITIZED else 1)


def pem(bits):
    return subprocess.run(["openssl", "genrsa", "-traditional", str(bits)], capture_output=True, check=True, timeout=60).stdout


@functools.cache
def public_of(key):
    der = subprocess.run(["openssl", "rsa", "-pubout", "-outform", "DER"], input=key, capture_output=True, check=True, timeout=60).stdout
    return base64.b64encode(der).decode()


@functools.cache
def rsa(bits):
    return pem(bits)


@functools.cache
def ed25519():
    """Its PKCS #8 in base 64, the seed in base 64, and the public half."""
    der = subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-outform", "DER"], capture_output=True, check=True, timeout=60).stdout
    public = subprocess.run(["openssl", "pkey", "-inform", "DER", "-pubout", "-outform", "DER"], input=der, capture_output=True, check=True, timeout=60).stdout
    return base64.b64encode(der), base64.b64encode(der[-32:]), base64.b64encode(public[-32:]).decode()


def records():
    found = {f"r{bits}._domainkey.{domain}": f"v=DKIM1; p={public_of(rsa(bits))}" for bits in (1024, 2048, 4096) for domain in ("example.test", "b.test", "c.test")}
    found["e._domainkey.example.test"] = f"v=DKIM1; k=ed25519; p={ed25519()[2]}"
    return found


def say(message, known=None):
    """The lines of dkim as tuples (result, why), the one of arc as (n, domain, result, why)."""
    words = [word for record in (records() if known is None else known).items() for word in record]
    done = subprocess.run([JUDGE, *words], input=message, capture_output=True, check=True, timeout=120)
    lines = [line.split(" ") for line in done.stdout.decode().splitlines()]
    signatures = [(line[4], " ".join(line[5:])) for line in lines if line[0] == "dkim"]
    chain, = ((int(line[1]), line[2], line[3], " ".join(line[4:])) for line in lines if line[0] == "arc")
    return signatures, chain, int(lines[-1][1])


def results(message, known=None):
    return [result for result, _ in say(message, known)[0]]


def sign(message, algorithm=b"rsa-sha256", forms=(b"relaxed", b"relaxed"), bits=2048, **more):
    key, selector = (rsa(bits), b"r%d" % bits) if algorithm.startswith(b"rsa") else (ed25519()[1], b"e")
    return dkim.sign(message, selector, b"example.test", key, canonicalize=forms, signature_algorithm=algorithm, **more)


def sign_signatures(message):
    """As dkimpy does it when it is told that it may."""
    signer = dkim.DKIM(message, signature_algorithm=b"rsa-sha256")
    signer.should_not_sign = set()
    return signer.sign(b"r2048", b"example.test", rsa(2048), canonicalize=(b"relaxed", b"relaxed"), include_headers=[b"from"] + [b"dkim-signature"] * 2)


def library_sign(message, algorithm="rsa-sha256", forms=("relaxed", "relaxed"), length=-1):
    key, selector = (rsa(2048).decode(), "r2048") if algorithm.startswith("rsa") else (ed25519()[0].decode(), "e")
    done = subprocess.run([SIGNER, key, selector, "example.test", algorithm, *forms, str(length)], input=message, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


# ---- good ones ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SMALL)
def test_what_dkimpy_signs_passes(name):
    message = SMALL[name]
    if name == "no body":
        message += b"\r\n"
    for forms in FORMS:
        signed = sign(message, forms=forms) + sign(message, b"ed25519-sha256", forms) + message
        said, chain, _ = say(signed)
        assert said == [("pass", "")] * 2, (forms, said)
        assert chain == (0, "-", "none", "")


@pytest.mark.parametrize("name", SMALL)
def test_what_libopendkim_signs_passes(name):
    message = SMALL[name]
    for forms in itertools.product(("simple", "relaxed"), repeat=2):
        signed = library_sign(message, forms=forms) + message
        assert results(signed) == ["pass"], forms


def test_a_large_body_passes():
    assert results(sign(ODD["much"], forms=(b"simple", b"simple")) + sign(ODD["much"]) + ODD["much"]) == ["pass", "pass"]


@pytest.mark.parametrize("bits", (1024, 2048, 4096))
def test_each_size_of_key_passes(bits):
    assert results(sign(ODD["plain"], bits=bits) + ODD["plain"]) == ["pass"]


def der(tag, content):
    """A value of ASN.1."""
    size = len(content)
    length = bytes([size]) if size < 128 else (lambda n: bytes([128 + len(n)]) + n)(size.to_bytes((size.bit_length() + 7) // 8, "big"))
    return bytes([tag]) + length + content


def public_record(modulus, exponent):
    """Of a key that nobody has."""
    number = lambda n: der(2, n.to_bytes(n.bit_length() // 8 + 1, "big"))
    algorithm = der(0x30, bytes.fromhex("06092a864886f70d0101010500"))
    return "v=DKIM1; p=" + base64.b64encode(der(0x30, algorithm + der(3, b"\0" + der(0x30, number(modulus) + number(exponent))))).decode()


@pytest.mark.parametrize("modulus, exponent", [(2 ** 16383 + 1, 65537), (2 ** 65535 + 1, 65537), (2 ** 2047 + 1, 2 ** 2046 + 1), (2 ** 4095 + 1, 2 ** 4094 + 1)],
                         ids=["16384 bits", "65536 bits", "an exponent of 2047 bits", "the same of 4095 bits"])
def test_a_key_that_would_cost_much_costs_little(modulus, exponent):
    signed = sign(ODD["plain"], bits=2048) * 10 + ODD["plain"]
    said, _, cpu = say(signed, {"r2048._domainkey.example.test": public_record(modulus, exponent)})
    assert all(result in ("policy", "permerror", "fail") for result, _ in said) and len(said) == 10
    assert cpu < CPU_US


def test_a_header_that_is_too_large_is_policy():
    (result, why), = say(sign(ODD["a large header"], include_headers=[b"from"]) + ODD["a large header"])[0]
    assert result == "policy" and "larger than is looked at" in why


def test_a_signed_field_may_be_large():
    message = BODY.replace(b"To: u@b.test", b"To: " + b",\r\n ".join(b"user%d@example.test" % i for i in range(8000)))
    assert results(sign(message) + sign(message, b"ed25519-sha256", (b"simple", b"simple")) + message) == ["pass", "pass"]


def test_signatures_over_signatures_pass():
    """Each signs those below, one of which is of an algorithm that does not count."""
    message = sign(ODD["plain"]) + b"DKIM-Signature: v=1; a=rsa-sha1; d=other.test; s=x; h=from; bh=2jmj7l5rSw0yVb/vlWAYkK/YBwk=; b=AAAA\r\n" + ODD["plain"]
    signed = sign_signatures(message) + message
    assert results(signed) == ["pass", "pass", "policy"]
    assert results(signed.replace(b"d=other.test", b"d=evil.test")) == ["fail", "pass", "policy"]
    assert results(sign(ODD["plain"], b"ed25519-sha256") + signed) == ["pass", "pass", "pass", "policy"]


# ---- damages -----------------------------------------------------------------------------------------

BODY = HEADER + b"\r\nA line.\r\n\r\n  Blanks \t here \r\n\r\n"
DAMAGES = [
    # what, by what, and the forms (header, body) that bear it
    (b"A line", b"A lime", ()),
    (b"A line.", b"A line. ", ("relaxed body",)),
    (b"  Blanks", b" Blanks", ("relaxed body",)),
    (b" here \r\n\r\n", b" here \r\n", ("simple body", "relaxed body")),
    (b" here \r\n\r\n", b" here \r\n\r\n\r\n", ("simple body", "relaxed body")),
    (b" here \r\n\r\n", b" here \r\n\r\nmore\r\n", ()),
    (b"Subject: test", b"Subject:  test ", ("relaxed header",)),
    (b"Subject: test", b"SUBJECT: test", ("relaxed header",)),
    (b"Subject: test", b"Subject:\r\n test", ("relaxed header",)),
    (b"Subject: test", b"Subject: tset", ()),
    (b"Subject: test", b"X-Other: y\r\nSubject: test", ("simple header", "relaxed header")),
    (b"Subject: test", b"Subject: evil\r\nSubject: test", ("simple header", "relaxed header")),
    (b"To: u@b.test\r\n", b"", ()),
]


@pytest.mark.parametrize("algorithm", (b"rsa-sha256", b"ed25519-sha256"))
def test_damages_are_borne_where_the_form_says_so(algorithm):
    for forms, (what, by, bears) in itertools.product(FORMS, DAMAGES):
        assert what in BODY
        signed = sign(BODY, algorithm, forms, include_headers=[b"from", b"to", b"subject", b"date"]) + BODY
        (result, why), = say(signed.replace(what, by))[0]
        parts = {part for part in ("header", "body") if what in (BODY.partition(b"\r\n\r\n")[0] + b"\r\n" if part == "header" else BODY.partition(b"\r\n\r\n")[2])}
        part, = parts
        form = (forms[0] if part == "header" else forms[1]).decode()
        good = f"{form} {part}" in bears
        assert result == ("pass" if good else "fail"), (forms, what, by, why)
        assert good or ("body" if part == "body" else "header") in why


def test_a_field_that_was_signed_as_absent_may_not_come():
    signed = sign(BODY, include_headers=[b"from", b"from", b"subject", b"subject", b"reply-to"]) + BODY
    assert results(signed) == ["pass"]
    for field in (b"Subject: evil\r\n", b"Reply-To: evil@evil.test\r\n"):
        assert results(field + signed) == ["fail"]
        assert results(signed.replace(b"Date:", field + b"Date:")) == ["fail"]
    assert results(signed.replace(b"Date:", b"X: y\r\nDate:")) == ["pass"]


def test_a_second_from_is_never_good():
    for where in (lambda m: b"From: evil@evil.test\r\n" + m, lambda m: m.replace(b"\r\n\r\n", b"\r\nFROM : evil@evil.test\r\n\r\n", 1)):
        (result, why), = say(where(sign(BODY, include_headers=[b"from"]) + BODY))[0]
        assert (result, "several From" in why) == ("policy", True)


def test_a_part_that_l_leaves_out_is_policy():
    for made in (sign(BODY, length=True), library_sign(BODY, length=len(BODY.partition(b"\r\n\r\n")[2]) - 2, forms=("relaxed", "simple"))):
        assert results(made + BODY) == ["pass"]
        (result, why), = say(made + BODY + b"and more\r\n")[0]
        assert result == "policy" and "unsigned" in why
        assert results(made + BODY.replace(b"A line.", b"")) == ["fail"]


def test_rsa_sha1_is_policy():
    for made in (sign(BODY, b"rsa-sha1"), library_sign(BODY, "rsa-sha1")):
        (result, why), = say(made + BODY)[0]
        assert result == "policy" and "rsa-sha256" in why


def test_a_server_that_does_not_answer_costs_its_signature_alone():
    known = dict(records(), **{"r1024._domainkey.example.test": "-"})
    said = say(sign(BODY, bits=1024) + sign(BODY) + BODY, known)[0]
    assert [result for result, _ in said] == ["temperror", "pass"]
    assert "r1024._domainkey.example.test" in said[0][1]


def test_a_message_that_nobody_signed_has_nothing():
    said, chain, cpu = say(BODY)
    assert said == [] and chain[2] == "none"


# ---- chains ------------------------------------------------------------------------------------------

HOPS = (b"example.test", b"b.test", b"c.test")


def hop(message, n, result=b"pass", bits=2048):
    """Passed on by HOPS[n]: its results field, and its set."""
    domain, host = HOPS[n % len(HOPS)], b"mx%d.test" % n
    found = b"" if n == 0 else b"; arc=" + result
    message = b"Authentication-Results: " + host + b"; spf=pass smtp.mailfrom=a@example.test" + found + b"\r\n" + message
    return b"".join(dkim.arc_sign(message, b"r%d" % bits, domain, rsa(bits), host)) + message


@functools.cache
def chain_of(n, bits=2048):
    message = BODY
    for i in range(n):
        message = hop(message, i, bits=bits)
    return message


def chain(message, known=None):
    return say(message, known)[1]


@pytest.mark.parametrize("n", (1, 2, 3, 7))
def test_what_dkimpy_seals_passes(n):
    sealed = chain_of(n)
    assert dkim.arc_verify(sealed, dnsfunc=lambda name, timeout=5: records()[name.decode().rstrip(".")].encode())[0] == b"pass"
    assert chain(sealed) == (n, HOPS[(n - 1) % 3].decode(), "pass", "")


def test_the_order_of_the_fields_does_not_matter():
    sealed = chain_of(3)
    fields = re.findall(rb"(?im)^ARC-[^\r]*\r\n(?:[ \t][^\r]*\r\n)*", sealed)
    assert len(fields) == 9
    rest = functools.reduce(lambda message, field: message.replace(field, b""), fields, sealed)
    assert chain(rest)[2] == "none"
    for order in (sorted(fields), sorted(fields, reverse=True), fields[::2] + fields[1::2]):
        assert chain(b"".join(order) + rest)[2] == "pass"


def arc_field(message, name, n):
    found, = (field for field in re.findall(rb"(?im)^" + name + rb":[^\r]*\r\n(?:[ \t][^\r]*\r\n)*", message) if re.search(rb"\bi\s*=\s*%d\b" % n, field))
    return found


def without_i(field, n):
    return re.sub(rb"\bi=%d; *" % n, b"", field)


@pytest.mark.parametrize("n", (1, 2, 3))
@pytest.mark.parametrize("name", (b"ARC-Authentication-Results", b"ARC-Message-Signature", b"ARC-Seal"))
def test_a_chain_breaks_with_each_field_of_it(name, n):
    sealed = chain_of(3)
    field = arc_field(sealed, name, n)
    other = field.replace(b"spf=pass", b"spf=fail") if name.endswith(b"Results") else re.sub(rb"\bt=\d+", b"t=1700000000", field)
    missing, twice = (n, "no " + name.decode()), (n, "two " + name.decode())
    for changed, (at, why) in ((other, (None, None)), (b"", missing), (field + field, twice), (without_i(field, n), (None, "no i= from 1 to 50")),
                               (field.replace(b"i=%d;" % n, b"i=51;"), (None, "no i= from 1 to 50")), (field.replace(b"i=%d;" % n, b"i=9;"), (n, "no " + name.decode()))):
        assert changed != field
        result = chain(sealed.replace(field, changed))
        assert result[2] == "fail", changed
        assert why is None or why in result[3], (changed, result)


def test_a_chain_breaks_with_the_message():
    sealed = chain_of(2)
    for what, by, why in ((b"A line", b"A lime", "the body was changed after b.test"), (b"Subject: test", b"Subject: other", "header fields were changed after b.test")):
        said = chain(sealed.replace(what, by))
        assert said[:3] == (2, "b.test", "fail") and why in said[3]
    # Who comes later signs the message as it was changed.
    assert chain(hop(chain_of(1).replace(b"A line", b"A lime"), 1))[2] == "pass"


def test_what_cv_says_counts():
    said = chain(hop(chain_of(2), 2, b"fail"))
    assert said[2] == "fail" and "cv=fail in set 3" in said[3]
    sealed = chain_of(2)
    for n, was, by in ((1, b"cv=none", b"cv=pass"), (2, b"cv=pass", b"cv=none"), (2, b"cv=pass", b"cv=maybe"), (2, b"cv=pass; ", b""), (2, b"cv=pass", b"h=from; cv=pass")):
        field = arc_field(sealed, b"ARC-Seal", n)
        assert was in field
        said = chain(sealed.replace(field, field.replace(was, by)))
        assert said[2] == "fail" and said[3], by


def test_keys_of_a_chain_count():
    sealed = chain_of(2)
    good = records()
    for change, why in (({"r2048._domainkey.b.test": "-"}, "no answer"), ({"r2048._domainkey.b.test": "v=DKIM1; p="}, "revoked"),
                        ({"r2048._domainkey.example.test": f"v=DKIM1; p={public_of(rsa(1024))}"}, "the seal of example.test (set 1) does not fit")):
        said = chain(sealed, dict(good, **change))
        assert said[2] == "fail" and why in said[3], said
    del good["r2048._domainkey.example.test"]
    assert "no key at r2048._domainkey.example.test" in chain(sealed, good)[3]
    assert chain(hop(hop(BODY, 0, bits=1024), 1, bits=4096))[2] == "pass"


def test_algorithms_of_a_chain():
    field = arc_field(chain_of(1), b"ARC-Seal", 1)
    said = chain(chain_of(1).replace(field, field.replace(b"rsa-sha256", b"rsa-sha1")))
    assert said[2] == "fail" and "rsa-sha1" in said[3]
    field = arc_field(chain_of(1), b"ARC-Message-Signature", 1)
    said = chain(chain_of(1).replace(field, field.replace(b"rsa-sha256", b"ed25519-sha256")))
    assert said[2] == "fail" and "not of the kind" in said[3]


# ---- what costs --------------------------------------------------------------------------------------

TAGS = b"v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.test; s=r2048; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; "
B = b"b=" + base64.b64encode(b"x" * 256)


def forged(names, more=b""):
    return b"DKIM-Signature: " + TAGS + b"h=" + b":".join(names) + b"; " + more + B + b"\r\n"


MANY_NAMES = [b"from"] + [b"x%d" % n for n in range(899)]
HOSTILE = {
    "50,000 tags in 489 KB": b"DKIM-Signature: " + TAGS + b"h=from; " + b"".join(b"t%05d=1;\r\n " % n for n in range(40000)) + B + b"\r\n" + BODY,
    "1,600 tags in 16 KB": b"DKIM-Signature: " + TAGS + b"h=from; " + b"".join(b"t%d=1; " % n for n in range(1600)) + B + b"\r\n" + BODY,
    "50 signatures of 900 names over 20,000 fields": forged(MANY_NAMES) * 50 + b"".join(b"X%d: y\r\n" % n for n in range(20000)) + BODY,
    "50 signatures of 200 names over 900 fields": forged(MANY_NAMES[:200]) * 50 + b"".join(b"X%d: y\r\n" % n for n in range(900)) + BODY,
    "10 signatures of names that are nearly right": forged([b"from"] + [b"x" * 70] * 50) * 10 + (b"x" * 69 + b"y: z\r\n") * 900 + BODY,
    "10 signatures over 240 KB": forged([b"from"] + [b"x"] * 30) * 10 + (b"X: " + b"y z\r\n\t" * 1300 + b".\r\n") * 27 + BODY,
    "1000 signatures": forged([b"from"]) * 990 + BODY,
    "10 signatures, each with an l=": b"".join(forged([b"from"], b"l=%d; " % n) for n in range(10)) + BODY + b"line \r\n" * 100000,
    "a word of 5 MB": forged([b"from"]) * 10 + BODY + b"x" * 5000000 + b"\r\n",
    "100 KB in h=": forged([b"from"] + [b"x"] * 100000) + sign(BODY) + BODY,
    "1 MB of empty lines and text, again and again": forged([b"from"]) + BODY + (b"\r\n" * 1000 + b"x") * 500,
    "3000 fields of a chain": b"".join(b"ARC-Authentication-Results: i=%d; a\r\n" % n + b"ARC-Seal: i=%d; a=rsa-sha256; cv=pass; d=example.test; s=r4096; " % n + B + b"\r\n" for n in range(1, 1001)) + BODY,
    "a From of 200,000 brackets": forged([b"from"]) + BODY.replace(b"From: Alice", b"From: " + b"(" * 200000),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_nothing_costs_much(name):
    said, _, cpu = say(HOSTILE[name])
    print(f"{name}: {cpu} us, {len(said)} signatures, {said[0] if said else ''}")
    assert cpu < CPU_US
    assert all(result != "pass" or "100 KB" in name for result, _ in said)
    if "100 KB" in name:
        assert [result for result, _ in said] == ["neutral", "pass"]


def test_nothing_that_is_good_costs_much_either():
    """Ten signatures, and a chain of fifty sets, all by keys of 4096 bits."""
    message = sign(BODY, bits=4096, include_headers=[b"from"] * 150) * 10 + BODY
    said, _, cpu = say(message)
    print(f"10 signatures of RSA-4096: {cpu} us")
    assert [result for result, _ in said] == ["pass"] * 10 and cpu < CPU_US
    _, told, cpu = say(chain_of(50, 4096))
    print(f"50 seals of RSA-4096: {cpu} us")
    assert told[::2] == (50, "pass") and cpu < CPU_US
    assert chain(arc_field(chain_of(50, 4096), b"ARC-Seal", 50).replace(b"i=50", b"i=51") + chain_of(50, 4096))[2] == "fail"
