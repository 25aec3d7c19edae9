#!/bin/sh
# Creates the administrator. wt-install runs this once, on the host, when the services are up; running it again changes
# nothing. In: WT_STACK (the stack's name), WT_HOME, WT_DATA.
#
# The password never passes here: web has it as a secret, and the rest in its configuration.
set -eu

: "${WT_STACK:?the name of the stack}"
WAIT=120 # seconds

container() {
    docker ps --quiet --no-trunc --filter "label=com.docker.swarm.service.name=${WT_STACK}_web" \
        --filter status=running --filter health=healthy | head -n 1
}

waited=0
id=$(container)
while [ -z "$id" ]; do
    if [ "$waited" -ge "$WAIT" ]; then
        echo "init-data: no healthy container of service \`${WT_STACK}_web\` after $WAIT seconds" >&2
        exit 1
    fi
    sleep 1
    waited=$((waited + 1))
    id=$(container)
done

exec docker exec "$id" /standin init-data
