#!/usr/bin/python3
"""Checks what compilers do not: which folder may include what, and how files are kept.

    scripts/tidy.py [top folder]

Prints one line a complaint, `file:line: what; how to mend`, and exits 1 if there is any. The rules are the
tables below; tidy_test.py feeds each of them a bad file.
"""

import os
import re
import subprocess
import sys
from typing import NamedTuple

# ---------------------------------------------------------------- the rules

# A folder (the longest that matches a file counts): which of our folders it may include, and which libraries.
# The standard library is free everywhere, system headers (<unistd.h>, <sys/...>) where "system" stands.
ARROWS = {
    "protocol/": (["protocol/", "storage/base/"], []),
    "storage/base/": (["storage/base/"], []),
    "storage/core/": (["storage/base/", "storage/core/"], ["absl/", "xxhash.h"]),
    "storage/": (["storage/"], ["absl/", "xxhash.h", "rocksdb/", "system"]),
    "server/net/": (["server/", "storage/", "protocol/"], ["absl/", "xxhash.h", "uv.h", "system"]),
    "server/shard/": (["server/", "storage/", "protocol/"], ["absl/", "xxhash.h"]),
    "server/commands/": (["server/", "storage/", "protocol/"], ["absl/", "xxhash.h", "fmt/", "system"]),
    "server/replication/": (["server/", "storage/", "protocol/"], ["absl/", "xxhash.h"]),
    "server/": (["server/", "storage/", "protocol/"], ["absl/", "xxhash.h", "fmt/", "spdlog/", "jemalloc/", "system"]),
    "bench/": (["bench/", "protocol/", "storage/"], ["absl/", "xxhash.h", "fmt/", "benchmark/", "hiredis/", "system"]),
    "tests/clients/": ([], ["gtest/", "hiredis/", "uv.h", "system"]),
    "tests/": (["tests/", "bench/", "server/", "storage/", "protocol/"],
               ["absl/", "xxhash.h", "fmt/", "gtest/", "gmock/", "rapidcheck", "hiredis/", "rocksdb/", "system"]),
}

# The logic has no I/O: these folders are driven by hand in tests, so they may not reach for sockets.
NO_NET = ["server/shard/", "server/commands/", "server/replication/"]

# The only files that may speak to RocksDB; everybody else goes through storage/log.h and its like.
ROCKSDB_HOMES = re.compile(r"(storage|tests/unit/storage)/(database|rocks_log|log_segments|snapshot|backup|wal_view|check/wal_mender)")

# Same calls, same state: no clock, no thread, no lock, no chance in these folders.
PURE = ["storage/core/", "server/shard/"]
IMPURE_HEADERS = {"thread", "mutex", "shared_mutex", "condition_variable", "future", "random", "semaphore",
                  "latch", "barrier", "stop_token", "ctime", "time.h", "sys/time.h", "pthread.h"}
IMPURE_WORDS = [
    (re.compile(r"::now\s*\("), "reads a clock", "take `now` as an argument"),
    (re.compile(r"\b(clock_gettime|gettimeofday|time)\s*\(\s*(CLOCK_|nullptr|NULL|&|0\s*\))"), "reads a clock",
     "take `now` as an argument"),
    (re.compile(r"\b(std::)?(rand|srand|random|arc4random)\s*\(|\brandom_device\b"), "draws by chance",
     "take the seed, the generator or the choice as an argument"),
    (re.compile(r"\bstd::(jthread|thread|async)\b|\bpthread_create\b"), "starts a thread",
     "leave threads to server/net and to the log"),
    (re.compile(r"\bstd::(\w*mutex|\w*_lock|lock_guard|condition_variable)\b"), "takes a lock",
     "one thread owns this state; hand over by message"),
    (re.compile(r"\bsleep_(for|until)\b|\bu?sleep\s*\("), "sleeps", "let the caller move the time"),
]
# File -> why it may break the rule of PURE all the same.
IMPURE_WITH_REASON = {
}

FILE_LINES_MAX = 600
FUNCTION_LINES_MAX = 70
LONG_REASON = re.compile(r"(//|#) tidy: long because \S+")

