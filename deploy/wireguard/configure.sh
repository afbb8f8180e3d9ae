#!/bin/sh
# Makes keys and writes both ends' WireGuard configuration; see docs/wireguard.md.
#   configure.sh --endpoint HOST --pacs ADDRESS[,ADDRESS...] --output DIR [--pacs-ports P,P] [--radgate-ports P,P]
#                [--port P] [--cloud-address A] [--site-address A] [--folder DIR]
set -eu
umask 077

endpoint='' pacs='' output='' port=51820
pacs_ports=2762 radgate_ports=2762,443
cloud_address=10.99.0.1 site_address=10.99.0.2 folder=/etc/wireguard

usage() {
    sed -n '3,4s/^# *//p' "$0" >&2
    exit 2
}

while [ $# -gt 0 ]; do
    [ $# -ge 2 ] || usage
    case $1 in
        --endpoint) endpoint=$2 ;;
        --pacs) pacs=$2 ;;
        --output) output=$2 ;;
        --port) port=$2 ;;
        --pacs-ports) pacs_ports=$2 ;;
        --radgate-ports) radgate_ports=$2 ;;
        --cloud-address) cloud_address=$2 ;;
        --site-address) site_address=$2 ;;
        --folder) folder=$2 ;;
        *) usage ;;
    esac
    shift 2
done
[ -n "$endpoint" ] && [ -n "$pacs" ] && [ -n "$output" ] || usage

here=$(dirname "$0")
cloud_private=$(wg genkey)
site_private=$(wg genkey)
cloud_public=$(echo "$cloud_private" | wg pubkey)
site_public=$(echo "$site_private" | wg pubkey)
preshared=$(wg genpsk)

# Private keys pass by a file that only its owner may read, never by a command line, which all users of the machine see.
rules=$(mktemp)
trap 'rm -f "$rules"' EXIT
cat >"$rules" <<RULES
s|@ENDPOINT@|$endpoint|g
s|@PORT@|$port|g
s|@PACS_ADDRESSES@|$pacs|g
s|@PACS_PORTS@|$pacs_ports|g
s|@RADGATE_PORTS@|$radgate_ports|g
s|@CLOUD_ADDRESS@|$cloud_address|g
s|@SITE_ADDRESS@|$site_address|g
s|@FOLDER@|$folder|g
s|@CLOUD_PRIVATE_KEY@|$cloud_private|g
s|@CLOUD_PUBLIC_KEY@|$cloud_public|g
s|@SITE_PRIVATE_KEY@|$site_private|g
s|@SITE_PUBLIC_KEY@|$site_public|g
s|@PRESHARED_KEY@|$preshared|g
RULES

mkdir -p "$output/cloud" "$output/site"
sed -f "$rules" "$here/cloud.conf.in" >"$output/cloud/rg-cloud.conf"
sed -f "$rules" "$here/site.conf.in" >"$output/site/rg-site.conf"
sed -f "$rules" "$here/site.nft.in" >"$output/site/rg-site.nft"
echo "wrote $output/cloud (for Radgate's machine) and $output/site (for the hospital's gateway)"
