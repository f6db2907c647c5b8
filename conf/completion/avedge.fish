# Completion of mediarelayd, mrasd, avedge-load and avedge-offload for fish: the options of --help, and files for
# everything else.

function __avedge_options
	set -l words (commandline -opc)

	$words[1] --help 2>/dev/null | grep -oE -e '(^|[ ,])--[a-z][a-z0-9-]*' | tr -d ' ,' | sort -u
end
for program in mediarelayd mrasd avedge-load avedge-offload
	complete -c $program -n 'string match -q -- "-*" (commandline -ct)' -a '(__avedge_options)'
end
