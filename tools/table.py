#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Turn data/capabilities.tsv into the C table that the capabilities command prints."""
import sys


def quote(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def main():
    print("static const struct {\n\tconst char *name, *status, *opens;\n} capability_rows[] = {")
    with open(sys.argv[1], encoding="utf-8") as table:
        for line in table:
            if line.strip() and not line.startswith("#"):
                fields = line.rstrip("\n").split("\t")
                assert len(fields) == 3, line
                print("\t{" + ", ".join(map(quote, fields)) + "},")
    print("};")


main()
