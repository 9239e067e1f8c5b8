#!/bin/sh
# Entry point of the stand-in base image, called as in AWS's base images: one
# argument, the handler. With a Runtime API given, the runtime starts at once;
# without one, an emulator has to provide it.
set -eu

if [ "$#" -ne 1 ] || [ -z "$1" ]; then
    echo "lambda-entrypoint.sh: give the handler as the one argument, e.g. app.handler" >&2
    exit 142
fi

_HANDLER=$1
export _HANDLER

if [ -n "${AWS_LAMBDA_RUNTIME_API:-}" ]; then
    exec /var/runtime/bootstrap
fi

emulator=/usr/local/bin/aws-lambda-rie
if [ ! -x "$emulator" ]; then
    echo "lambda-entrypoint.sh: AWS_LAMBDA_RUNTIME_API is not set and this image has no" \
        "$emulator; set the variable to host:port of a Runtime API" >&2
    exit 127
fi
exec "$emulator" /var/runtime/bootstrap
