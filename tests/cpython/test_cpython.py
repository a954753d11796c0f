# SPDX-License-Identifier: Apache-2.0
"""CPython's own test suite, outside and inside, compared test by test.

usage: tests/as_user.py (user|root) BUILD tests/cpython/test_cpython.py [all | MODULE...] [prompt] [net]

Without arguments the fast modules run; `all` is `make cpython`. What passes outside has to pass
inside, but for the names in exceptions.txt. A difference is tried once more before it counts:
some of these tests watch the clock. With `prompt` the run has a broker and the work folder a
write consent; else it is a server run (--prompt never). With `net` it may use the network, and
the modules about it are the ones that run when none is named.
"""
import fnmatch
import os
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree

APPSILO = os.environ["APPSILO"]
PLACE = os.environ["TEST_PLACE"]
HERE = os.path.dirname(os.path.abspath(__file__))
PYTHON = "/usr/bin/python3.11"
MODULE_TIMEOUT_S = 1200
# An ordinary account for the outside of a root run: inside there is none of root's power.
PLAIN_UID = 1879048191

FAST = """test_posix test_pathlib test_tempfile test_fcntl test_import test_pty test_mmap
test_glob test_fileio test_pwd test_grp test_stat test_zipimport test_ioctl test_openpty""".split()
FULL = FAST + """test_os test_shutil test_subprocess test_io test_importlib test_sqlite3
test_threading test_asyncio test_signal test_ast test_argparse test_array test_atexit test_base64
test_bufio test_builtin test_bytes test_bz2 test_cmd_line test_cmd_line_script test_codecs
test_compile test_compileall test_configparser test_contextlib test_copy
test_csv test_ctypes test_curses test_datetime test_dbm test_decimal test_dict
test_difflib test_doctest test_eintr test_email test_ensurepip test_enum test_epoll
test_exceptions test_faulthandler test_file test_file_eintr test_filecmp test_fileinput
test_float test_fnmatch test_fork1 test_format test_functools test_gc test_generators
test_genericpath test_getopt test_getpass test_getpath test_gettext test_gzip test_hashlib
test_heapq test_httplib test_httpservers test_imaplib test_inspect test_int test_io test_ipaddress
test_itertools test_json test_largefile test_linecache test_list test_locale
test_logging test_lzma test_mailbox test_math test_memoryio test_mimetypes test_module
test_ntpath test_pdb test_pickle test_pipes test_pkgutil test_platform
test_plistlib test_poll test_poplib test_posixpath test_pprint test_profile test_property
test_py_compile test_pyclbr test_pydoc test_queue test_quopri test_random test_re test_readline
test_regrtest test_repl test_resource test_runpy test_sched test_select test_selectors test_set
test_shelve test_shlex test_site test_smtplib test_socket test_socketserver test_source_encoding
test_ssl test_str test_strftime test_string test_struct test_support test_symtable
test_sys test_sysconfig test_syslog test_tarfile test_telnetlib test_textwrap test_thread
test_threadedtempfile test_threadsignals test_time test_timeout test_timeit test_tokenize
test_tomllib test_trace test_traceback test_tracemalloc test_tuple test_types test_typing
test_unicode test_unicode_file test_unicode_file_functions test_unittest test_univnewlines
test_urllib test_urllib2 test_urllib2_localnet test_urlparse test_utf8_mode test_uuid test_venv
test_wait3 test_wait4 test_warnings test_wave test_weakref test_webbrowser test_wsgiref
test_xml_etree test_xmlrpc test_zipapp test_zipfile test_zlib test_zoneinfo
test_multiprocessing_main_handling test_multiprocessing_fork test_multiprocessing_forkserver
test_multiprocessing_spawn test_concurrent_futures""".split()
NETWORK = """test_socket test_asyncio test_ssl test_httplib test_urllib test_urllib2
test_urllib2_localnet test_ftplib test_smtplib test_poplib test_imaplib test_nntplib
test_socketserver test_selectors test_select test_httpservers test_xmlrpc test_asyncore test_asynchat
test_smtpd test_telnetlib test_timeout""".split()
# What CPython takes for a use of the network is this machine's loopback in these.
LOCAL = ("test_socketserver",)