SOURCES = (".cc", ".h")
TEXTS = SOURCES + (".py", ".sh", ".cmake", ".txt", ".json", ".conf", ".md", ".supp", ".lua", ".js", ".mjs", ".in")
TEXT_NAMES = {".clang-format", ".clang-tidy", ".gitignore", "run"}
NOT_OURS = re.compile(r"(^|/)(corpus|node_modules|build)/|(^|/)package-lock\.json$|^LICENSE$")

# Spelled in two halves so that this file passes its own check.
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b")
WORKPLACE = re.compile(r"(?<![\w.$}~-])/(wo" r"rk|ro" r"ot|ho" r"me)/")


class Complaint(NamedTuple):
    path: str
    line: int
    what: str
    mend: str

    def __str__(self):
        return f"{self.path}:{self.line}: {self.what}; {self.mend}"


# ---------------------------------------------------------------- reading C++

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(?:<([^>\n]+)>|"([^"\n]+)")', re.M)
TOKEN = re.compile(
    r'//[^\n]*|/\*.*?\*/'                                     # comments
    r'|R"([^()\\ \n]{0,16})\(.*?\)\1"'                        # raw strings
    r'|"(?:\\.|[^"\\\n])*"'                                   # strings
    r"|(?<![0-9a-fA-F])'(?:\\.[^'\n]*|[^'\\\n])'",            # characters; not the ' of 1'000
    re.S)


def includes_of(text):
    """(line, header, whether quoted), in order."""
    for found in INCLUDE.finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        yield line, found.group(1) or found.group(2), found.group(2) is not None


def code_of(text):
    """The text with comments, strings and preprocessor lines blanked; every line stays where it was."""
    def blank(found):
        return re.sub(r"[^\n]", " ", found.group())
    return re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", blank, TOKEN.sub(blank, text), flags=re.M)


def closing_braces(code):
    """Where the brace that opens at a position closes."""
    closes, open_at = {}, []
    for at, char in enumerate(code):
        if char == "{":
            open_at.append(at)
        elif char == "}" and open_at:
            closes[open_at.pop()] = at
    return closes


def functions_of(code):
    """(first line of the head, line of `{`, line of `}`) of each outermost function."""
    closes = closing_braces(code)
    at = head_start = 0
    while at < len(code):
        char = code[at]
        if char == "{" and at in closes:
            head = re.sub(r"^(\s*(public|private|protected)\s*:)+", "", code[head_start:at]).strip()
            after = code[closes[at] + 1:].lstrip()[:1]
            scope = re.search(r"\b(namespace|class|struct|union|extern)\b[^()=]*$", head)
            if scope or not head:
                pass  # go inside
            elif after in (",", "{", ")") or re.search(r"(=|\(|,|\breturn|\benum\b[^()]*)$", head):
                at = closes[at] + 1  # a value: an initialiser, a table, an enumeration
                continue
            elif "(" in head:
                head_at = code.index(head, head_start)
                yield tuple(code.count("\n", 0, place) + 1 for place in (head_at, at, closes[at]))
                at = closes[at]
        if code[at] in "{};":
            head_start = at + 1
        at += 1


# ---------------------------------------------------------------- the checks


def folder_of(path, folders):
    return max((folder for folder in folders if path.startswith(folder)), key=len, default=None)


def is_standard(header):
    return re.fullmatch(r"[a-z_0-9]+", header) is not None or header in ("cassert", "version")


LIBRARIES = ("absl/", "xxhash.h", "rocksdb/", "uv.h", "fmt/", "spdlog/", "jemalloc/", "gtest/", "gmock/",
             "rapidcheck", "hiredis/", "benchmark/")


def library_of(header):
    return next((name for name in LIBRARIES if header.startswith(name)), "system")


