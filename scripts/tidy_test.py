#!/usr/bin/python3
"""Feeds tidy.py one bad file a rule and expects its complaint; and good files, and expects silence."""

import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import tidy  # noqa: E402


def header(body=""):
    return "#pragma once\n" + body


def complaints(path, text, **others):
    """What tidy says about `path`, the rest of the tree being in order."""
    return [f"{found.line}: {found.what}" for found in tidy.check(tree(path, text, **others)) if found.path == path]


def tree(path, text, more=None):
    files = {path: text, **(more or {})}
    named = "\n".join("${CMAKE_SOURCE_DIR}/" + name for name in files if name.endswith(".cc"))
    files.setdefault("CMakeLists.txt", f"add_library(all\n{named})\n" if named else "\n")
    for name in [name for name in files if name.endswith(".h")]:
        files[f"tests/unit/uses_{len(files)}.cc"] = f'#include "{name}"\n'
    return files


class Arrows(unittest.TestCase):
    def refused(self, path, include):
        text = f"#include {include}\n"
        found = complaints(path, header(text) if path.endswith(".h") else text)
        self.assertEqual(len(found), 1, f"{path} includes {include}: {found}")

    def allowed(self, path, include):
        text = f"#include {include}\n"
        self.assertEqual(complaints(path, header(text) if path.endswith(".h") else text), [])

    def test_base_includes_the_standard_library_only(self):
        self.allowed("storage/base/a.cc", "<string_view>")
        self.allowed("storage/base/a.cc", '"storage/base/slot.h"')
        self.refused("storage/base/a.cc", '"storage/core/stock.h"')
        self.refused("storage/base/a.cc", "<absl/container/btree_map.h>")
        self.refused("storage/base/a.cc", "<unistd.h>")

    def test_core_knows_neither_wire_nor_disk(self):
        self.allowed("storage/core/a.cc", '"storage/base/slot.h"')
        self.allowed("storage/core/a.cc", "<absl/container/flat_hash_set.h>")
        self.allowed("storage/core/a.cc", "<xxhash.h>")
        self.refused("storage/core/a.cc", '"storage/log.h"')
        self.refused("storage/core/a.cc", '"protocol/resp_value.h"')
        self.refused("storage/core/a.cc", "<rocksdb/db.h>")
        self.refused("storage/core/a.cc", "<sys/stat.h>")

    def test_protocol_and_storage_never_meet(self):
        self.allowed("protocol/a.cc", '"storage/base/parse_int.h"')
        self.refused("protocol/a.cc", '"storage/core/stock.h"')
        self.refused("protocol/a.cc", '"server/config.h"')
        self.refused("storage/a.cc", '"protocol/resp_value.h"')
        self.refused("storage/a.cc", '"server/config.h"')

    def test_rocksdb_stays_behind_its_few_files(self):
        self.allowed("storage/rocks_log_segments.cc", "<rocksdb/db.h>")
        self.allowed("storage/snapshot.cc", "<rocksdb/db.h>")
        self.refused("storage/record.cc", "<rocksdb/db.h>")
        self.refused("server/main.cc", "<rocksdb/db.h>")

    def test_libuv_stays_in_server_net(self):
        self.allowed("server/net/listener.cc", "<uv.h>")
        self.refused("server/main.cc", "<uv.h>")
        self.refused("server/shard/shard.cc", "<uv.h>")
        self.refused("server/commands/stock.cc", '"server/net/connection.h"')
        self.allowed("server/main.cc", '"server/net/listener.h"')

    def test_our_includes_start_at_the_root(self):
        self.refused("storage/core/a.cc", '"stock.h"')
        self.refused("storage/core/a.cc", '"../base/slot.h"')

    def test_one_file_compiles_spdlog(self):
        files = tree("server/server_log.cc", "#include <spdlog/spdlog.h>\n",
                     {"server/z.cc": "#include <spdlog/spdlog.h>\n", "server/y.h": header("#include <spdlog/fmt.h>\n")})
        self.assertEqual([found.path for found in tidy.check(files) if "spdlog" in found.what],
                         ["server/y.h", "server/z.cc"])


class Pure(unittest.TestCase):
    BAD = [
        "auto now = std::chrono::system_clock::now();",
        "auto now = Clock::now ();",
        "clock_gettime(CLOCK_MONOTONIC, &spec);",
        "auto now = time(nullptr);",
        "int dice = rand();",
        "std::random_device chance;",
        "std::jthread worker;",
        "std::mutex lock_;",
        "std::lock_guard guard(lock_);",
        "std::this_thread::sleep_for(1ms);",
    ]

    def test_the_core_and_the_shard_have_no_clock_thread_lock_or_chance(self):
        for folder in ("storage/core/", "server/shard/"):
            for line in self.BAD:
                self.assertTrue(complaints(folder + "a.cc", f"void F() {{\n{line}\n}}\n"), f"{folder}: {line}")
            for name in ("thread", "mutex", "random", "condition_variable"):
                self.assertTrue(complaints(folder + "a.cc", f"#include <{name}>\n"), f"{folder}: <{name}>")

    def test_others_may(self):
        self.assertEqual(complaints("storage/rocks_log.cc", "#include <mutex>\nstd::mutex lock;\n"), [])

    def test_comments_and_strings_are_no_code(self):
        text = '// never std::mutex\n/* nor rand()\n */\nconst char* kText = "Clock::now()";\n'
        self.assertEqual(complaints("storage/core/a.cc", text), [])

    def test_words_that_only_look_alike_pass(self):
        text = "int operand(int); int x = operand(1); int lifetime(int); int y = lifetime(0); int knows;\n"
        self.assertEqual(complaints("storage/core/a.cc", text), [])