class Side:
    """One way to run: a folder of its own, and what stands before the command."""

    def __init__(self, name, uid=None, prompt=None, net=()):
        self.name, self.prompt, self.uid, self.net = name, prompt, uid, net
        self.folder = f"{PLACE}/home/{name}"
        os.makedirs(self.folder + "/tmp", exist_ok=True)
        if uid:
            os.chown(self.folder, uid, uid)
            os.chown(self.folder + "/tmp", uid, uid)

    def command(self, words):
        if self.prompt:
            return [APPSILO, "run", "--quiet", "--prompt", self.prompt, "--cwd", self.folder,
                    "--allow-write", self.folder, "--env", f"TMPDIR={self.folder}/tmp", *self.net, "--", *words]
        if self.uid:
            return ["setpriv", f"--reuid={self.uid}", f"--regid={self.uid}", "--clear-groups",
                    "--inh-caps=-all", "--bounding-set=-all", *words]
        return words

    def run(self, module, only=()):
        """Returns {test name: "pass" | "skip" | "fail"} and what was printed."""
        report = f"{self.folder}/{module}.xml"
        words = [PYTHON, "-m", "test", "--junit-xml", report, "--tempdir", self.folder,
                 "--timeout", str(MODULE_TIMEOUT_S), "-W", module]
        if module in LOCAL:
            words += ["-u", "network"]
        for name in only:
            words += ["-m", name]
        with subprocess.Popen(self.command(words), cwd=self.folder, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              env={**os.environ, "TMPDIR": self.folder + "/tmp"}) as process:
            try:
                output = process.communicate(timeout=MODULE_TIMEOUT_S + 60)[0]
            except subprocess.TimeoutExpired:
                process.kill()
                output = process.communicate()[0] + b"\nstopped: it took too long\n"
        return read_report(report), output.decode("utf-8", "replace")


def read_report(path):
    results = {}
    try:
        root = ElementTree.parse(path).getroot()
    except (OSError, ElementTree.ParseError):
        return results
    os.unlink(path)
    for case in root.iter("testcase"):
        name = case.get("name")
        bad = case.find("failure") is not None or case.find("error") is not None
        skip = case.find("skipped") is not None
        state = "fail" if bad else "skip" if skip else "pass"
        if results.get(name) != "fail":
            results[name] = state
    return results


def read_exceptions():
    exceptions = []
    with open(HERE + "/exceptions.txt") as file:
        for line in file:
            line = line.strip()
            if line and not line.startswith("#"):
                name, _, reason = line.partition("  ")
                assert reason.strip(), f"exceptions.txt: {name} has no reason"
                exceptions.append(name)
    return exceptions


def differing(outside, inside):
    return sorted(name for name, state in outside.items()
                  if state == "pass" and inside.get(name) != "pass")


def compare(module, outside, inside, exceptions, used):
    native, _ = outside.run(module)
    mine, said = inside.run(module)
    different = differing(native, mine)
    unknown = []
    for name in different:
        match = [e for e in exceptions if fnmatch.fnmatchcase(name, e)]
        used.update(match)
        if not match:
            unknown.append(name)
    states = {name: mine.get(name, "missing") for name in unknown}
    if unknown and mine:
        plain = all(" " not in name for name in unknown) and len(unknown) < 50
        again, more = inside.run(module, unknown if plain else ())
        unknown = [name for name in unknown if again.get(name) != "pass"]
        said += more
    passed = sum(state == "pass" for state in native.values())
    print(f"{module}: {passed} pass outside, {len(different)} differ, {len(unknown)} unexplained",
          flush=True)
    for name in unknown:
        print(f"    {name}: {states[name]} inside", flush=True)
    if unknown or (native and not mine):
        print(f"---- {module} said\n{said[-20000:]}\n----", flush=True)
    return passed, unknown


def main():
    words = sys.argv[1:]
    prompt = "exec:false" if "prompt" in words else "never"
    net = ("--net", "client-server") if "net" in words else ()
    words = [w for w in words if w not in ("prompt", "net")]
    full = words == ["all"]
    modules = list(dict.fromkeys(FULL if full else words or (NETWORK if net else FAST)))
    outside = Side("outside", uid=PLAIN_UID if os.geteuid() == 0 else None)
    inside = Side("inside", prompt=prompt, net=net)
    if os.geteuid() == 0:
        os.chmod(PLACE, 0o755)
        os.chmod(PLACE + "/home", 0o755)
    exceptions, used = read_exceptions(), set()
    start = time.monotonic()
    total, unknown = 0, []
    for module in modules:
        passed, more = compare(module, outside, inside, exceptions, used)
        total += passed
        unknown += more
    print(f"{len(modules)} modules, {total} tests pass outside, {len(unknown)} of them do not inside, "
          f"{time.monotonic() - start:.0f} s")
    if full:
        for name in sorted(set(exceptions) - used):
            print(f"exception not needed here: {name}")
    if total < 10 * len(modules):
        print("too few tests ran; is libpython3.11-testsuite installed?")
        return 1
    return 1 if unknown else 0


sys.exit(main())
