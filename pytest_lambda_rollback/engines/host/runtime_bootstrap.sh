#!/bin/sh
# The entry of /var/runtime: runs its arguments, through the wrapper script if one is set.
# https://docs.aws.amazon.com/lambda/latest/dg/runtimes-modify.html#runtime-wrapper
wrapper=$AWS_LAMBDA_EXEC_WRAPPER
[ -n "$wrapper" ] || exec "$@"
if [ ! -f "$wrapper" ]; then
    echo "$wrapper: does not exist"
    exit 127
fi
if [ ! -x "$wrapper" ]; then
    echo "$wrapper: is not an executable"
    exit 126
fi
exec "$wrapper" "$@"
