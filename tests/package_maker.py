# SPDX-License-Identifier: Apache-2.0
"""Small signed packages for the end-to-end tests, made by the commands themselves."""
import os
import shutil
import subprocess

from common import APPSILO, PLACE, write

KEYS = PLACE + "/keys"
MANIFEST = """<?xml version="1.0" encoding="utf-8"?>
<Package xmlns="http://schemas.microsoft.com/appx/manifest/foundation/windows10"
 xmlns:uap="http://schemas.microsoft.com/appx/manifest/uap/windows10"
 xmlns:uap5="http://schemas.microsoft.com/appx/manifest/uap/windows10/5"
 xmlns:uap10="http://schemas.microsoft.com/appx/manifest/uap/windows10/10"
 xmlns:rescap="http://schemas.microsoft.com/appx/manifest/foundation/windows10/restrictedcapabilities"
 xmlns:previewsecurity2="http://schemas.microsoft.com/appx/manifest/preview/windows10/security/2"
 IgnorableNamespaces="uap uap5 uap10 rescap previewsecurity2">
 <Identity Name="{name}" Publisher="{publisher}" Version="{version}" ProcessorArchitecture="{arch}"/>
 <Properties><DisplayName>A tool</DisplayName><PublisherDisplayName>Contoso</PublisherDisplayName>
  <Logo>logo.png</Logo></Properties>
 <Dependencies><TargetDeviceFamily Name="Windows.Desktop" MinVersion="10.0.26100.0"
  MaxVersionTested="10.0.26100.0"/></Dependencies>
 <Resources><Resource Language="en-us"/></Resources>
 <Applications><Application Id="App" Executable="{executable}" EntryPoint="Windows.FullTrustApplication"
   uap10:TrustLevel="appContainer" previewsecurity2:RuntimeBehavior="appSilo">
  <uap:VisualElements DisplayName="Tool" Description="Tool" BackgroundColor="transparent"
   Square150x150Logo="logo.png" Square44x44Logo="logo.png"/>
  <Extensions>
   <uap5:Extension Category="windows.appExecutionAlias"><uap5:AppExecutionAlias>
    <uap5:ExecutionAlias Alias="{alias}.exe"/></uap5:AppExecutionAlias></uap5:Extension>
   <uap:Extension Category="windows.fileTypeAssociation"><uap:FileTypeAssociation Name="texts">
    <uap:SupportedFileTypes><uap:FileType>.txt</uap:FileType></uap:SupportedFileTypes>
   </uap:FileTypeAssociation></uap:Extension>
  </Extensions></Application></Applications>
 <Capabilities>{capabilities}</Capabilities>
</Package>
"""
DEFAULTS = {"name": "Contoso.Tool", "publisher": "CN=Contoso", "version": "1.0.0.0", "arch": "neutral",
            "alias": "contoso-tool", "executable": "bin/tool",
            "capabilities": '<rescap:Capability Name="isolatedWin32-promptForAccess"/>'}
# Says which version it is, then what becomes of each file it is given.
TOOL = """#!/bin/sh
cat "$(dirname "$0")/../version"
for file; do cat "$file"; done
"""


def tool(*words):
    return subprocess.run([APPSILO, *words], check=True, capture_output=True, text=True).stdout


def key(publisher="CN=Contoso"):
    """The folder with a certificate of this name, made once for each test file."""
    folder = KEYS + "/" + "".join(c for c in publisher if c.isalnum())
    if not os.path.exists(folder):
        os.makedirs(folder)
        tool("cert", "new", "--subject", publisher, "-o", folder)
    return folder


def trust(publisher="CN=Contoso"):
    tool("trust", "add", key(publisher) + "/certificate.pem")


def sign(path, publisher="CN=Contoso"):
    tool("sign", "--key", key(publisher) + "/key.pem", "--cert", key(publisher) + "/certificate.pem", path)


def make(path, signed=True, extra=None, **fields):
    """A package whose tool prints its version. @extra: {name: content} beside it."""
    fields = {**DEFAULTS, **fields}
    tree = PLACE + "/package-tree"
    shutil.rmtree(tree, ignore_errors=True)
    write(tree + "/AppxManifest.xml", MANIFEST.format(**fields))
    write(tree + "/bin/tool", TOOL)
    os.chmod(tree + "/bin/tool", 0o755)
    write(tree + "/version", f"version {fields['version']}\n")
    write(tree + "/logo.png", "")
    for name, content in (extra or {}).items():
        write(tree + "/" + name, content, "wb" if isinstance(content, bytes) else "w")
    tool("pack", tree, "-o", path)
    if signed:
        sign(path, fields["publisher"])
    return path
