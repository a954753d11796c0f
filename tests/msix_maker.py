# SPDX-License-Identifier: Apache-2.0
"""Packages made byte by byte, so that a test can make any part of them lie; and a check of a
package's block map that shares no code with appsilo."""
import base64
import hashlib
import struct
import zipfile
import zlib
from urllib.parse import unquote
from xml.etree import ElementTree

BLOCK = 65536
NS = "{http://schemas.microsoft.com/appx/2010/blockmap}"
MANIFEST = b"""<?xml version="1.0" encoding="utf-8"?>
<Package xmlns="http://schemas.microsoft.com/appx/manifest/foundation/windows10"/>
"""
TYPES = (b'<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
         b'<Default Extension="xml" ContentType="text/xml"/></Types>')


def deflate_blocks(content):
    """Blocks that can be read by themselves, and the end of the stream."""
    blocks = []
    for at in range(0, len(content), BLOCK):
        packer = zlib.compressobj(6, zlib.DEFLATED, -15)
        blocks.append(packer.compress(content[at:at + BLOCK]) + packer.flush(zlib.Z_FULL_FLUSH))
    return blocks


class Entry:
    """One file. Keyword arguments replace header fields: local_crc=1, central_size=7, ..."""

    def __init__(self, name, content=b"", deflate=True, mapped=True, map_name=None, blocks=None,
                 hashes=None, sizes=None, extra=b"", descriptor=None, gap=b"", **fields):
        self.name, self.content, self.fields = name, content, fields
        self.mapped, self.map_name = mapped, map_name or name.replace("/", "\\")
        self.method = 8 if deflate else 0
        self.blocks = blocks or (deflate_blocks(content) if deflate else
                                 [content[i:i + BLOCK] for i in range(0, len(content), BLOCK)])
        self.data = b"".join(self.blocks) + (b"\3\0" if deflate else b"")
        self.hashes = hashes or [hashlib.sha256(content[i:i + BLOCK]).digest()
                                 for i in range(0, len(content), BLOCK)]
        self.sizes = sizes or [len(b) for b in self.blocks]
        self.extra, self.descriptor, self.gap = extra, descriptor, gap

    def field(self, where, key, value):
        return self.fields.get(where + "_" + key, self.fields.get(key, value))

    def common(self, where):
        flags = self.field(where, "flags", 8 if self.descriptor is not None else 0)
        hidden = where == "local" and self.descriptor is not None
        return struct.pack(
            "<5H3I", self.field(where, "need", 20), flags, self.field(where, "method", self.method),
            self.field(where, "time", 0), self.field(where, "date", 33),
            self.field(where, "crc", 0 if hidden else zlib.crc32(self.content)),
            self.field(where, "packed", 0 if hidden else len(self.data)),
            self.field(where, "size", 0 if hidden else len(self.content)))

    def raw_name(self, where):
        name = self.field(where, "raw", self.name)
        return name if isinstance(name, bytes) else name.encode()

    def local(self):
        name = self.raw_name("local")
        return (b"PK\3\4" + self.common("local") + struct.pack("<2H", len(name), len(self.extra)) +
                name + self.extra)

    def central(self, offset):
        name = self.raw_name("central")
        return (b"PK\1\2" + struct.pack("<H", self.fields.get("made", 45)) + self.common("central") +
                struct.pack("<5H2I", len(name), len(self.fields.get("central_extra", b"")),
                            len(self.fields.get("comment", b"")), self.fields.get("disk", 0),
                            self.fields.get("internal", 0), self.fields.get("external", 0),
                            self.fields.get("offset", offset)) +
                name + self.fields.get("central_extra", b"") + self.fields.get("comment", b""))


def block_map(entries, **replace):
    xml = ('<?xml version="1.0"?><BlockMap xmlns="http://schemas.microsoft.com/appx/2010/blockmap" '
           'HashMethod="http://www.w3.org/2001/04/xmlenc#sha256">')
    for e in entries:
        xml += (f'<File Name="{e.map_name}" Size="{e.fields.get("map_size", len(e.content))}" '
                f'LfhSize="{e.fields.get("map_header", len(e.local()))}">')
        for digest, size in zip(e.hashes, e.sizes):
            attribute = f' Size="{size}"' if e.method else ""
            xml += f'<Block Hash="{base64.b64encode(digest).decode()}"{attribute}/>'
        xml += "</File>"
    xml += "</BlockMap>"
    for old, new in replace.items():
        xml = xml.replace(old, new)
    return xml.encode()


def make(entries, in_map=None, map_text=None, types=TYPES, tail=(), before=b"", after=b"", **end):
    """The bytes of a package. @tail: entries after the footprint files."""
    entries = list(entries)
    if not any(e.name == "AppxManifest.xml" for e in entries):
        entries.append(Entry("AppxManifest.xml", MANIFEST))
    mapped = [e for e in entries if e.mapped] + list(in_map or [])
    if map_text is None:
        map_text = block_map(mapped)
    if map_text:
        entries.append(Entry("AppxBlockMap.xml", map_text))
    if types:
        entries.append(Entry("[Content_Types].xml", types))
    entries.extend(tail)
    out, central = before, b""
    for e in entries:
        central += e.central(len(out))
        out += e.local() + e.data
        if e.descriptor is not None:
            out += e.descriptor
        out += e.gap
    n, size, offset = len(entries), len(central), len(out)
    return (out + central + end.get("between", b"") +
            b"PK\5\6" + struct.pack("<4H2IH", end.get("disk", 0), 0, end.get("count", n),
                                    end.get("count2", n), end.get("size", size),
                                    end.get("offset", offset), len(end.get("comment", b""))) +
            end.get("comment", b"") + after)


def wide_descriptor(content, data):
    return b"PK\7\x08" + struct.pack("<I2Q", zlib.crc32(content), len(data), len(content))


def check_block_map(path):
    """Every file against its block map. Returns {name: content}."""
    with open(path, "rb") as file:
        raw = file.read()
    found = {}
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        infos = {unquote(i.filename): i for i in archive.infolist()}
        root = ElementTree.fromstring(archive.read("AppxBlockMap.xml"))
        assert root.get("HashMethod") == "http://www.w3.org/2001/04/xmlenc#sha256"
        for file in root.findall(NS + "File"):
            name = file.get("Name").replace("\\", "/")
            info = infos[name]
            content = archive.read(info)
            at = info.header_offset + int(file.get("LfhSize"))
            assert raw[info.header_offset:info.header_offset + 4] == b"PK\3\4"
            assert len(content) == int(file.get("Size")) == info.file_size
            blocks = file.findall(NS + "Block")
            assert len(blocks) == (len(content) + BLOCK - 1) // BLOCK
            for i, block in enumerate(blocks):
                piece = content[i * BLOCK:(i + 1) * BLOCK]
                assert base64.b64decode(block.get("Hash")) == hashlib.sha256(piece).digest()
                if info.compress_type == zipfile.ZIP_STORED:
                    assert block.get("Size") is None
                    assert raw[at:at + len(piece)] == piece
                    at += len(piece)
                    continue
                size = int(block.get("Size"))
                assert zlib.decompressobj(-15).decompress(raw[at:at + size]) == piece
                at += size
            found[name] = content
    outside = set(infos) - set(found)
    assert outside <= {"AppxBlockMap.xml", "[Content_Types].xml", "AppxSignature.p7x"}, outside
    return found
