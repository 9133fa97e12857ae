#!/bin/bash
# HBase in the background, its Thrift2 server (binary protocol, buffered transport, port 9090) beside it; ends when either does.
set -e
/opt/hbase/bin/hbase master start &
/opt/hbase/bin/hbase thrift2 start &
trap 'kill $(jobs -p)' TERM INT
wait -n
