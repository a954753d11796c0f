#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# make run: package this system's Python, sign it, install it, start its alias; each command is
# shown before it runs, as a person would type it. What is done already is not done again.
# The package is made in BUILD/python. The key is not: whoever says yes to the checkout would give
# it away, and it signs what this user installs; appsilo's own directory is on the never list.
#
# usage: tools/run.sh BUILD [PYTHON-ARG...]
set -eu

build=$1
shift
appsilo=$build/src/cli/appsilo
made=$build/python
package=$made/python.msix
publisher="CN=appsilo development"
system_python=$(readlink -f /usr/bin/python3)
name=${system_python##*/}
data=${XDG_DATA_HOME:-}
case $data in
/*) ;;
*) data=$HOME/.local/share ;; # as the programs read it
esac
alias=$data/appsilo/aliases/$name
keys=$data/appsilo/development
key=$keys/key.pem
certificate=$keys/certificate.pem
step=0

say() {
	step=$((step + 1))
	printf '\n%d. %s\n' "$step" "$1"
}

quote() {
	case $1 in
	*[!A-Za-z0-9_./:=@%+,-]*) printf " '%s'" "$(printf %s "$1" | sed "s/'/'\\\\''/g")" ;;
	*) printf ' %s' "$1" ;;
	esac
}

show() {
	printf '   $'
	for word; do
		quote "$word"
	done
	printf '\n'
}

# What comes on the standard input is for Python.
run() {
	show "$@"
	"$@" </dev/null
}

# The family that the alias starts, if it starts it with the programs built here.
alias_family() {
	[ -x "$alias" ] && grep -qF "$(readlink -f "$appsilo")" "$alias" || return 0
	sed -n "s|^.* --alias='\{0,1\}\([^!']*\)!.*|\1|p" "$alias"
}

# Undamaged, as it was installed?
is_ready() {
	family=$(alias_family)
	[ -n "$family" ] && "$appsilo" show --json "$family" 2>/dev/null | grep -q '"problem":null'
}

is_trusted() {
	thumbprint=$("$appsilo" cert show --json "$certificate" |
		sed -n 's/.*"thumbprint":"\([0-9a-f]*\)".*/\1/p')
	"$appsilo" trust list --json | grep -q "$thumbprint"
}

prepare() {
	mkdir -p "$made"
	if [ ! -e "$package" ]; then
		say "Pack this system's Python, with every library it needs, into a package."
		run "$appsilo" pack-python --from /usr --publisher "$publisher" -o "$package"
	fi
	if [ ! -e "$key" ]; then
		say "Make a certificate for development. Its key is where no isolated program can be let in."
		(umask 077 && run mkdir -p "$keys")
		run "$appsilo" cert new --subject "$publisher" -o "$keys"
	fi
	say "Sign the package. Its Publisher is who the certificate says."
	run "$appsilo" sign --key "$key" "$package"
	if ! is_trusted; then
		say "Trust that certificate, for you alone: only trusted signers' packages install."
		run "$appsilo" trust add "$certificate"
	fi
	say "Install the package, for you alone. Every block of it is checked."
	run "$appsilo" install "$package"
}

if ! is_ready; then
	prepare
	is_ready || {
		echo "run: $alias does not start this package; move it away and try again" >&2
		exit 1
	}
fi

signer=$("$appsilo" show --json "$family" | sed -n 's/.*"fingerprint":"\([0-9a-f]*\)".*/\1/p')
printf '\n%s is installed, as %s. To take it away again:\n' "$name" "$family"
show "$appsilo" uninstall "$family"
show "$appsilo" trust remove "$(printf %.16s "$signer")"
[ ! -d "$keys" ] || show rm -r "$keys"

say "Start it."
if (: </dev/tty) 2>/dev/null; then
	echo "   It asks for the current directory. With \"no\" it starts all the same, and"
	echo "   import os; os.listdir(\".\")  raises PermissionError. Leave it with Ctrl-D."
else
	echo "   No terminal to ask on: what it would ask for is denied."
fi
show "$alias" "$@"
echo
exec "$alias" "$@"
