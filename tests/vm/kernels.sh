#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# kernels.sh DEST NAME... - unpacks Debian's cloud kernels into DEST/NAME; installs nothing.
#
# NAME: 5.10, 6.1, 6.12, or new (the newest that Debian has packaged so far). What is there already
# stays as it is: remove DEST/NAME to get a newer one. The archives' addresses are those that this
# machine's apt uses; lists and packages go to a directory of their own, signatures are checked with
# Debian's keyring. Says one line for each NAME; exit status 1 when one of them could not be had.
set -euo pipefail

keyring=/usr/share/keyrings/debian-archive-keyring.gpg
dest=$(realpath -m "${1:?usage: kernels.sh DEST NAME...}")
shift
apt_dir=$dest/.apt

die() {
	echo "kernels: $*" >&2
	exit 1
}

# The package whose name matches, with the highest version in its name.
pattern() {
	case $1 in
	5.10) echo '^linux-image-5\.10\.0-[0-9]+-cloud-amd64$' ;;
	6.1) echo '^linux-image-6\.1\.0-[0-9]+-cloud-amd64$' ;;
	6.12) echo '^linux-image-6\.12\.[0-9]+\+deb12-cloud-amd64$' ;;
	new) echo '^linux-image-[6-9]\.[0-9.]+\+deb[0-9]+-cloud-amd64$' ;;
	*) die "no kernel named '$1': must be 5.10, 6.1, 6.12 or new" ;;
	esac
}

# archive LABEL: address of Debian's archive of that label
archive() {
	apt-get indextargets --format "\$(ORIGIN)|\$(LABEL)|\$(REPO_URI)" |
		awk -F '|' -v label="$1" '$1 == "Debian" && $2 == label && !seen++ { print $3 }'
}

configure() {
	local main security
	main=$(archive Debian)
	security=$(archive Debian-Security)
	[ -n "$main" ] || die "apt has no source of Debian's main archive (apt-get indextargets)"
	[ -n "$security" ] || die "apt has no source of Debian's security archive"
	[ -f "$keyring" ] || die "no $keyring (apt-get install debian-archive-keyring)"
	mkdir -p "$apt_dir/lists/partial" "$apt_dir/cache/archives/partial"
	cat >"$apt_dir/sources" <<-END
		deb [signed-by=$keyring] $security bullseye-security main
		deb [signed-by=$keyring] $security bookworm-security main
		deb [signed-by=$keyring] $main trixie-backports main
	END
	cat >"$apt_dir/conf" <<-END
		Dir::Etc::sourcelist "$apt_dir/sources";
		Dir::Etc::sourceparts "/dev/null";
		Dir::State::lists "$apt_dir/lists";
		Dir::Cache "$apt_dir/cache";
		APT::Sandbox::User "root";
		Acquire::http::Timeout "20";
		Acquire::Retries "2";
	END
	export APT_CONFIG=$apt_dir/conf
	apt-get -qq update || die "apt-get update failed"
}

# From Debian 13's 7.x on an image is split: image, modules, and what both share.
packages() {
	local version=${1#linux-image-}
	if apt-cache show "linux-modules-$version" >/dev/null 2>&1; then
		echo "linux-binary-$version linux-modules-$version linux-base-$version"
	else
		echo "$1"
	fi
}

unpack() {
	local name=$1 image package work=$dest/.unpack
	image=$(apt-cache search --names-only "$(pattern "$name")" | awk '{print $1}' | sort -V | tail -n 1)
	if [ -z "$image" ]; then
		echo "$name: not in the archive"
		return 1
	fi
	rm -rf "$work"
	mkdir -p "$work/root"
	for package in $(packages "$image"); do
		(cd "$work" && apt-get -qq download "$package") || return 1
		dpkg-deb -x "$work/${package}"_*.deb "$work/root"
	done
	mv "$work/root" "$dest/$name"
	rm -rf "$work"
	echo "$name: ${image#linux-image-}"
}

main() {
	local name failed=0 wanted=()
	for name in "$@"; do
		pattern "$name" >/dev/null
		if [ -d "$dest/$name" ]; then
			echo "$name: there"
		else
			wanted+=("$name")
		fi
	done
	[ ${#wanted[@]} -gt 0 ] || return 0
	configure
	for name in "${wanted[@]}"; do
		unpack "$name" || failed=1
	done
	rm -rf "$apt_dir"
	return $failed
}

main "$@"
