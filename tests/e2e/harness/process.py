"""Child processes whose output is read as it comes, and which never outlive the test run."""

import ctypes
import os
import re
import signal
import subprocess
import threading
import time

from harness.awaiting import DEADLINE_S

PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None, use_errno=True)


def end_with_parent():
    """Runs in the child: the kernel kills it when the test run dies, however that happens."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Lines:
    """What a stream has brought so far, and a way to await more of it."""

    def __init__(self, stream):
        self._changed = threading.Condition()
        self._lines = []
        self._ended = False
        self._reader = threading.Thread(target=self._read, args=(stream,), daemon=True)
        self._reader.start()

    def wait_for(self, pattern, deadline_s=DEADLINE_S):
        """Returns the match of the first line in which `pattern` is found, past or to come."""
        searched = 0
        end = time.monotonic() + deadline_s
        with self._changed:
            while True:
                for line in self._lines[searched:]:
                    match = re.search(pattern, line)
                    if match:
                        return match
                searched = len(self._lines)
                left = end - time.monotonic()
                if self._ended or left <= 0:
                    reason = "the output ended" if self._ended else f"{deadline_s:g} s passed"
                    raise AssertionError(f"{reason} without {pattern!r}; it said:\n{''.join(self._lines[-40:])}")
                self._changed.wait(left)

    def text(self):
        with self._changed:
            return "".join(self._lines)

    def join(self):
        """Awaits the end of the stream, so that `text` is complete."""
        self._reader.join(DEADLINE_S)

    def _read(self, stream):
        for line in stream:
            with self._changed:
                self._lines.append(line)
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        stream.close()


class Process:
    """One running child: `out` and `err` are its streams."""

    def __init__(self, command, env=None, cwd=None, pass_fds=()):
        self._child = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
            env=None if env is None else {**os.environ, **env},
            cwd=cwd,
            preexec_fn=end_with_parent,
            pass_fds=pass_fds,
        )
        self.out = Lines(self._child.stdout)
        self.err = Lines(self._child.stderr)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.running():
            self.kill()

    @property
    def pid(self):
        return self._child.pid

    def wait(self, deadline_s=DEADLINE_S):
        """Awaits the end and returns the exit status; a child that does not end is killed and fails the test."""
        try:
            status = self._child.wait(deadline_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"still running after {deadline_s:g} s: {self._child.args}\n{self.err.text()[-4000:]}") from None
        self.out.join()
        self.err.join()
        return status

    def send(self, number):
        self._child.send_signal(number)

    def stop(self, number=signal.SIGTERM, deadline_s=DEADLINE_S):
        """Sends the signal and awaits the end; returns the exit status."""
        self.send(number)
        return self.wait(deadline_s)

    def kill(self):
        self._child.kill()
        return self.wait()

    def running(self):
        return self._child.poll() is None


def run(command, env=None, deadline_s=DEADLINE_S):
    """Runs a command to its end and returns it, its exit status in `status`."""
    process = Process(command, env=env)
    process.status = process.wait(deadline_s)
    return process


def output(command, env=None, deadline_s=DEADLINE_S):
    """Standard output of a command that must succeed."""
    process = run(command, env=env, deadline_s=deadline_s)
    assert process.status == 0, f"{command[0]} ended with {process.status}:\n{process.err.text()[-4000:]}"
    return process.out.text()
