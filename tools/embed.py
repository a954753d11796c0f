#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A file as a C array: NAME and NAME_size, by the second argument or the file's name."""
import os
import re
import sys

with open(sys.argv[1], "rb") as file:
    data = file.read()
name = sys.argv[2] if len(sys.argv) > 2 else re.sub(r"\W", "_", os.path.basename(sys.argv[1]))
print("/* Made by tools/embed.py. */\n#include <stddef.h>\n")
print(f"static const size_t {name}_size = {len(data)};")
print(f"static const char {name}[] = {{")
for at in range(0, len(data), 20):
    print("\t" + ", ".join(f"{byte - 256 if byte > 127 else byte}" for byte in data[at:at + 20]) + ",")
print("\t0,\n};")
