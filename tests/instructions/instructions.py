#!/usr/bin/python3
"""Instructions an operation, beside what they were when somebody last looked: expected.json.

usage: instructions.py path/to/counted [--write]

Unlike times, counts do not move with the machine's load, so a small loss is seen before a release and not in a sale.
Exit status 1 when an operation takes over 5 % more; whoever means that, or made it better, runs --write and
commits. callgrind counts; what libraries choose by the processor's model is chosen alike everywhere.
"""
import glob
import json
import os
import re
import subprocess
import sys
import tempfile

EXPECTED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "expected.json")
TOLERANCE = 0.05
# glibc copies and compares by the widest registers that there are, unless they are hidden from it.
PLAIN = {"GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX,-AVX2,-AVX512F,-AVX512VL,-AVX512BW,-BMI1,-BMI2,-ERMS,-FSRM,-MOVBE,-RTM,"
                           "-SSE4_1,-SSE4_2,-SSSE3"}


def count(program):
    """Instructions an operation, by the case's name."""
    with tempfile.TemporaryDirectory() as directory:
        done = subprocess.run(
            ["valgrind", "--tool=callgrind", "--toggle-collect=CountedRun", "--dump-after=CountedRun",
             "--callgrind-out-file=%s/out" % directory, program],
            capture_output=True, text=True, env={**os.environ, **PLAIN})
        if done.returncode != 0:
            sys.exit("exit status %d\n%s%s" % (done.returncode, done.stdout, done.stderr[-2000:]))
        totals = {}
        for path in glob.glob(directory + "/out.*"):
            with open(path) as file:
                totals[int(path.rsplit(".", 1)[1])] = int(re.search(r"^(?:totals|summary): (\d+)", file.read(), re.M)[1])
    cases = [line.split() for line in done.stdout.splitlines()]
    return {name: totals[number] / int(operations) for number, (name, operations) in enumerate(cases, 1)}


def main():
    counted = count(sys.argv[1])
    if "--write" in sys.argv[2:]:
        with open(EXPECTED, "w") as file:
            json.dump({name: round(value) for name, value in counted.items()}, file, indent=2)
            file.write("\n")
    with open(EXPECTED) as file:
        expected = json.load(file)
    more = []
    print("%-10s %9s %9s" % ("operation", "counted", "expected"))
    for name in [*counted, *(name for name in expected if name not in counted)]:
        here, there = counted.get(name), expected.get(name)
        change = here / there - 1 if here and there else 0
        verdict = ""
        if not here or not there or change > TOLERANCE:
            more.append(name)
            verdict = "MORE" if here and there else "in one table only"
        elif change < -TOLERANCE:
            verdict = "less: --write, and commit it"
        print("%-10s %9.0f %9.0f %+6.1f %% %s" % (name, here or 0, there or 0, 100 * change, verdict))
    if more:
        sys.exit("more instructions than expected: %s; --write if that is meant" % " ".join(more))


if __name__ == "__main__":
    main()
