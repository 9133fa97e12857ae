"""Ctrl-C and SIGTERM end what we start, whatever the process before it left switched off."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

INHERITED = {
    "nothing": "",
    "ignored": "for n in ENDS: signal.signal(n, signal.SIG_IGN)",
    "blocked": "signal.pthread_sigmask(signal.SIG_BLOCK, ENDS)",
}
START = """
import os, signal, sys
ENDS = (signal.SIGINT, signal.SIGTERM)
{inherited}
os.execv(sys.executable, [sys.executable, "-c", sys.argv[1]])
"""
DEMO = """
import time
from devservers.interrupts import raise_on_signals
raise_on_signals()
try:
    print("ready", flush=True)
    time.sleep(30)
except KeyboardInterrupt:
    print("interrupted")
"""
APART = """
import threading
from devservers.interrupts import apart, raise_on_signals
raise_on_signals()
gone = threading.Event()
def work():
    try:
        print("ready", flush=True)
        gone.wait(30)
    finally:
        print("work has ended")
try:
    apart(work, gone.set)
except KeyboardInterrupt:
    print("interrupted")
"""
AS_IT_BEGINS = """
import threading
from devservers.interrupts import apart
gone, begun, start = threading.Event(), threading.Event(), threading.Thread.start
def work():
    try:
        begun.set()
        gone.wait(30)
    finally:
        print("work has ended")
def start_and_interrupt(thread):
    start(thread)
    begun.wait(30)
    raise KeyboardInterrupt
threading.Thread.start = start_and_interrupt
try:
    apart(work, gone.set)
except KeyboardInterrupt:
    print("interrupted")
"""
LOADER = """
import threading
from loader.runtime.signals import stopped_by_signals
stop = threading.Event()
with stopped_by_signals(stop):
    print("ready", flush=True)
    if stop.wait(30):
        print("interrupted")
"""


@pytest.mark.parametrize("program", [DEMO, LOADER], ids=["demo", "loader"])
@pytest.mark.parametrize("inherited", INHERITED)
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_signal_arrives_whatever_was_inherited(program: str, inherited: str, end: signal.Signals) -> None:
    assert said_after(end, program, inherited) == "ready\ninterrupted\n"


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_work_that_is_done_apart_ends_before_the_interrupt_goes_on(end: signal.Signals) -> None:
    assert said_after(end, APART, "nothing") == "ready\nwork has ended\ninterrupted\n"


def test_work_ends_first_also_where_the_interrupt_comes_while_its_thread_begins() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", AS_IT_BEGINS], check=True, stdout=subprocess.PIPE, text=True, timeout=40
    )
    assert ran.stdout == "work has ended\ninterrupted\n"


def said_after(end: signal.Signals, program: str, inherited: str) -> str:
    """All that a program prints that gets this signal as soon as it is ready."""
    start = START.format(inherited=INHERITED[inherited])
    child = subprocess.Popen([sys.executable, "-c", start, program], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    ready = child.stdout.readline()
    child.send_signal(end)
    return ready + child.communicate(timeout=40)[0]