def check_library(path, folder, line, header, quoted):
    if quoted:
        yield Complaint(path, line, f'"{header}" is not a path of ours', "start at the root: \"storage/core/stock.h\"")
        return
    library = library_of(header)
    if library == "rocksdb/" and not ROCKSDB_HOMES.match(path):
        yield Complaint(path, line, f"includes <{header}>", "RocksDB stays behind the files named in ROCKSDB_HOMES")
    elif library not in ARROWS[folder][1]:
        yield Complaint(path, line, f"{folder} may not include <{header}>",
                        "move the code to a folder that may, or change ARROWS and say why")


def check_arrows(path, text):
    folder = folder_of(path, ARROWS)
    if folder is None or not path.endswith(SOURCES):
        return
    tops = {name.split("/")[0] + "/" for name in ARROWS}
    for line, header, quoted in includes_of(text):
        if is_standard(header):
            continue
        if not header.startswith(tuple(tops)):
            yield from check_library(path, folder, line, header, quoted)
        elif not header.startswith(tuple(ARROWS[folder][0])):
            yield Complaint(path, line, f"{folder} may not include {header}",
                            "includes point one way: server, storage, core, base; server, protocol, base")
        elif header.startswith("server/net/") and folder in NO_NET:
            yield Complaint(path, line, f"{folder} has no I/O but includes {header}",
                            "declare an interface here and let server/net implement it")


def check_pure(path, text):
    if folder_of(path, PURE) is None or not path.endswith(SOURCES) or path in IMPURE_WITH_REASON:
        return
    for line, header, _ in includes_of(text):
        if header in IMPURE_HEADERS:
            yield Complaint(path, line, f"includes <{header}> where there is no clock, thread, lock or chance",
                            "hand in what it gives, or name the file with a reason in IMPURE_WITH_REASON")
    for number, line in enumerate(code_of(text).split("\n"), 1):
        for pattern, what, mend in IMPURE_WORDS:
            if pattern.search(line):
                yield Complaint(path, number, what, mend)


def check_lengths(path, text):
    lines = text.split("\n")
    count = len(lines) - 1
    opening = re.match(r"(?:[ \t]*(?://|#)[^\n]*\n|\s*\n)*", text).group()
    if count > FILE_LINES_MAX and not LONG_REASON.search(opening):
        yield Complaint(path, FILE_LINES_MAX + 1, f"{count} lines, {FILE_LINES_MAX} are allowed",
                        "split it by its nouns, or open it with `// tidy: long because ...`")
    if not path.endswith(SOURCES):
        return
    for head, begin, end in functions_of(code_of(text)):
        length = end - begin - 1
        if length > FUNCTION_LINES_MAX and not LONG_REASON.search("\n".join(lines[max(0, head - 4):end])):
            yield Complaint(path, head, f"function of {length} lines, {FUNCTION_LINES_MAX} are allowed",
                            "move the straight work into functions of its own, or say `// tidy: long because ...`")


def check_header(path, text):
    if path.endswith(".h"):
        first = next((line for line in code_and_directives(text) if line.strip()), "")
        if first.strip() != "#pragma once":
            yield Complaint(path, 1, "the first line that is no comment is not `#pragma once`", "put it there")
    for number, line in enumerate(code_of(text).split("\n"), 1):
        if re.search(r"\busing\s+namespace\b(?!.*literals)", line):
            yield Complaint(path, number, "using namespace", "name what is used: `using std::chrono::seconds;`")
    if re.search(r"(^|/)(util|utils|misc|common|helpers)\.(h|cc)$", path):
        yield Complaint(path, 1, "a name that says nothing", "name the file after its noun")


def code_and_directives(text):
    return TOKEN.sub(lambda found: re.sub(r"[^\n]", " ", found.group()), text).split("\n")


def check_own_header_first(path, text, files):
    own = path[:-len(".cc")] + ".h"
    if not path.endswith(".cc") or own not in files:
        return
    line, header, _ = next(includes_of(text), (1, "nothing", True))
    if header != own:
        yield Complaint(path, line, f"its first include is {header}",
                        f'include "{own}" first: that proves the header complete')


