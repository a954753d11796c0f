# SPDX-License-Identifier: Apache-2.0
"""Packages as files: what appsilo packs others read, what others pack it reads, lies it refuses."""
import json
import os
import random
import struct
import subprocess
import sys
import zipfile
from xml.etree import ElementTree

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import msix_maker as maker  # noqa: E402
from common import APPSILO, HOME, PLACE, Case, main, write  # noqa: E402
from msix_maker import Entry  # noqa: E402

FILE = PLACE + "/p.msix"
OUT = PLACE + "/unpacked"


class Package(Case):
    def setUp(self):
        super().setUp()
        subprocess.run(["rm", "-rf", OUT, PLACE + "/tree", FILE], check=True)

    def tree(self):
        """Small files, one of several chunks, noise that does not shrink, odd names, links."""
        tree = PLACE + "/tree"
        noise = random.Random(7)
        write(tree + "/AppxManifest.xml", maker.MANIFEST, "wb")
        for i in range(300):
            write(f"{tree}/lib/pkg{i % 7}/module{i}.py", f"value = {i}\n" * i)
        write(tree + "/large.txt", "".join(f"line {i} {noise.random()}\n" for i in range(150000)))
        write(tree + "/noise.bin", noise.randbytes(2500000), "wb")
        write(tree + "/empty", "")
        write(tree + "/odd/a b#%41+é€😀&'.txt", "odd\n")
        write(tree + "/bin/tool", "#!/bin/sh\necho tool\n")
        os.chmod(tree + "/bin/tool", 0o755)
        os.makedirs(tree + "/hollow/inner")
        os.symlink("tool", tree + "/bin/alias")
        os.symlink("../lib/pkg0", tree + "/bin/dir")
        return tree

    def same(self, a, b):
        for folder, names, files in os.walk(a):
            for name in names + files:
                here = os.path.join(folder, name)
                there = os.path.join(b, os.path.relpath(here, a))
                self.assertEqual(os.path.islink(here), os.path.islink(there), here)
                if os.path.islink(here):
                    self.assertEqual(os.readlink(here), os.readlink(there))
                elif os.path.isfile(here):
                    with open(here, "rb") as x, open(there, "rb") as y:
                        self.assertEqual(x.read(), y.read(), here)
                    self.assertEqual(os.access(here, os.X_OK), os.access(there, os.X_OK), here)
                else:
                    self.assertTrue(os.path.isdir(there), there)

    def test_others_read_what_is_packed(self):
        tree = self.tree()
        self.tool("pack", tree, "-o", FILE)
        found = maker.check_block_map(FILE)
        self.assertIn("odd/a b#%41+é€😀&'.txt", found)
        with zipfile.ZipFile(FILE) as archive:
            names = {i.filename: i for i in archive.infolist()}
            self.assertIn("odd/a%20b%23%2541%2B%C3%A9%E2%82%AC%F0%9F%98%80%26%27.txt", names)
            self.assertEqual(names["noise.bin"].compress_type, zipfile.ZIP_STORED)
            self.assertEqual(names["large.txt"].compress_type, zipfile.ZIP_DEFLATED)
            types = ElementTree.fromstring(archive.read("[Content_Types].xml"))
        parts = {t.get("PartName") for t in types} | {t.get("Extension") for t in types}
        for name in names:
            ending = name.rsplit("/")[-1].rsplit(".")[-1] if "." in name else None
            if name != "[Content_Types].xml":
                self.assertTrue("/" + name in parts or ending in parts, name)
        self.assertIn("/AppxSignature.p7x", parts)

    def test_round_trip_and_reproducible(self):
        tree = self.tree()
        self.tool("pack", tree, "-o", FILE, "--jobs", "1")
        self.tool("pack", tree, "-o", PLACE + "/again.msix", "--jobs", "5")
        with open(FILE, "rb") as a, open(PLACE + "/again.msix", "rb") as b:
            self.assertEqual(a.read(), b.read())
        done = json.loads(self.tool("verify", "--json", FILE).stdout)
        self.assertEqual((done["result"], done["links"], done["signature"]), ("undamaged", 2, "none"))
        for jobs in "1", "3":
            subprocess.run(["rm", "-rf", OUT], check=True)
            self.tool("unpack", FILE, OUT, "--jobs", jobs)
            self.same(tree, OUT)
            self.assertTrue(os.path.isdir(OUT + "/hollow/inner"))

    def put(self, package):
        write(FILE, package, "wb")

    def refused(self, package, *words, options=()):
        """Verify and unpack say the same, and nothing is left."""
        self.put(package)
        for command in ("verify", *options, FILE), ("unpack", *options, FILE, OUT):
            done = self.tool(*command, check=False)
            self.assertEqual(done.returncode, 1, (command, words, done.stdout))
            self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
            for word in words:
                self.assertIn(word, done.stderr)
            self.assertFalse(os.path.lexists(OUT))
        self.assertEqual([n for n in os.listdir(PLACE) if n.startswith("evil")], [])

    def accepted(self, package):
        self.put(package)
        self.tool("verify", FILE)
        self.tool("unpack", FILE, OUT)
        subprocess.run(["rm", "-rf", OUT], check=True)

    def test_what_others_pack_is_read(self):
        text = b"some text " * 20000
        self.accepted(maker.make([Entry("a.txt", text)]))
        self.accepted(maker.make([Entry("a.txt", text, deflate=False), Entry("b", b"", deflate=False)]))
        made = Entry("a.txt", text)
        described = Entry("a.txt", text, need=45, descriptor=maker.wide_descriptor(text, made.data))
        self.accepted(maker.make([described]))

    def test_blocks_that_need_the_one_before(self):
        """An ordinary deflate stream, cut at 64 KiB by a sync flush: legal, and read in order."""
        import zlib
        content = b"".join(b"%d " % i for i in range(400000))
        packer, blocks = zlib.compressobj(6, zlib.DEFLATED, -15), []
        for at in range(0, len(content), maker.BLOCK):
            blocks.append(packer.compress(content[at:at + maker.BLOCK]) + packer.flush(zlib.Z_SYNC_FLUSH))
        self.put(maker.make([Entry("a", content, blocks=blocks)]))
        self.tool("verify", FILE)
        self.tool("unpack", FILE, OUT)
        with open(OUT + "/a", "rb") as file:
            self.assertEqual(file.read(), content)

    def test_names_that_are_refused(self):
        for name, why in (("../evil", 'a part ".."'), ("a/../../evil", 'a part ".."'),
                          ("/evil", "an empty part"), ("a//b", "an empty part"), ("a/./b", 'a part "."'),
                          ("C:evil", "one of"), ("..\\evil", "one of"), ("a/", "an empty part"),
                          ("a\nb", "a control character"), ("a%00b", "NUL"), ("a%2fb", "escaped slash"),
                          ("a%5cb", "escaped slash"), ("%2e%2e/evil", 'a part ".."'), ("a%4", "bad escape"),
                          ("nul.txt", "device name"), ("x" * 256, "longer than 255"),
                          ("\udcff", "not UTF-8"), ("a\u202e\x07b", "a control character")):
            raw = name.encode("utf-8", "surrogateescape")
            bad = Entry("x", b"1", map_name="x", raw=raw)
            self.refused(maker.make([bad]), why)
        self.refused(maker.make([Entry("x", b"1", raw=b"a\0b")]), "NUL")
        self.refused(maker.make([Entry("x", b"1", map_name="..\\evil")]), 'a part ".."')
        self.refused(maker.make([Entry("x", b"1", map_name="a/b")]), 'in place of')

    def test_names_that_clash(self):
        self.refused(maker.make([Entry("a", b"1"), Entry("a", b"1")]), "a is there twice")
        self.refused(maker.make([Entry("a", b"1"), Entry("A", b"2")]), "differ only in case")
        self.refused(maker.make([Entry("é", b"1"), Entry("É", b"2")]), "differ only in case")
        self.refused(maker.make([Entry("a", b"1"), Entry("A/b", b"2")]), "lies below it")
        self.refused(maker.make([Entry("a%62", b"1", map_name="ab"), Entry("ab", b"1")]), "twice")

    def test_zip_and_block_map_disagree(self):
        extra = Entry("ghost", b"1")
        self.refused(maker.make([Entry("a", b"1", mapped=False)]), "a: it is in the zip, but not in the block map")
        self.refused(maker.make([Entry("a", b"1")], in_map=[extra]), "ghost: it is in the block map, but not")
        twice = Entry("a", b"1")
        self.refused(maker.make([twice], in_map=[twice]), "a: it is in the block map twice")
        self.refused(maker.make([Entry("a", b"1", map_size=2)]), "a: block map and zip give it different sizes")
        self.refused(maker.make([Entry("a", b"1", map_header=99)]), "local header 99 bytes, it has 31")
        self.refused(maker.make([Entry("a", b"1", map_size=70000)]), "does not fit its number of blocks")
        self.refused(maker.make([Entry("a", b"x" * 70000, sizes=[1, 2])]), "its blocks take 3 bytes")
        self.refused(maker.make([Entry("a", b"x", sizes=[99999])]), "a Size that no block can have")
        self.refused(maker.make([Entry("a", b"x", sizes=["-1"])]), "a Size that no block can have")
        self.refused(maker.make([Entry("a", b"x" * 9, hashes=[b"\0" * 32])]),
                     "a: block 0 (byte 0 on) is not what the block map says")
        content = bytes(200000)
        good = Entry("a", content)
        self.refused(maker.make([Entry("a", content, hashes=good.hashes[:2] + [b"\1" * 32] + good.hashes[3:])]),
                     "a: block 2 (byte 131072 on)")
        moved = [good.sizes[0] + 1, good.sizes[1] - 1] + good.sizes[2:]
        self.refused(maker.make([Entry("a", content, sizes=moved)]), "a: block 0")

    def test_block_map_text(self):
        one = [Entry("a", b"1"), Entry("AppxManifest.xml", maker.MANIFEST)]
        good = maker.block_map(one).decode()
        for old, new, why in (("sha256", "sha512", "not SHA-256"), ("<File ", "<Thing ", "AppxBlockMap.xml:1"),
                              ("2010/blockmap", "2010/blockmapp", "an element"), ("</BlockMap>", "", "well-formed"),
                              ("<BlockMap", "<!DOCTYPE x [<!ENTITY e 'a'>]><BlockMap", "a DTD"),
                              ("</BlockMap>", "text</BlockMap>", "text"), ('Size="1"', 'Size=" 1"', "Size"),
                              ("Hash=\"", "Hash=\" ", "Hash"), ("LfhSize", "lfhSize", "attribute"),
                              ("=\" Size", "!\" Size", "Hash")):
            self.refused(maker.make(one, map_text=good.replace(old, new, 1).encode()), why)
        self.refused(maker.make(one, map_text=b"\0" * 100), "AppxBlockMap.xml: is not UTF-8")
        self.refused(maker.make([], map_text=b""), "AppxBlockMap.xml is missing")
        self.refused(maker.make([], types=b""), "[Content_Types].xml is missing")

    def test_headers_that_lie(self):
        text = b"text " * 1000
        for fields, why in (({"local_crc": 1}, "CRC or sizes"), ({"local_size": 4}, "CRC or sizes"),
                            ({"local_packed": 4}, "CRC or sizes"), ({"crc": 1}, "its CRC is wrong"),
                            ({"local_method": 0}, "local header and the central"), ({"method": 12}, "a way of packing"),
                            ({"local_flags": 2}, "local header and the central"), ({"flags": 1}, "a way of packing"),
                            ({"local_raw": "b"}, "local header and the central"), ({"local_date": 7}, "local header"),
                            ({"made": 0x032d}, "tool or system"), ({"external": 0xa1ff0000}, "attribute"),
                            ({"comment": b"x"}, "comment"), ({"internal": 1}, "attribute"), ({"disk": 1}, "disk"),
                            ({"extra": b"\x0a\0\0\0"}, "an extra field"), ({"central_extra": b"\1\0\0\0"}, ""),
                            ({"offset": 1}, "its place"), ({"gap": b"x"}, "bytes between"),
                            ({"packed": 10}, ""), ({"size": 10}, ""), ({"central_packed": 0xfffffff0}, "")):
            self.refused(maker.make([Entry("a", text, **fields)]), why or "a: ")
        data = Entry("a", text).data
        lie = struct.pack("<I2Q", 1, len(data), len(text))
        self.refused(maker.make([Entry("a", text, descriptor=b"PK\7\x08" + lie)]), "data descriptor")
        self.refused(maker.make([Entry("a", text, descriptor=b"")]), "bytes between")

    def test_ends_that_lie(self):
        one = [Entry("a", b"1")]
        good = maker.make(one)
        self.refused(b"", "too short")
        self.refused(good[:-1], "does not end with a zip's end record")
        self.refused(good + b"x", "does not end with a zip's end record")
        self.refused(b"#!/bin/sh\n" + good, "end record does not fit")
        self.refused(maker.make(one, before=b"x"), "its place is not behind")
        self.refused(maker.make(one, comment=b"hello"), "end record")
        self.refused(maker.make(one, between=b"x"), "end record does not fit")
        self.refused(maker.make(one, count=3, count2=3), "central directory")
        self.refused(maker.make(one, count=5, count2=5), "record in the central directory is missing")
        self.refused(maker.make(one, count=4, count2=5), "end record does not fit")
        self.refused(maker.make(one, disk=1), "several disks")
        self.refused(maker.make(one, offset=0), "end record does not fit")
        self.refused(maker.make(one, tail=[Entry("AppxSignature.p7x", b"PKCX", mapped=False),
                                           Entry("z", b"1", mapped=False)]), "it is not the last file")

    def test_data_that_lies(self):
        text = b"text " * 30000
        good = Entry("a", text)
        longer = maker.deflate_blocks(text[:65536] + b"!")[0]
        self.refused(maker.make([Entry("a", text[:65536], blocks=[longer + maker.deflate_blocks(b"?")[0]])]),
                     "a: block 0")
        trailing = Entry("a", text)
        trailing.data = trailing.data[:-2] + b"\0\0\0\xff\xff\3\0"
        self.accepted(maker.make([trailing]))
        for end in b"", b"\3", b"\3\0x", b"\4\0", b"x" * 20, maker.deflate_blocks(b"hidden")[0] + b"\3\0":
            bad = Entry("a", text)
            bad.data = b"".join(good.blocks) + end
            self.refused(maker.make([bad]), "a: ")

    def test_bombs(self):
        zeros = bytes(1 << 20)
        entries = [Entry("a", zeros, size=5 << 30, map_size=5 << 30)]
        self.refused(maker.make(entries[:0] + [Entry("a", zeros)]), "raise --max-size",
                     options=("--max-size", "1000"))
        packed = zeros[:65536]
        block = maker.deflate_blocks(packed)[0]
        import hashlib
        n = 20000
        bomb = Entry("a", b"", blocks=[block] * n, hashes=[hashlib.sha256(packed).digest()] * n,
                     sizes=[len(block)] * n, size=n * 65536, map_size=n * 65536, crc=0)
        self.refused(maker.make([bomb]), "more than 100 times its size")
        many = maker.make([Entry("a", b"1")], count=65535, count2=65535)
        self.refused(many, "cannot be")

    def test_unix_facts(self):
        def facts(*lines):
            return Entry("AppsiloFiles.txt", "".join(l + "\n" for l in lines).encode())
        first = "appsilo files 1"
        entries = [Entry("d/a", b"1")]
        for lines, why in ((("appsilo files 2",), "version"), ((first, "y\ta"), "not a fact"), ((first, ""), "too short"),
                           ((first, "l\td/l"), "a link needs a target"), ((first, "l\td/l\t/etc/passwd"), "absolute"),
                           ((first, "l\td/l\t../../evil"), "leaves the package"), ((first, "l\tl\t.."), "leaves"),
                           ((first, "l\td/l\ta/../../../evil"), "not a clean"), ((first, "l\td/l\t"), "empty"),
                           ((first, "l\t../evil\ta"), "no file can have"), ((first, "x\tnone"), "not in the package"),
                           ((first, "l\td/a\tx"), "it clashes"), ((first, "l\td\tx"), "it clashes"),
                           ((first, "l\tD/A\tx"), "it clashes"), ((first, "l\td/a/b\tx"), "it clashes"),
                           ((first, "d\td/a"), "it clashes"), ((first, "l\tx\ty", "d\tx/z"), "it clashes"),
                           ((first, "x\td/a\tb"), "nothing else has one")):
            self.refused(maker.make(entries + [facts(*lines)]), why)
        self.accepted(maker.make(entries + [facts(first, "l\td/l\t../d/a", "x\td/a", "d\te/f")]))

    def test_errors_of_use(self):
        for words, code in ((("pack", HOME), 2), (("pack", "-o", FILE), 2), (("verify",), 2), (("unpack", FILE), 2),
                            (("pack", "/nowhere", "-o", FILE), 1), (("verify", "/nowhere"), 1), (("verify", HOME), 1),
                            (("verify", "--jobs", "0", FILE), 2), (("verify", "--max-size", "x", FILE), 2)):
            done = self.tool(*words, check=False)
            self.assertEqual(done.returncode, code, (words, done.stderr))
            self.assertEqual(done.stderr.count("\n"), 1)

    def test_a_full_disk_leaves_nothing(self):
        tree = self.tree()
        self.tool("pack", tree, "-o", FILE)
        script = f'ulimit -f 1000; "{APPSILO}" pack "{tree}" -o "{PLACE}/full.msix"'
        done = subprocess.run(["bash", "-c", "trap '' XFSZ; " + script], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("File too large", done.stderr)
        script = f'ulimit -f 1000; "{APPSILO}" unpack "{FILE}" "{OUT}"'
        done = subprocess.run(["bash", "-c", "trap '' XFSZ; " + script], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertFalse(os.path.exists(OUT))
        self.assertEqual([n for n in os.listdir(PLACE) if n.startswith("full")], [])


main()
