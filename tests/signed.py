# SPDX-License-Identifier: Apache-2.0
"""What the tests of signed packages share: an authority made by openssl, a package, signatures exchanged."""
import json
import os
import random
import shutil
import subprocess
import zipfile

from common import HOME, PLACE, Case, read, write

DIR = HOME + "/packages"
KEYS = PLACE + "/authority"
PUBLISHER = "CN=Example, O=Example Works, C=DE"
MANIFEST = """<?xml version="1.0" encoding="utf-8"?>
<Package xmlns="http://schemas.microsoft.com/appx/manifest/foundation/windows10"
  xmlns:uap10="http://schemas.microsoft.com/appx/manifest/uap/windows10/10"
  xmlns:p2="http://schemas.microsoft.com/appx/manifest/preview/windows10/security/2" IgnorableNamespaces="uap10 p2">
 <Identity Name="Example.App" Publisher="{}" Version="1.0.0.0" ProcessorArchitecture="x64"/>
 <Properties><DisplayName>Example</DisplayName><PublisherDisplayName>Example</PublisherDisplayName>
  <Logo>logo.png</Logo></Properties>
 <Dependencies><TargetDeviceFamily Name="Windows.Desktop" MinVersion="10.0.0.0" MaxVersionTested="10.0.0.0"/>
 </Dependencies>
 <Resources><Resource Language="en-us"/></Resources>
 <Applications><Application Id="App" Executable="bin/hello" uap10:TrustLevel="appContainer"
  p2:RuntimeBehavior="appSilo"/></Applications>
</Package>
"""
SIGNER = "basicConstraints=CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=codeSigning\n"
AUTHORITY = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n"
CLOCK = "basicConstraints=CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=critical,timeStamping\n"


def openssl(*words, **more):
    return subprocess.run(["openssl", *words], check=True, capture_output=True, cwd=KEYS, **more).stdout


def issue(name, subject, issuer, extensions, days=100):
    """A key and certificate made by openssl, as an authority that knows nothing of appsilo would."""
    write(f"{KEYS}/{name}.ext", extensions)
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", name + ".key", "-out", name + ".csr", "-subj", subject)
    openssl("x509", "-req", "-in", name + ".csr", "-CA", issuer + ".pem", "-CAkey", issuer + ".key", "-CAcreateserial",
            "-out", name + ".pem", "-days", str(days), "-extfile", name + ".ext")


def make_authority():
    if os.path.exists(KEYS):
        return
    os.makedirs(KEYS)
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "root.key", "-out", "root.pem", "-subj",
            "/CN=Example Root", "-days", "200", "-addext", "keyUsage=critical,keyCertSign")
    issue("middle", "/CN=Example Middle", "root", AUTHORITY)
    issue("leaf", "/C=DE/O=Example Works/CN=Example", "middle", SIGNER)
    issue("clock", "/CN=Example Clock", "root", CLOCK)
    write(KEYS + "/chain.pem", read(KEYS + "/leaf.pem") + read(KEYS + "/middle.pem"))


class Packages(Case):
    def setUp(self):
        super().setUp()
        shutil.rmtree(DIR, ignore_errors=True)
        make_authority()
        if not os.path.exists(PLACE + "/unsigned.msix"):
            tree = PLACE + "/tree"
            write(tree + "/AppxManifest.xml", MANIFEST.format(PUBLISHER))
            os.chmod(write(tree + "/bin/hello", "#!/bin/sh\necho hello\n"), 0o755)
            write(tree + "/logo.png", random.Random(7).randbytes(150_000), "wb")
            self.tool("pack", tree, "-o", PLACE + "/unsigned.msix")
        os.makedirs(DIR)
        self.package = shutil.copy(PLACE + "/unsigned.msix", DIR + "/a.msix")

    def sign(self, *more, package=None, check=True):
        return self.tool("sign", "--key", KEYS + "/leaf.key", "--cert", KEYS + "/chain.pem", *more,
                         package or self.package, check=check)

    def verify(self, package=None):
        """What verify says; None when it says that something is not sound."""
        done = self.tool("verify", "--json", package or self.package, check=False)
        self.assertIn(done.returncode, (0, 1), done.stderr)
        if not done.stdout:
            self.assertTrue(done.stderr)
            return None, done.stderr
        said = json.loads(done.stdout)
        self.assertEqual(done.returncode, 0)
        self.assertEqual(said["signature_problem"] is None, said["signature"] in ("none", "trusted"), said)
        return said, done.stderr + str(said["signature_problem"])

    def trust(self, name="root", *more):
        self.tool("trust", "add", *more, f"{KEYS}/{name}.pem")


def read_bytes(path):
    with open(path, "rb") as file:
        return file.read()


def length_of(n):
    return bytes([n]) if n < 128 else bytes([0x80 | (n.bit_length() + 7) // 8]) + n.to_bytes((n.bit_length() + 7) // 8, "big")


def element(tag, content):
    return bytes([tag]) + length_of(len(content)) + content


def split(der):
    """The elements in @der: (tag, content)."""
    parts = []
    while der:
        n, head = der[1], 2
        if n >= 128:
            head += n & 127
            n = int.from_bytes(der[2:head], "big")
        parts.append((der[0], der[head:head + n]))
        der = der[head + n:]
    return parts


def with_token(der, token):
    """The signature with an RFC 3161 token as its only unsigned attribute."""
    oid = bytes.fromhex("060a2b060104018237030301")
    attribute = element(0xa1, element(0x30, oid + element(0x31, token)))
    (_, top), = split(der)
    content_type, (_, outer) = split(top)
    (_, signed), = split(outer)
    parts = split(signed)
    (_, signer), = split(parts[-1][1])
    parts[-1] = (0x31, element(0x30, signer + attribute))
    signed = element(0x30, b"".join(element(*p) for p in parts))
    return element(0x30, element(*content_type) + element(0xa0, signed))


def put_signature(source, target, p7x):
    """Copy a signed package with another signature: the last file and the directory anew, stored."""
    data = read_bytes(source)
    with zipfile.ZipFile(source) as old:
        info = old.getinfo("AppxSignature.p7x")
        start = old.start_dir
    central = bytearray(data[start:])
    name = b"AppxSignature.p7x"
    crc = zipfile.crc32(p7x) & 0xffffffff
    local = bytearray(data[info.header_offset:info.header_offset + 30])
    extra = int.from_bytes(local[28:30], "little")
    assert extra == 0 and not info.flag_bits & 8
    numbers = (0).to_bytes(2, "little"), crc.to_bytes(4, "little") + len(p7x).to_bytes(4, "little") * 2
    local[8:10], local[14:26] = numbers
    at = central.rindex(name) - 46
    central[at + 10:at + 12], central[at + 16:at + 28] = numbers
    body = data[:info.header_offset] + bytes(local) + name + p7x
    # Where the directory is now, in all three records at the end.
    end, locator, record = (central.rindex(mark) for mark in (b"PK\5\6", b"PK\6\7", b"PK\6\6"))
    if central[end + 16:end + 20] != b"\xff" * 4:
        central[end + 16:end + 20] = len(body).to_bytes(4, "little")
    central[record + 48:record + 56] = len(body).to_bytes(8, "little")
    central[locator + 8:locator + 16] = (len(body) + record).to_bytes(8, "little")
    write(target, body + bytes(central), "wb")
    return target
