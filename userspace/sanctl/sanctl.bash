# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Completion of sanctl for bash: asks sanctl itself what may come next, so that it never drifts.

_sanctl()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
	local options="--file --json --server --timeout --watch --rate --count --seconds --service
		--reason --interface --source --destination --protocol --source-port
		--destination-port --prefix --replace --leased --ca --cert --key --token-file --map
		--metric --src --dst --sg --tenant --syntax-only --confirm --comment --if-revision --since
		--kept --version --help"
	local words=() server=() i

	COMPREPLY=()
	case $prev in
	-f | --file | --ca | --cert | --key | --token-file | --sg)
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return
		;;
	--server | --timeout | --watch | --rate | --count | --seconds | --reason | --interface | \
		--source | --destination | --source-port | --destination-port | --prefix | --map | \
		--metric | --src | --dst | --tenant | --confirm | --comment | --if-revision | --since)
		return
		;;
	--protocol)
		mapfile -t COMPREPLY < <(compgen -W "tcp udp icmp icmp6" -- "$cur")
		return
		;;
	esac
	if [[ $cur == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur")
		return
	fi
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		--server)
			# bash takes unix:/PATH and --server=X apart at : and =
			[[ ${COMP_WORDS[i + 1]} == = ]] && ((i++))
			server=(--server "${COMP_WORDS[++i]}")
			while ((i + 2 < COMP_CWORD)) && [[ ${COMP_WORDS[i + 1]} == +(:) ]]; do
				server[1]+=${COMP_WORDS[i + 1]}${COMP_WORDS[i + 2]}
				((i += 2))
			done
			;;
		-f | --file | --timeout | --watch | --rate | --count | --seconds | --service | --reason | \
			--interface | --source | --destination | --protocol | --source-port | \
			--destination-port | --prefix | --ca | --cert | --key | --token-file | --map | --metric | \
			--src | --dst | --sg | --tenant | --confirm | --comment | --if-revision | --since)
			((i++))
			;;
		-*) ;;
		*)
			words+=("${COMP_WORDS[i]}")
			;;
		esac
	done
	if [[ ${words[0]} == nemo && ${words[1]} == @(check|plan|apply) ]]; then
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return
	fi
	[[ $prev == --service ]] && words=(service get)
	mapfile -t COMPREPLY < <(compgen -W \
		"$("${COMP_WORDS[0]}" "${server[@]}" __complete "${words[@]}" 2>/dev/null)" -- "$cur")
}

complete -F _sanctl sanctl
