"""A file system of its own, small enough to be filled."""

import errno
import os
import subprocess
import unittest

MIB = 1 << 20


class SmallDisk:
    """ext4 in a file, which behaves like a real disk; where loop devices are not to be had, memory. Needs root."""

    def __init__(self, base, megabytes):
        self.path, image = os.path.join(base, "disk"), os.path.join(base, "disk.img")
        self.ballast = os.path.join(self.path, "ballast")
        os.mkdir(self.path)
        with open(image, "wb") as file:
            file.truncate(megabytes * MIB)
        for ways in (
                (("mkfs.ext4", "-q", "-m", "0", image), ("mount", "-o", "loop", image, self.path)),
                (("mount", "-t", "tmpfs", "-o", "size=%dm" % megabytes, "none", self.path),)):
            if all(self._run(way) for way in ways):
                return
        raise unittest.SkipTest("no file system can be mounted here: a full disk was not tested")

    @staticmethod
    def _run(words):
        try:
            path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
            return subprocess.run(words, env={**os.environ, "PATH": path}, capture_output=True).returncode == 0
        except FileNotFoundError:
            return False

    def remove(self):
        self._run(("umount", "--lazy", self.path))

    def free(self):
        space = os.statvfs(self.path)
        return space.f_bavail * space.f_frsize

    def leave(self, megabytes):
        """Takes the rest, out of everybody's reach."""
        with open(self.ballast, "ab") as file:
            taken = self.free() - megabytes * MIB
            while taken > 0:
                try:
                    os.posix_fallocate(file.fileno(), os.path.getsize(self.ballast), taken)
                    return
                except OSError as error:  # somebody else took a part of it
                    if error.errno != errno.ENOSPC:
                        raise
                    taken = min(self.free() - megabytes * MIB, taken // 2)

    def make_room(self):
        os.remove(self.ballast)
