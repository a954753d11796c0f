# SPDX-License-Identifier: Apache-2.0
"""Put a packed tree where an installed package lies, with the launch record that install writes."""
import hashlib
import os
import shutil
import stat
import struct
import xml.etree.ElementTree as ET

NS = "{http://schemas.microsoft.com/appx/manifest/foundation/windows10}"
ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def publisher_id(publisher):
    digest = hashlib.sha256(publisher.encode("utf-16-le")).digest()[:8]
    bits = "".join(f"{byte:08b}" for byte in digest) + "0"
    return "".join(ALPHABET[int(bits[i:i + 5], 2)] for i in range(0, 65, 5))


def record(root):
    """The lines of the launch record of a manifest, in install's order."""
    identity = root.find(NS + "Identity").attrib
    family = identity["Name"] + "_" + publisher_id(identity["Publisher"])
    full = "_".join((identity["Name"], identity["Version"], identity["ProcessorArchitecture"], "",
                     family.split("_")[1]))
    lines = [("full-name", full), ("family", family), ("publisher", identity["Publisher"])]
    for app in root.iter(NS + "Application"):
        lines.append(("app", app.get("Id"), app.get("Executable").replace("\\", "/")))
        for alias in app.iter():
            if alias.tag.endswith("}ExecutionAlias"):
                lines.append(("alias", alias.get("Alias").removesuffix(".exe"), app.get("Id")))
    for capability in root.find(NS + "Capabilities") if root.find(NS + "Capabilities") is not None else ():
        lines.append(("capability", capability.get("Name")))
    for setting in root.iter("{https://appsilo.org/manifest/1}Environment"):
        lines.append(("env", setting.get("Name") + "=" + setting.get("Value")))
    for setting in root.iter("{https://appsilo.org/manifest/1}Limit"):
        lines.append(("limit", setting.get("Name"), setting.get("Value")))
    for setting in root.iter("{https://appsilo.org/manifest/1}AllowHost"):
        lines.append(("host", setting.get("Host")))
    return family, full, lines


def stamps(place):
    """What a start compares: inode, size, mode and change time of every file and folder."""
    out = [b"APASTMP1"]
    for folder, folders, files in os.walk(place):
        if folder == place:
            folders.remove(".appsilo")
        links = [name for name in folders if os.path.islink(folder + "/" + name)]
        for path in [folder] + [folder + "/" + name for name in files + links]:
            st = os.lstat(path)
            name = os.path.relpath(path, place).encode() if path != place else b""
            time = st.st_mtime_ns if path == place else st.st_ctime_ns
            padded = name + b"\0" * (8 - len(name) % 8)
            size = 0 if stat.S_ISDIR(st.st_mode) else st.st_size
            out.append(struct.pack("<QQqIIII", st.st_ino, size, time // 10**9, time % 10**9,
                                   st.st_mode, len(padded), 0) + padded)
    return b"".join(out)


def install_tree(stage, data_dir, move=False):
    """Returns the family name."""
    family, full, lines = record(ET.parse(stage + "/AppxManifest.xml").getroot())
    place = f"{data_dir}/packages/{full}"
    os.makedirs(os.path.dirname(place), exist_ok=True)
    shutil.rmtree(place, ignore_errors=True)
    (shutil.move if move else lambda a, b: shutil.copytree(a, b, symlinks=True))(stage, place)
    os.chmod(place, 0o755)
    os.makedirs(place + "/.appsilo")
    with open(place + "/.appsilo/launch", "w", encoding="utf-8") as file:
        file.write("appsilo package 1\n" + "".join("\t".join(line) + "\n" for line in lines))
    with open(place + "/.appsilo/stamps", "wb") as file:
        file.write(stamps(place))
    return family