def check_text(path, text):
    if text and not text.endswith("\n"):
        yield Complaint(path, text.count("\n") + 1, "no newline at the end", "add one")
    for number, line in enumerate(text.split("\n"), 1):
        if line != line.rstrip():
            yield Complaint(path, number, "space at the end of the line", "remove it")
        if "\t" in line:
            yield Complaint(path, number, "a tab", "indent by spaces; write \\t in strings")
        if UNFINISHED.search(line):
            yield Complaint(path, number, "a note of unfinished work", "finish it, or leave it out")
        if WORKPLACE.search(line):
            yield Complaint(path, number, "a path of somebody's machine", "name it relative to the top folder")


def check_one_spdlog(files):
    users = [(path, line) for path, text in files.items() if path.endswith(SOURCES)
             for line, header, _ in includes_of(text) if header.startswith("spdlog/")]
    homes = sorted({path for path, _ in users if path.endswith(".cc")})
    for path, line in users:
        if path != (homes[0] if homes else None):
            yield Complaint(path, line, "includes spdlog", "one .cc does (6 s to compile); use its header instead")


def sources_in_cmake(files):
    """Every .cc that some CMakeLists.txt or .cmake names, as a path from the top."""
    named = set()
    for path, text in files.items():
        if os.path.basename(path) != "CMakeLists.txt" and not path.endswith(".cmake"):
            continue
        for word in re.findall(r"[^\s()\"]+\.cc\b", re.sub(r"#[^\n]*", "", text)):
            inner = re.sub(r"^\$\{(CMAKE_SOURCE_DIR|PROJECT_SOURCE_DIR)\}/", "//", word)
            inner = re.sub(r"^\$\{\w+\}/", "", inner)
            base = "" if inner.startswith("//") else os.path.dirname(path)
            named.add(os.path.normpath(os.path.join(base, inner.removeprefix("//"))))
    return named


def check_built(files):
    named = sources_in_cmake(files)
    included = {header for path, text in files.items() if path.endswith(SOURCES)
                for _, header, _ in includes_of(text)}
    for path in files:
        if path.endswith(".cc") and path not in named:
            yield Complaint(path, 1, "no target builds it", "name it in its folder's CMakeLists.txt, or delete it")
        if path.endswith(".h") and path not in included:
            yield Complaint(path, 1, "nobody includes it", "delete it, or use it")


def check(files):
    """All complaints about `files` (path from the top -> text), in order of path and line."""
    complaints = []
    for path, text in files.items():
        complaints += check_text(path, text)
        if not path.endswith((".md", ".txt", ".json", ".conf")):
            complaints += check_lengths(path, text)
        if path.endswith(SOURCES):
            complaints += check_arrows(path, text)
            complaints += check_pure(path, text)
            complaints += check_header(path, text)
            complaints += check_own_header_first(path, text, files)
    complaints += check_one_spdlog(files)
    complaints += check_built(files)
    return sorted(complaints)


# ---------------------------------------------------------------- reading the tree


def paths_of(top):
    """What is committed or about to be. Without git (a tarball), all but the build folder."""
    listed = subprocess.run(["git", "-C", top, "ls-files", "-co", "--exclude-standard", "-z"],
                            capture_output=True, check=False)
    if listed.returncode == 0:
        return sorted(set(listed.stdout.decode().split("\0")) - {""})
    return sorted(os.path.relpath(os.path.join(folder, name), top)
                  for folder, _, names in os.walk(top) for name in names if "/.git/" not in folder + "/")


def read_tree(top):
    files = {}
    for path in paths_of(top):
        name = os.path.basename(path)
        if NOT_OURS.search(path) or not (name.endswith(TEXTS) or name in TEXT_NAMES):
            continue
        full = os.path.join(top, path)
        if os.path.isfile(full):  # listed, but deleted in the work tree
            with open(full, encoding="utf-8", errors="replace") as file:
                files[path] = file.read()
    return files


def main():
    top = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
    files = read_tree(top)
    complaints = check(files)
    for complaint in complaints:
        print(complaint)
    print(f"tidy: {len(files)} files, {len(complaints)} complaints")
    return 1 if complaints or not files else 0


if __name__ == "__main__":
    sys.exit(main())
