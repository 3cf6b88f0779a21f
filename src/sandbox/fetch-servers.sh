#!/usr/bin/env bash
# Makes sure that a MariaDB and a MySQL are there for the demo, the tests and the benches.
#
# A server on PATH (or in /usr/sbin) is taken as it is. A missing one is downloaded with apt from the mirror that
# this machine already uses and unpacked under target/servers/: nothing is installed, no service is started, no
# root is needed, and apt's own state is left alone (it gets lists, cache and status of its own). MySQL is not in
# Debian's releases, so it comes from the unstable suite; it runs with the libraries unpacked beside it.
#
# Usage: fetch-servers.sh [mariadb] [mysql]      (without arguments: both)
# A second run finds everything in place and ends at once.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
servers=${BACKFILL_SERVERS_DIR:-${CARGO_TARGET_DIR:-$root/target}/servers}
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

say() { printf 'servers: %s\n' "$*"; }

fail() {
    printf 'servers: %s\n' "$1" >&2
    shift
    for line in "$@"; do printf '         %s\n' "$line" >&2; done
    exit 1
}

# The way out that is always open; every failure ends with it.
own_server() {
    printf 'Or name a server of your own: %s=mysql://user:password@host:port' "BACKFILL_TEST_${1^^}_URL"
}

# Prints "URI SUITE SIGNED-BY" (`-` where no keyring is named) of the first entry of this machine's apt sources
# that is Debian's whole archive with the component main: not security, backports, or somebody else's.
# Reads both formats: stanzas in *.sources, single lines in sources.list and *.list.
archive() {
    local files=()
    for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources; do
        [ -r "$file" ] && files+=("$file")
    done
    [ ${#files[@]} -gt 0 ] || return 0
    awk '
        function offer(types, uris, suites, components, key,    i, n, part, uri, score) {
            if (types !~ /(^| )deb( |$)/ || components !~ /(^| )main( |$)/) return
            split(uris, part, " ")
            uri = part[1]
            # Debian itself, not somebody who offers packages for it.
            score = key ~ /debian-archive/ ? 3 : uri ~ /debian\/?$/ ? (key ~ /^\// ? 1 : 2) : 0
            n = split(suites, part, " ")
            for (i = 1; i <= n; i++) if (part[i] !~ /[-\/]/ && score > best) {
                best = score
                found = uri " " part[i] " " (key ~ /^\// ? key : "-")
            }
        }
        function close_stanza() {
            if (field["enabled"] !~ /^(no|false|0)/)
                offer(field["types"], field["uris"], field["suites"], field["components"], field["signed-by"])
            delete field
            name = ""
        }
        FNR == 1 { if (stanzas) close_stanza(); stanzas = FILENAME ~ /\.sources$/ }
        /^[ \t]*#/ { next }
        stanzas && /^[ \t]*$/ { close_stanza(); next }
        stanzas && /^[ \t]/ { gsub(/^[ \t]+|[ \t]+$/, ""); field[name] = field[name] " " $0; next }
        stanzas {
            at = index($0, ":")
            name = tolower(substr($0, 1, at - 1))
            value = substr($0, at + 1)
            gsub(/^[ \t]+|[ \t]+$/, "", value)
            field[name] = value
            next
        }
        $1 == "deb" {
            line = $0
            key = ""
            if (match(line, /\[[^]]*\]/)) {
                options = substr(line, RSTART + 1, RLENGTH - 2)
                line = substr(line, 1, RSTART - 1) " " substr(line, RSTART + RLENGTH)
                if (match(options, /signed-by=[^ ,\]]*/)) key = substr(options, RSTART + 10, RLENGTH - 10)
            }
            sub(/#.*/, "", line)
            n = split(line, word, " ")
            components = ""
            for (i = 4; i <= n; i++) components = components " " word[i]
            offer("deb", word[2], word[3], components, key)
        }
        END { if (stanzas) close_stanza(); if (found != "") print found }
    ' "${files[@]}"
}

# unpack FLAVOUR SUITE PROGRAM PACKAGE...: downloads the packages and all they need, and unpacks them to
# $servers/FLAVOUR, complete or not at all. SUITE `-` is the one this machine runs.
unpack() {
    local flavour=$1 suite=$2 program=$3
    shift 3
    for tool in apt-get dpkg dpkg-deb; do
        command -v "$tool" >/dev/null || fail "there is no $flavour here, and no $tool to download one" \
            "Install $flavour so that $program is on PATH." "$(own_server "$flavour")"
    done
    local uri own_suite key
    read -r uri own_suite key < <(archive) || true
    [ -n "${uri:-}" ] || fail "there is no $flavour here, and no Debian archive in /etc/apt to download one from" \
        "Install $flavour so that $program is on PATH." "$(own_server "$flavour")"
    [ "$suite" != - ] || suite=$own_suite
    [ "$key" != - ] || [ ! -r /usr/share/keyrings/debian-archive-keyring.gpg ] ||
        key=/usr/share/keyrings/debian-archive-keyring.gpg

    say "downloading $flavour ($*) from $uri $suite"
    local apt=$servers/apt-$flavour fresh=$servers/.$flavour.unpacking
    rm -rf "$apt" "$fresh"
    mkdir -p "$apt/none" "$apt/lists/partial" "$apt/cache/archives/partial" "$fresh"
    : >"$apt/status"
    local options="target=Packages arch=$(dpkg --print-architecture)"
    [ "$key" = - ] || options+=" signed-by=$key"
    printf 'deb [%s] %s %s main\n' "$options" "$uri" "$suite" >"$apt/sources.list"
    # Read after the system's configuration, whose proxies and credentials still count; its hooks do not.
    cat >"$apt/apt.conf" <<-CONF
	Dir::Etc { SourceList "$apt/sources.list"; SourceParts "-"; Preferences "$apt/none"; PreferencesParts "$apt/none"; };
	Dir::State "$apt"; Dir::State::Lists "$apt/lists"; Dir::State::status "$apt/status";
	Dir::Cache "$apt/cache"; Dir::Cache::Archives "$apt/cache/archives"; Dir::Cache::pkgcache ""; Dir::Cache::srcpkgcache "";
	APT::Sandbox::User "$(id -un)"; APT::Install-Recommends "false"; APT::Get::Assume-Yes "true";
	Acquire::Languages "none"; Acquire::Retries "3";
	#clear APT::Update::Pre-Invoke;
	#clear APT::Update::Post-Invoke;
	#clear APT::Update::Post-Invoke-Success;
	#clear DPkg::Post-Invoke;
	CONF
    local get=(apt-get -qq -c "$apt/apt.conf")
    "${get[@]}" update || fail "apt cannot read the lists of $uri $suite" \
        "Is the network there? A proxy is taken from apt's own configuration." "$(own_server "$flavour")"
    "${get[@]}" install --download-only "$@" || fail "apt cannot download $* from $suite" \
        "The lines above are apt's own." "$(own_server "$flavour")"

    say "unpacking $(find "$apt/cache/archives" -name '*.deb' | wc -l) packages to $servers/$flavour"
    local deb
    for deb in "$apt"/cache/archives/*.deb; do
        dpkg-deb -x "$deb" "$fresh" || fail "unpacking $(basename "$deb") failed" \
            "Is the disk full? About 600 MB are needed under $servers."
    done
    [ -x "$fresh/usr/sbin/$program" ] || fail "the packages $* hold no usr/sbin/$program" "$(own_server "$flavour")"
    rm -rf "${servers:?}/$flavour"
    mv "$fresh" "$servers/$flavour"
    rm -rf "$apt"
    say "$flavour is in $servers/$flavour"
}

# Whether the server on PATH runs and is what its name says: on Debian `mysqld` may be MariaDB's.
on_path() {
    local program=mysqld version
    [ "$1" = mysql ] || program=mariadbd
    version=$("$program" --no-defaults --version 2>/dev/null) || return 1
    case $version in
    *MariaDB*) [ "$1" = mariadb ] ;;
    *) [ "$1" = mysql ] ;;
    esac
}

ensure() {
    local flavour=$1 url="BACKFILL_TEST_${1^^}_URL"
    if [ -n "${!url:-}" ]; then
        say "$flavour: $url names one"
    elif on_path "$flavour"; then
        say "$flavour: installed"
    elif [ -d "$servers/$flavour" ]; then
        say "$flavour: in $servers/$flavour"
    else
        case $flavour in
        mariadb) unpack mariadb - mariadbd mariadb-server-core ;;
        mysql) unpack mysql unstable mysqld mysql-server-core ;;
        esac
    fi
}

[ $# -gt 0 ] || set -- mariadb mysql
mkdir -p "$servers"
servers=$(cd "$servers" && pwd)
# Two runs at once would unpack over each other.
if command -v flock >/dev/null; then
    exec 9>"$servers/.lock"
    flock 9
fi
for flavour in "$@"; do
    case $flavour in
    mariadb | mysql) ensure "$flavour" ;;
    *) fail "$flavour is neither mariadb nor mysql" ;;
    esac
done
