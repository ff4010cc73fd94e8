"""The C++ SDK as its users get it: installed, found by CMake, built against out of tree."""

import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import unittest
import zlib
from pathlib import Path

from troupe_test import BIN, PATIENCE, clean_environment

ROOT = Path(__file__).parents[2]
HELLO, WELCOME, TELL, MESSAGE = 1, 2, 8, 16
NORMAL, REQUEST_AT = 2, 24

PROJECT = """cmake_minimum_required(VERSION 3.25)
project(page LANGUAGES CXX)
find_package(troupe 0.1 REQUIRED)
add_executable(page main.cpp)
add_library(snippets OBJECT snippets.cpp)
target_compile_options(snippets PRIVATE -Wall -Wextra)
target_link_libraries(page PRIVATE troupe::bot)
target_link_libraries(snippets PRIVATE troupe::bot)
"""
SNIPPET = """void snippet_{0}(troupe::bot::client& bot) {{
{1}}}
"""
INCLUDES = """#include <troupe/bot.hpp>
#include <troupe/state.hpp>
#include <iostream>
#include <stdexcept>
#include <thread>
"""


def frame(kind, body):
    head = struct.pack("<IB", len(body) + 5, kind) + body
    return head + struct.pack("<I", zlib.crc32(head))


class Runtime:
    """As much of a runtime as one bot needs."""

    def __init__(self, path):
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen()
        self.listener.settimeout(PATIENCE)
        self.bytes = b""

    def accept(self):
        self.link, _ = self.listener.accept()
        self.link.settimeout(PATIENCE)
        hello = json.loads(self.next(HELLO))
        self.link.sendall(frame(WELCOME, json.dumps({"version": 1, "fleet": "test"}).encode()))
        return hello

    def next(self, wanted):
        while True:
            while len(self.bytes) < 4 or len(self.bytes) < 4 + struct.unpack_from("<I", self.bytes)[0]:
                part = self.link.recv(65536)
                if not part:
                    raise EOFError("the bot has closed the link")
                self.bytes += part
            size, kind = struct.unpack_from("<IB", self.bytes)
            body = self.bytes[5:size]
            self.bytes = self.bytes[4 + size:]
            if kind == wanted:
                return body

    def send(self, sequence, to, payload, request=0):
        head = struct.pack("<4BI4Q16s8sI4B", NORMAL, 0, 0, 0, 0, sequence, 9, request, sequence,
                           b"", b"", len(payload), len(to), len(b"t/x#0"), 0, 0)
        self.link.sendall(frame(MESSAGE, head + to + b"t/x#0" + payload))


@unittest.skipIf(os.environ.get("TROUPE_SANITIZE"), "the archive needs the sanitizer's runtime")
class Sdk(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = Path(tempfile.mkdtemp(prefix="troupe-sdk-"))
        cls.addClassCleanup(shutil.rmtree, cls.directory)
        cls.prefix = cls.directory / "prefix"
        subprocess.run(["cmake", "--install", BIN.parent, "--component", "sdk", "--prefix",
                        cls.prefix], check=True, stdout=subprocess.DEVNULL)
        shutil.copytree(ROOT / "docs/examples/cpp-bot", cls.directory / "example")
        cls.example = cls.build(cls.directory / "example") / "pricer"

    @classmethod
    def build(cls, source):
        result = source / "build"
        for command in (["cmake", "-S", source, "-B", result, f"-DCMAKE_PREFIX_PATH={cls.prefix}"],
                        ["cmake", "--build", result]):
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            if done.returncode != 0 or b"warning:" in done.stdout:
                raise AssertionError(done.stdout.decode())
        return result

    def start(self, program, **more):
        bot = subprocess.Popen([program], stdout=subprocess.PIPE,
                               env={**clean_environment(), **more})
        self.addCleanup(bot.stdout.close)
        self.addCleanup(bot.wait)
        self.addCleanup(bot.kill)
        return bot

    def test_headers_need_the_standard_library_only(self):
        headers = [each for each in (self.prefix / "include/troupe").glob("*.hpp")
                   if each.name != "actors.hpp"]
        self.assertIn("bot.hpp", [each.name for each in headers])
        for each in headers:
            for name in re.findall(r"#include\s+[<\"]([^>\"]+)", each.read_text()):
                self.assertRegex(name, r"^([a-z_]+|troupe/[a-z_]+\.hpp)$", each)

    def test_nothing_of_the_runtime_is_linked(self):
        linked = subprocess.run(["ldd", self.example], stdout=subprocess.PIPE, check=True)
        self.assertNotRegex(linked.stdout.decode(), "caf|boost|sqlite|spdlog")

    def test_the_example_works_alone(self):
        bot = self.start(self.example)
        self.assertIn(b"no runtime", bot.stdout.readline())
        bot.send_signal(signal.SIGTERM)
        self.assertEqual(0, bot.wait(PATIENCE))

    def test_the_example_talks(self):
        path = self.directory / "link.sock"
        runtime = Runtime(path)
        self.addCleanup(runtime.listener.close)
        bot = self.start(self.example, TROUPE_LINK=str(path), TROUPE_TOKEN="ab" * 16,
                         TROUPE_BOT="t/pricer", TROUPE_INSTANCE="3", TROUPE_INCARNATION="118")
        hello = runtime.accept()
        self.addCleanup(runtime.link.close)
        self.assertEqual(("t/pricer#3", 118, "ab" * 16),
                         (hello["instance"], hello["incarnation"], hello["token"]))
        self.assertEqual({"op": "ready"}, json.loads(runtime.next(TELL)))
        runtime.send(1, b"topic:ticks.btc", b"40.5")
        runtime.send(2, b"t/pricer#3", b"btc", request=7)
        reply = runtime.next(MESSAGE)
        self.assertEqual(7, struct.unpack_from("<Q", reply, REQUEST_AT)[0])
        self.assertTrue(reply.endswith(b"t/x#0" + b"40.500000"), reply)
        runtime.send(3, b"topic:ticks.btc", b"50")
        self.assertTrue(runtime.next(MESSAGE).endswith(b"topic:alerts.btcjump"))
        bot.send_signal(signal.SIGTERM)
        self.assertEqual(0, bot.wait(PATIENCE))

    def test_what_the_page_shows_compiles_and_runs(self):
        page = (ROOT / "docs/sdk-cpp.md").read_text()
        blocks = re.findall(r"```cpp\n(.*?)```", page, re.DOTALL)
        programs = [each for each in blocks if "int main()" in each]
        self.assertEqual(1, len(programs))
        self.assertLessEqual(len(programs[0].splitlines()), 35)
        source = self.directory / "page"
        source.mkdir()
        (source / "CMakeLists.txt").write_text(PROJECT)
        (source / "main.cpp").write_text(programs[0])
        snippets = [SNIPPET.format(number, each) for number, each in enumerate(blocks)
                    if "int main()" not in each]
        self.assertGreater(len(snippets), 3)
        (source / "snippets.cpp").write_text(INCLUDES + "".join(snippets))
        bot = self.start(self.build(source) / "page")
        self.assertIn(b"alone", bot.stdout.readline())
        bot.send_signal(signal.SIGTERM)
        self.assertEqual(0, bot.wait(PATIENCE))


if __name__ == "__main__":
    unittest.main()
