#!/bin/sh
# Installs from Debian's packages what the tests run against, when it is missing and one may; else says what to install.
#   install_services.sh [PROGRAM ...]     only what these programs need; all when none is named
set -eu

# program, where it may be besides PATH, Debian's packages
services='
Orthanc /usr/sbin/Orthanc orthanc
libOrthancDicomWeb.so /usr/share/orthanc/plugins/libOrthancDicomWeb.so orthanc-dicomweb
dcmqrscp /usr/bin/dcmqrscp dcmtk
initdb /usr/lib/postgresql/*/bin/initdb postgresql
chromium /usr/bin/chromium chromium
npm /usr/bin/npm npm
redis-server /usr/bin/redis-server redis-server
nginx /usr/sbin/nginx nginx-light
wrk /usr/bin/wrk wrk
h2load /usr/bin/h2load nghttp2-client
promtool /usr/bin/promtool prometheus
rsyslogd /usr/sbin/rsyslogd rsyslog
lmnsd_gtls.so /usr/lib/*/rsyslog/lmnsd_gtls.so rsyslog-gnutls
amtool /usr/bin/amtool prometheus-alertmanager
systemd-analyze /usr/bin/systemd-analyze systemd
wg-quick /usr/bin/wg-quick wireguard-tools
wireguard-go /usr/bin/wireguard-go wireguard-go
nft /usr/sbin/nft nftables
faketime /usr/bin/faketime faketime
'

present() {
    command -v "$1" >/dev/null 2>&1 && return 0
    for candidate in $2; do
        [ -e "$candidate" ] && return 0
    done
    return 1
}

wanted() {
    name=$1
    shift
    [ $# -eq 0 ] && return 0
    for program in "$@"; do
        [ "$program" = "$name" ] && return 0
    done
    return 1
}

missing=$(
    echo "$services" | while read -r program path package; do
        [ -n "$program" ] || continue
        wanted "$program" "$@" || continue
        present "$program" "$path" || echo "$package"
    done | sort -u | tr '\n' ' '
)
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "missing for the tests: $missing(as root on Debian: apt-get install --no-install-recommends $missing)" >&2
    exit 1
fi
echo "installing for the tests: $missing"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# A service that a package would start takes ports that the tests do not expect to be taken; they start their own.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    trap 'rm -f "$policy"' EXIT
fi
# shellcheck disable=SC2086 # one word for each package
apt-get install -y -qq --no-install-recommends $missing
