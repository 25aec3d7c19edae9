#!/bin/sh
# Creates the administrator. wt-install runs this once, on the host, when the services are up; running it again changes
# nothing. In: WT_STACK (the stack's name), WT_HOME, WT_DATA.
#
# The password never passes here: web has it as a secret, and the rest in its configuration.
set -eu

: "${WT_STACK:?the name of the stack}"
WAIT=120 # seconds

. "$(dirname "$0")/containers.sh"

waited=0
id=$(healthy_container web)
while [ -z "$id" ]; do
    if [ "$waited" -ge "$WAIT" ]; then
        echo "init-data: no healthy container of service \`${WT_STACK}_web\` after $WAIT seconds" >&2
        exit 1
    fi
    sleep 1
    waited=$((waited + 1))
    id=$(healthy_container web)
done

exec docker exec "$id" /standin init-data
