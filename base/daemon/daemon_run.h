/*
 * daemon_run.h - the life of a daemon, written once for both (daemon.h).
 */
#ifndef BASE_DAEMON_RUN_H
#define BASE_DAEMON_RUN_H

struct daemon_ops;

/* Run until SIGTERM, and return the exit status; SIGUSR2 ends the process in here. */
int daemon_run(const struct daemon_ops *ops, int argc, char **argv);

#endif
