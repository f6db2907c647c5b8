# Completion of avedgectl for fish. The program itself lists the candidates with their descriptions: it
# knows its commands and options, and asks the running daemons for ids, users, keys, subsystems and
# relays.

function __avedgectl_complete
	set -l words (commandline -opc)
	set -l typed (commandline -ct)
	# Of "--option=VALUE" only the value is completed; fish wants the whole word.
	set -l option (string match -r -- '^--[^=]*=' $typed)
	set -l lines ($words[1] --complete-described $words[2..-1] "$typed" 2>/dev/null)

	if test "$lines[1]" = :files
		set lines (__fish_complete_path (string replace -- "$option" '' "$typed"))
	end
	for line in $lines
		echo -- "$option$line"
	end
end
complete -c avedgectl -f -a '(__avedgectl_complete)'
