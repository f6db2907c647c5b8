/*
 * command_line.c - see command_line.h.
 */
#include "base/config/command_line.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/config/config.h"
#include "base/version.h"

static void usage(const struct command_line_texts *texts)
{
	printf("Usage: %s [-c FILE] [--check [--strict]%s]\n"
	       "%s\n\n"
	       "  -c, --config FILE  configuration (default %s)\n"
	       "      --check        check the configuration and the files it names; stop\n"
	       "      --strict       with --check: fail on warnings, too\n"
	       "%s"
	       "      --list-keys    print every key of the configuration, its default and\n"
	       "                     whether a reload applies it\n"
	       "      --version      print the version\n"
	       "      --help         print this\n\n"
	       "%s See %s(8).\n",
	       texts->name, texts->takes_over ? " | --take-over SOCKET" : "",
	       texts->purpose, texts->config,
	       texts->takes_over
		       ? "      --take-over SOCKET\n"
			 "                     take over from the process that listens there, with\n"
			 "                     all calls\n"
		       : "",
	       texts->signals, texts->name);
}

/* The error is already printed. */
static void __attribute__((noreturn)) wrong_usage(const struct command_line_texts *texts)
{
	fprintf(stderr, "Try '%s --help'.\n", texts->name);
	exit(COMMAND_LINE_EXIT_USAGE);
}

struct command_line command_line_read(const struct command_line_texts *texts, int argc,
				      char **argv)
{
	static const struct option options[] = {
		{"config", required_argument, NULL, 'c'},
		{"check", no_argument, NULL, 'k'},
		{"strict", no_argument, NULL, 's'},
		{"take-over", required_argument, NULL, 't'},
		{"list-keys", no_argument, NULL, 'l'},
		{"version", no_argument, NULL, 'V'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	struct command_line arguments = {.config = texts->config};
	int option;

	while ((option = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
		switch (option) {
		case 'c':
			arguments.config = optarg;
			break;
		case 'k':
			arguments.check = true;
			break;
		case 's':
			arguments.strict = true;
			break;
		case 't':
			if (!texts->takes_over) {
				fprintf(stderr, "%s: there is no option --take-over\n",
					texts->name);
				wrong_usage(texts);
			}
			arguments.take_over = optarg;
			break;
		case 'l':
			config_print_keys(texts->schema, stdout);
			exit(EXIT_SUCCESS);
		case 'V':
			printf("%s %s\n", texts->name, version_string());
			exit(EXIT_SUCCESS);
		case 'h':
			usage(texts);
			exit(EXIT_SUCCESS);
		default:
			wrong_usage(texts);
		}
	}
	if (optind < argc) {
		fprintf(stderr, "%s: unexpected argument '%s'\n", texts->name,
			argv[optind]);
		wrong_usage(texts);
	}
	if (arguments.take_over != NULL && arguments.check) {
		fprintf(stderr,
			"%s: --take-over checks first by itself; leave out "
			"--check\n",
			texts->name);
		wrong_usage(texts);
	}
	if (arguments.strict && !arguments.check) {
		fprintf(stderr, "%s: --strict belongs to --check; add that\n",
			texts->name);
		wrong_usage(texts);
	}
	return arguments;
}
