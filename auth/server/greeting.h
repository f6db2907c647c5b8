/*
 * greeting.h - a connection whose language is not known yet: its first line decides.
 */
#ifndef AUTH_SERVER_GREETING_H
#define AUTH_SERVER_GREETING_H

#include "auth/server/connection.h"

connection_read_fn greeting_read;

#endif