class Lengths(unittest.TestCase):
    def body(self, lines):
        return "  Step();\n" * lines

    def test_a_function_has_70_lines_at_most(self):
        inside = "namespace holdfast {\nclass Shard {\n public:\n  "
        heads = ["void F() {", "int Shard::Run(int a,\n    int b) const noexcept {", "auto F() -> int {",
                 "Shard::Shard(int a) : a_(a), b_{a} {", "constexpr auto kRun = [](int a) {", inside + "void F() {"]
        for head in heads:
            close = "}\n" + "};\n}\n" * (head.startswith(inside))
            line = 4 if head.startswith(inside) else 1
            self.assertEqual(complaints("storage/a.cc", f"{head}\n{self.body(70)}{close}"), [], head)
            self.assertEqual(complaints("storage/a.cc", f"{head}\n{self.body(71)}{close}"),
                             [f"{line}: function of 71 lines, 70 are allowed"], head)

    def test_a_reason_lets_a_long_function_pass(self):
        text = "// tidy: long because one row a command\nvoid F() {\n" + self.body(90) + "}\n"
        self.assertEqual(complaints("storage/a.cc", text), [])

    def test_a_table_is_no_function(self):
        for head in ("constexpr Row kRows[] = {", "const auto kRows = std::to_array<Row>({", "enum class Kind {"):
            close = "});" if "({" in head else "};"
            self.assertEqual(complaints("storage/a.cc", f"{head}\n" + "  {1, 2},\n" * 90 + close + "\n"), [], head)

    def test_braces_in_strings_and_characters_do_not_count(self):
        text = "void F() {\n  Put('{', \"{{\", 1'000);\n}\n" + "int x;\n" * 80 + "void G() {\n}\n"
        self.assertEqual(complaints("storage/a.cc", text), [])

    def test_a_file_has_600_lines_at_most(self):
        self.assertEqual(complaints("storage/a.cc", "int x;\n" * 600), [])
        self.assertEqual(len(complaints("storage/a.cc", "int x;\n" * 601)), 1)
        self.assertEqual(complaints("storage/a.cc", "// tidy: long because one table\n" + "int x;\n" * 601), [])


class Files(unittest.TestCase):
    def test_every_header_has_pragma_once_first(self):
        self.assertEqual(complaints("storage/a.h", "// What it is.\n#pragma once\nint x;\n"), [])
        self.assertEqual(len(complaints("storage/a.h", "int x;\n")), 1)
        self.assertEqual(len(complaints("storage/a.h", "#include <string>\n#pragma once\n")), 1)

    def test_a_source_includes_its_own_header_first(self):
        more = {"storage/a.h": header()}
        self.assertEqual(complaints("storage/a.cc", '#include "storage/a.h"\n#include <string>\n', more=more), [])
        self.assertEqual(len(complaints("storage/a.cc", '#include <string>\n#include "storage/a.h"\n', more=more)), 1)
        self.assertEqual(len(complaints("storage/a.cc", "int x;\n", more=more)), 1)

    def test_every_source_is_built_and_every_header_used(self):
        files = {"storage/CMakeLists.txt": "add_library(s a.cc\n  core/b.cc) # c.cc\n", "storage/a.cc": "int a;\n",
                 "storage/core/b.cc": "int b;\n", "storage/c.cc": "int c;\n", "storage/d.h": header()}
        self.assertEqual([found.path for found in tidy.check(files)], ["storage/c.cc", "storage/d.h"])

    def test_no_tab_no_trailing_space_and_a_newline_at_the_end(self):
        for text in ("int\tx;\n", "int x; \n", "int x;"):
            self.assertEqual(len(complaints("storage/a.cc", text)), 1, repr(text))

    def test_no_unfinished_work_and_no_path_of_somebodys_machine(self):
        for text in ("# TO" + "DO later\n", "cd /wo" + "rk/main\n", "include('/ho" + "me/ann/x')\n"):
            self.assertEqual(len(complaints("scripts/a.sh", text)), 1, text)
        for text in ("$top/work/a\n", "a/work/b\n", "~/root/x\n"):
            self.assertEqual(complaints("scripts/a.sh", text), [], text)

    def test_no_using_namespace(self):
        self.assertEqual(len(complaints("storage/a.cc", "using namespace std;\n")), 1)
        self.assertEqual(complaints("storage/a.cc", "using namespace std::chrono_literals;\n"), [])

    def test_a_complaint_names_file_line_and_remedy(self):
        found = tidy.check(tree("storage/a.cc", "int x;\nint y; \n"))
        self.assertEqual(str(found[0]), "storage/a.cc:2: space at the end of the line; remove it")


if __name__ == "__main__":
    unittest.main()
