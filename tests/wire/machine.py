"""A machine that a test can make worse while a server runs on it: its wall clock, its disk. See machine_shim.cc."""

import errno
import mmap
import os
import struct

SHIM = os.environ.get("HOLDFAST_MACHINE_SHIM")
SKIP = "the shim cannot stand before a sanitizer's runtime"
SYNCS, WRITES = 1, 2
WALL_STEP, SYNC_DELAY, FAILING_CALLS, FAILS_AFTER, FAILING_ERRNO, FAILED, FAILED_PATH = range(0, 56, 8)
CONTROL_BYTES = 256


class Machine:
    """`file`: where it keeps what it is told. Only calls below `disk`, a directory, are slow or fail."""

    def __init__(self, file, disk=None):
        self.file, self.disk = file, disk
        with open(file, "w+b") as control:
            control.write(bytes(CONTROL_BYTES))
            control.flush()
            self.control = mmap.mmap(control.fileno(), CONTROL_BYTES)

    def environment(self, *more_shims):
        words = {"LD_PRELOAD": " ".join((SHIM, *more_shims)), "HOLDFAST_MACHINE": self.file}
        return {**words, "HOLDFAST_MACHINE_DISK": self.disk} if self.disk else words

    def _set(self, offset, value):
        self.control[offset:offset + 8] = struct.pack("<q", value)

    def _get(self, offset):
        return struct.unpack("<q", self.control[offset:offset + 8])[0]

    def set_wall_clock(self, ahead_ms):
        """By so much it is ahead of the true one; negative: behind."""
        self._set(WALL_STEP, ahead_ms)

    def delay_syncs(self, ms):
        self._set(SYNC_DELAY, ms)

    def fail(self, calls, number, reason=errno.EIO):
        """The number-th of these calls from now on fails, and no other."""
        self._set(FAILS_AFTER, 0)
        self._set(FAILING_CALLS, calls)
        self._set(FAILING_ERRNO, reason)
        self._set(FAILED, 0)
        self._set(FAILS_AFTER, number)

    def spare(self):
        """Whatever was to fail does not."""
        self._set(FAILS_AFTER, 0)

    @property
    def failed(self):
        return self._get(FAILED)

    @property
    def failed_path(self):
        return self.control[FAILED_PATH:].rstrip(b"\0").decode()
