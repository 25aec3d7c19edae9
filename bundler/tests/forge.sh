# What somebody without the vendor's keys can do to a bundle, for tests of what they must not get away with.
#
#   forge.sh BUNDLE TRUST threshold                 a trust document with the vendor's roots and threshold 0; all else by
#                                                   a key of the forger's own
#   forge.sh BUNDLE TRUST stripped                  the same without a signature on it
#   forge.sh BUNDLE TRUST untrusted                 the vendor's trust document; all else by a key of the forger's own
#   forge.sh BUNDLE TRUST signed KEY CERT [SED]     a manifest changed by SED and signed by a key that was certified for
#                                                   something else
#   forge.sh BUNDLE TRUST kind KEY CERT             the manifest as a document of another kind
#   forge.sh BUNDLE TRUST hidden                    all documents as they are; a tar of the forger's own where zeros were, and
#                                                   zstd told to skip something else
#   forge.sh BUNDLE TRUST added                     the same, but the tar has no end: the vendor's goes on behind it
#   forge.sh BUNDLE.001 TRUST front                 a volume BUNDLE.000 with a tar of the forger's own
#
# BUNDLE and TRUST are changed where they are; BUNDLE is one file, or its first volume.
set -euo pipefail
BUNDLE=$1 TRUST=$2 HOW=$3
WORK=$(mktemp -d)
trap 'rm -r "$WORK"' EXIT

payload() { sed 's/.*"payload":"\([^"]*\)".*/\1/' | base64 -d; }
public() { openssl pkey -in "$1" -pubout -outform DER | base64 -w0; }
seal() { # TYPE KEY [TYPE THAT IS SIGNED]: an envelope around what is on stdin
    cat >"$WORK/payload"
    local type=${3:-$1} id
    { printf 'DSSEv1 %d %s %d ' "${#type}" "$type" "$(wc -c <"$WORK/payload")"; cat "$WORK/payload"; } >"$WORK/signed"
    openssl pkeyutl -sign -inkey "$2" -rawin -in "$WORK/signed" -out "$WORK/signature"
    id=$(openssl pkey -in "$2" -pubout -outform DER | sha256sum | cut -d' ' -f1)
    printf '{"payloadType":"%s","payload":"%s","signatures":[{"keyid":"%s","sig":"%s"}]}\n' \
        "$1" "$(base64 -w0 "$WORK/payload")" "$id" "$(base64 -w0 "$WORK/signature")"
}
type_of() { echo "application/vnd.wt.$1.v1+json"; }
little() { local hex; hex=$(printf %08x "$1"); printf "\\x${hex:6:2}\\x${hex:4:2}\\x${hex:2:2}\\x${hex:0:2}"; }
put() { dd of="$BUNDLE" oflag=seek_bytes seek="$1" conv=notrunc status=none; } # AT: over what is there
skip() { printf '\x50\x2a\x4d\x18'; little "$1"; } # BYTES: the start of a skippable frame
own_tar() { # a file, and sums that list it
    mkdir -p "$WORK/own/scripts"
    echo 'echo forged' >"$WORK/own/scripts/forged.sh"
    (cd "$WORK/own" && sha256sum scripts/forged.sh >SHA256SUMS)
    tar -C "$WORK/own" --format=ustar -b 1 -cf - "$@"
}
hide() { # a tar on stdin, in zeros behind the documents; zstd skips to it, and from it to the body
    local documents
    documents=$(wc -c <"$WORK/head")
    zstd -q -c >"$WORK/frame"
    skip $((17 + documents - 8)) | put 0
    { cat "$WORK/frame"; skip $((LENGTH - documents - $(wc -c <"$WORK/frame") - 8)); } | put $((17 + documents))
}
front() { # in 512 bytes; the length of the head says that it is longer by that
    own_tar scripts/forged.sh SHA256SUMS | zstd -q -19 -c >"$WORK/frame"
    { cat "$WORK/frame"; skip $((512 - $(wc -c <"$WORK/frame") - 8)); } >"${BUNDLE%.001}.000"
    truncate -s 512 "${BUNDLE%.001}.000"
    little $((LENGTH + 512)) | put 13
}

LENGTH=$(od -An -tu4 -j13 -N4 "$BUNDLE" | tr -d ' ')
dd if="$BUNDLE" iflag=skip_bytes,count_bytes skip=17 count="$LENGTH" status=none | tr -d '\000' >"$WORK/head"
case $HOW in
hidden) own_tar scripts/forged.sh SHA256SUMS | hide; exit ;;
added) own_tar scripts/forged.sh | head -c -1024 | hide; exit ;;
front) front; exit ;;
esac
KEY=${4:-$WORK/forger.key} CHANGE=${6:-'s/"version":"[0-9.]*"/"version":"66.6.6"/'} SIGNED_TYPE=
[[ -n ${4:-} ]] || openssl genpkey -algorithm ed25519 -out "$KEY" 2>/dev/null
certificate() {
    printf '{"key":"%s","role":"bundle","product":"*","not_before":"2020-01-01T00:00:00Z","not_after":"2099-01-01T00:00:00Z","longest_term_days":null}' \
        "$(public "$KEY")" | seal "$(type_of certificate)" "$KEY"
}
case $HOW in
threshold)
    payload <"$TRUST" | sed 's/"threshold":[0-9]*/"threshold":0/' | base64 -w0 >"$WORK/payload64"
    sed -i "s|\"payload\":\"[^\"]*\"|\"payload\":\"$(cat "$WORK/payload64")\"|" "$TRUST"
    certificate >"$WORK/certificate"
    ;;
stripped)
    payload <"$TRUST" | sed 's/"threshold":[0-9]*/"threshold":0/' | base64 -w0 >"$WORK/payload64"
    sed -i "s|\"payload\":\"[^\"]*\"|\"payload\":\"$(cat "$WORK/payload64")\"|; s|\"signatures\":.*|\"signatures\":[]}|" "$TRUST"
    certificate >"$WORK/certificate"
    ;;
untrusted) certificate >"$WORK/certificate" ;;
signed) cat "$5" >"$WORK/certificate" ;;
kind) cat "$5" >"$WORK/certificate"; SIGNED_TYPE=$(type_of license) ;;
esac
sed -n 1p "$WORK/head" | payload | sed "$CHANGE" >"$WORK/manifest"
{
    seal "${SIGNED_TYPE:-$(type_of bundle)}" "$KEY" <"$WORK/manifest"
    cat "$WORK/certificate"
    cat "$TRUST"
} >"$WORK/new"
truncate -s "$LENGTH" "$WORK/new"
dd if="$WORK/new" of="$BUNDLE" oflag=seek_bytes seek=17 conv=notrunc status=none
