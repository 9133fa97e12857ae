"""Of all that Spark says of a failure, the one line that tells what happened first."""

import pytest

from loader.basics.errors import from_foreign
from loader.basics.printable import first_line
from loader.runtime.spark_ended import first_cause
from loader.sources.hbase.access.errors import WrongServer
from metastore.errors import NotAMetastore

STREAM = """\
[STREAM_FAILED] Query ads.clicks [id = 1, runId = 2] terminated with exception: No space left on device SQLSTATE: XXKST
=== Streaming Query ===
Identifier: ads.clicks [id = 1, runId = 2]
Current State: ACTIVE
Thread State: RUNNABLE"""
TASK = """\
Job aborted due to stage failure: Task 0 in stage 3.0 failed 1 times, most recent failure: Lost task 0.0
org.apache.spark.api.python.PythonException: Traceback (most recent call last):
  File "/x/worker.py", line 1, in main
    process()
ValueError: 7 bytes are no bigint

\tat org.apache.spark.api.python.BasePythonRunner.read(PythonRunner.scala:1)
Thread State: RUNNABLE"""
JAVA = """\
An error occurred while calling o7.start.
java.lang.RuntimeException: wrapped
\tat A.b(C.java:1)
Caused by: java.io.IOException: middle
\tat A.b(C.java:1)
Caused by: java.net.UnknownHostException: nowhere.example.com
\tat A.b(C.java:1)"""


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        (STREAM, "No space left on device"),
        (TASK, "ValueError: 7 bytes are no bigint"),
        (JAVA, "java.net.UnknownHostException: nowhere.example.com"),
        ("one line", "one line"),
        ("", ""),
    ],
)
def test_the_first_cause_is_told(text: str, cause: str) -> None:
    assert first_cause(text) == cause


def test_an_address_with_another_service_behind_it_ends_alike_whichever_server_it_should_be() -> None:
    metastore = from_foreign(NotAMetastore("not one"))
    assert metastore is not None
    assert WrongServer("not one", "").exit_code == metastore.exit_code == 2


def test_no_name_of_a_python_class_is_left_in_what_a_library_says() -> None:
    said = "Required keyword: 'this' missing for <class 'sqlglot.expressions.string.Trim'>. Line 1\nmore"
    assert first_line(ValueError(said)) == "Required keyword: 'this' missing for Trim. Line 1"
